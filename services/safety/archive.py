"""How a case is filed: each fact as it is written down for ever and read back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never

from services.safety import form
from services.safety.domain import Assessment, Case, Fact, Known, Submission, Version
from services.safety.judgements import Judgements
from services.safety.submissions import Sent
from shared.contracts import jsontext
from shared.contracts.envelope import parse_time, rfc3339
from shared.contracts.subjects import TrialId

Kind = Literal["known", "version", "assessment", "submission"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact as a row holds it; `body` is a JSON object."""

    kind: Kind
    body: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A case in its trial, and with each of its facts who brought it (None: an event)."""

    trial: TrialId
    case: Case
    people: tuple[str | None, ...]

    def stepped(self, case: Case, person: str | None) -> "Filed":
        """The case after somebody's step, or an event's."""
        new = len(case.facts) - len(self.people)
        return Filed(self.trial, case, (*self.people, *([person] * new)))


def write(fact: Fact) -> Kept:
    """The fact as it is kept; its time stands beside it."""
    match fact:
        case Known(matched=matched, arm=arm, regimen=regimen):
            return _kept("known", {"matched": matched, "arm": arm, "regimen": regimen})
        case Version(number=number, report=report):
            aware_at = rfc3339(report.sponsor_aware_at)
            body = {"number": number, "sponsor_aware_at": aware_at, "form": report.form}
            return _kept("version", body)
        case Assessment(judgements=said):
            body = {"causality": said.causality, "expected": said.expected, "reason": said.reason}
            return _kept("assessment", body)
        case Submission(sent=sent):
            at = rfc3339(sent.submitted_at)
            body = {"authority": sent.authority, "kind": sent.kind, "submitted_at": at}
            return _kept("submission", body)
        case _:
            assert_never(fact)


def read(kept: Kept, at: datetime) -> Fact:
    """The fact that was kept."""
    body: Any = jsontext.loads(kept.body)
    match kept.kind:
        case "known":
            return Known(at, **body)
        case "version":
            report = form.stored(body["form"], parse_time(body["sponsor_aware_at"]))
            return Version(body["number"], at, report)
        case "assessment":
            return Assessment(at, Judgements(**body))
        case "submission":
            sent = {**body, "submitted_at": parse_time(body["submitted_at"])}
            return Submission(at, Sent(**sent))
        case _:
            assert_never(kept.kind)


def _kept(kind: Kind, body: Mapping[str, object]) -> Kept:
    return Kept(kind, jsontext.dumps(body).decode())

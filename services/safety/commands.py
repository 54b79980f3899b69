"""What people do to cases: decided and kept in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from services.safety import domain, form, store, subjects
from services.safety.archive import Filed
from services.safety.components import Components
from services.safety.domain import Case, Known, Step
from services.safety.judgements import read_assessment
from services.safety.rules import SafetyRules
from services.safety.subjects import Subject
from services.safety.submissions import read_submission
from shared.contracts.envelope import Envelope
from shared.contracts.events.base import Event
from shared.contracts.subjects import SubjectId, TrialId
from shared.contracts.versions import ByTime, Versions
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent

Object = Mapping[str, object]
Take = Callable[[SafetyRules, Case, datetime], Step]
"""A person's step with a case: raises FormErrors."""


@dataclass(frozen=True)
class Trial:
    """A trial whose subjects are watched over here."""

    versions: Versions
    rules: ByTime[SafetyRules]

    @property
    def id(self) -> TrialId:
        """The trial's id."""
        return self.versions.id


@dataclass(frozen=True, slots=True)
class Told:
    """A case as it stands, and what is said of it."""

    filed: Filed
    events: Sequence[NewEvent]


async def known(db: Connection, trial: Trial, subject: SubjectId) -> Subject:
    """The subject as events have told of it, locked."""
    name = trial.id, subject
    return (await subjects.lock(db, [name]))[name]


async def report(
    db: Connection, trial: Trial, subject: Subject, raw: Object, person: str, now: datetime
) -> Told:
    """Keep a new case of a locked subject; FormErrors."""
    rules = trial.rules.at(now)
    read = form.read(rules, raw, now, _had(rules.components, subject))
    case = str(uuid7())
    step = domain.report(rules, case, subject.id, read, told_of(subject, now), now, raw)
    filed = Filed(trial.id, step.case, (None,)).stepped(step.case, person)
    await store.save(db, [(None, filed)])
    return Told(filed, news(filed, step.events, now, person=person))


def checked(trial: Trial, raw: Object, now: datetime) -> None:
    """FormErrors in what would be refused of any subject: it tells nothing of this one."""
    form.read(trial.rules.at(now), raw, now, _every(trial, now))


def checked_follow_up(trial: Trial, raw: Object, now: datetime) -> None:
    """FormErrors in what would be refused of any case."""
    form.check_changes(trial.rules.at(now), raw, now, _every(trial, now))


def checked_assessment(trial: Trial, raw: Object, now: datetime) -> None:
    """FormErrors in what would be refused of any case."""
    read_assessment(raw, _every(trial, now), reason_needed=True)


def follow_up(raw: Object) -> Take:
    """The next version of a case: the changed fields alone."""

    def take(rules: SafetyRules, case: Case, now: datetime) -> Step:
        old = case.newest.report.form
        read = form.read_follow_up(rules, old, raw, now, case.components)
        return domain.follow_up(rules, case, read, raw, now)

    return take


def assess(raw: Object) -> Take:
    """The sponsor's judgement."""

    def take(rules: SafetyRules, case: Case, now: datetime) -> Step:
        said = read_assessment(raw, case.components, reason_needed=True)
        return domain.assess(rules, case, said, now)

    return take


def submit(raw: Object) -> Take:
    """A report was sent to an authority."""

    def take(rules: SafetyRules, case: Case, now: datetime) -> Step:
        return domain.submit(rules, case, read_submission(rules, raw, now, case.aware_at), now)

    return take


async def step(
    db: Connection, trial: Trial, case: UUID, take: Take, person: str, now: datetime
) -> Told:
    """A person's step with a case, whose subject is locked; FormErrors."""
    [before] = await store.load(db, {trial.id: trial.rules}, [case])
    made = take(trial.rules.at(now), before.case, now)
    after = before.stepped(made.case, person)
    await store.save(db, [(before, after)])
    return Told(after, news(after, made.events, now, person=person))


def told_of(subject: Subject, now: datetime) -> Known:
    """What events have told of a subject, as a fact of its cases."""
    return Known(now, subject.named, subject.arm, subject.regimen)


def news(
    filed: Filed,
    events: Sequence[Event],
    now: datetime,
    *,
    person: str | None = None,
    cause: Envelope | None = None,
) -> list[NewEvent]:
    """Events of a case in their envelopes, by a person, caused by an event, or by time."""
    case = filed.case
    return [
        NewEvent(event, now, filed.trial, case.subject, case.site, person, cause)
        for event in events
    ]


def _every(trial: Trial, now: datetime) -> tuple[str, ...]:
    """The components that some subject of the trial may have."""
    return trial.rules.at(now).components.of(None, None)


def _had(components: Components, subject: Subject) -> tuple[str, ...]:
    return components.of(subject.arm, subject.regimen)

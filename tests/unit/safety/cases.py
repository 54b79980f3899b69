"""Cases for the tests: told by what happened when, in the words of the page."""

from datetime import datetime
from typing import Any

from services.safety import domain
from services.safety.clocks import Clock
from services.safety.domain import Case, Known, Step
from services.safety.form import read, read_follow_up
from services.safety.judgements import Judgements
from services.safety.rules import SafetyRules, known
from services.safety.submissions import Sent
from shared.contracts.events.base import Event
from shared.contracts.subjects import SubjectId
from tests.unit.safety.forms import NCT, Form, at

CASE = "01990000-0000-7000-8000-000000000001"
SUBJECT = SubjectId("IT001-0007")


class Story:
    """One case of one subject; each method is one thing that happens, at `2026-03-01 12:00`."""

    def __init__(
        self, when: str, rules: SafetyRules = NCT, matched: bool = True, **form: Any
    ) -> None:
        """The report, of a subject of arm SOC on cabozantinib and nivolumab."""
        self.rules = rules
        arm, regimen = ("SOC", "cabozantinib_nivolumab") if matched else (None, None)
        about = Known(at(when), matched, arm, regimen)
        whole: Form = {"term": "X", "site_aware_at": f"{when[:10]}T00:00:00Z", **form}
        whole = {"seriousness": ["hospitalisation"], **whole}
        had = rules.components.of(arm, regimen)
        told = read(rules, whole, at(when), had)
        self.events: list[Event] = []
        self._take(domain.report(rules, CASE, SUBJECT, told, about, at(when), whole))

    case: Case

    def _take(self, step: Step) -> list[Event]:
        self.case = step.case
        self.events += step.events
        return list(step.events)

    def follow_up(self, when: str, **changes: Any) -> list[Event]:
        old = self.case.newest.report.form
        told = read_follow_up(self.rules, old, changes, at(when), self.case.components)
        return self._take(domain.follow_up(self.rules, self.case, told, changes, at(when)))

    def judge(
        self, when: str, related: bool | None = None, expected: bool | None = None
    ) -> list[Event]:
        """The sponsor judges every component alike."""
        word = {True: "related", False: "not_related", None: None}[related]
        said = Judgements(
            dict.fromkeys(self.case.components, word),  # type: ignore[arg-type]
            dict.fromkeys(self.case.components, expected),
            "because",
        )
        return self._take(domain.assess(self.rules, self.case, said, at(when)))

    def send(
        self, when: str, kind: Any, authority: str = "EU-CTR", sent: str | None = None
    ) -> list[Event]:
        name = known(authority)
        assert name is not None
        told = Sent(name, kind, at(sent or when))
        return self._take(domain.submit(self.rules, self.case, told, at(when)))

    def learn(self, when: str, arm: str | None, regimen: str | None) -> list[Event]:
        told = Known(at(when), True, arm, regimen)
        return self._take(domain.learn(self.rules, self.case, told))

    def wait(self, when: str) -> list[Event]:
        return self._take(domain.tick(self.case, at(when)))

    def clocks(self, when: str) -> list[tuple[str, str, str, str]]:
        """The clocks towards authorities: kind, day zero, last day, state."""
        now: datetime = at(when)
        return [
            (
                clock.duty.kind,
                clock.duty.day_zero.isoformat()[5:],
                clock.duty.last_day.isoformat()[5:],
                clock.state(now),
            )
            for clock in self.case.clocks
            if clock.duty.authority is not None
        ]

    def susar(self) -> bool:
        return self.case.susar

    def components(self) -> tuple[str, ...]:
        return self.case.components

    def next_at(self) -> datetime | None:
        return self.case.next_at

    def site_clock(self) -> Clock:
        [clock] = [one for one in self.case.clocks if one.duty.authority is None]
        return clock


def names(events: list[Event]) -> list[str]:
    """The types of the events, and what a warning says."""
    return [type(one).__name__ + getattr(one, "left", "") for one in events]

"""What a subject's facts mean to the people of its site: a state in words, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

Tone = Literal["good", "attention", "bad", "neutral"]

REFUSALS = {
    "cap_reached": "the trial has all its subjects",
    "stratum_closed": "the stratum is full",
    "site_cap_reached": "the site has all its subjects",
    "site_closed": "the site is closed",
    "trial_closed": "the trial is closed",
    "consent_withdrawn": "the consent was withdrawn",
    "list_exhausted": "the allocation list is used up",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as the read model has it: no arm, no clinical value."""

    trial: str
    subject: str
    site: str
    screening: str | None = None
    attempt: int | None = None
    revision: int | None = None
    verdict: str | None = None
    signed: bool = False
    stratum: str | None = None
    unmet: Sequence[str] = ()
    unknown: Sequence[str] = ()
    failed: bool = False
    screened_at: datetime | None = None
    waiting: bool = False
    refused: str | None = None
    refused_for: Sequence[int] | None = None
    number: int | None = None
    drawn_stratum: str | None = None
    randomized_at: datetime | None = None
    deviation: bool = False
    left_treatment: date | None = None
    withdrew: date | None = None
    died: date | None = None
    cases: int = 0

    @property
    def refusal(self) -> str | None:
        """Why the draw was refused, while that is about the newest revision; in words."""
        if self.refused is None or self.number is not None:
            return None
        about = tuple(self.refused_for or ())
        if any(about) and about < (self.attempt or 0, self.revision or 0):
            return None
        return REFUSALS.get(self.refused, self.refused.replace("_", " "))


@dataclass(frozen=True, slots=True)
class State:
    """How a subject stands; `step` is what somebody at the site does next, None: nothing."""

    tone: Tone
    words: str
    step: Literal["complete", "sign", "look", "screen"] | None = None


def state_of(subject: Subject, *, needs_signature: bool, paused: bool) -> State:
    """The one state that matters most, as the site would say it."""
    if subject.died is not None:
        return State("neutral", f"died {subject.died}")
    if subject.withdrew is not None:
        return State("neutral", f"consent withdrawn {subject.withdrew}")
    if subject.number is not None:
        return _randomized(subject)
    if subject.failed:
        return State("neutral", "screen failure")
    if subject.refusal is not None:
        return State("bad", f"refused: {subject.refusal}", "look")
    match subject.verdict:
        case "incomplete":
            return State("attention", _open(len(subject.unknown)), "complete")
        case "ineligible":
            return State("bad", "not eligible", "look")
        case "eligible" if needs_signature and not subject.signed:
            return State("attention", "waiting for signature", "sign")
        case "eligible" if subject.waiting:
            why = "randomization is paused" if paused else "no allocation is free yet"
            return State("neutral", f"waiting: {why}")
        case "eligible":
            return State("neutral", "eligible, being randomized")
        case _:
            return State("neutral", "not screened here yet", "screen")


def _randomized(subject: Subject) -> State:
    if subject.deviation:
        return State("attention", "randomized, eligibility deviation", "look")
    if subject.left_treatment is not None:
        return State("neutral", f"left treatment {subject.left_treatment}")
    return State("good", "randomized")


def _open(criteria: int) -> str:
    return f"{criteria} {'criterion' if criteria == 1 else 'criteria'} open"


def span(length: timedelta) -> str:
    """A length of time in its two greatest units: `3 h 12 min`, `6 d 4 h`; under a minute so."""
    minutes = int(abs(length) / timedelta(minutes=1))
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    said = [f"{number} {unit}" for number, unit in parts if number]
    if days:
        said = [text for text in said if not text.endswith("min")]
    return " ".join(said) or "less than a minute"


def left(due: datetime, now: datetime) -> str:
    """Time to an instant, or since it: `in 3 h 12 min`, `2 d ago`."""
    return f"in {span(due - now)}" if due >= now else f"{span(now - due)} ago"


@dataclass(frozen=True, slots=True)
class Curve:
    """Subjects randomized in all at the end of each day on which the number changed."""

    days: Sequence[date]
    totals: Sequence[int]


def curve(by_day: Sequence[tuple[date, int]]) -> Curve:
    """The running total of draws by day, in the order of days."""
    totals: list[int] = []
    for _, number in sorted(by_day):
        totals.append(number + (totals[-1] if totals else 0))
    return Curve([day for day, _ in sorted(by_day)], totals)

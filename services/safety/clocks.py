"""Reporting clocks: what has to be sent to whom by when, and what is said while time runs.

Days are UTC calendar days. Day zero is the day on which the sponsor (for `site_to_sponsor` the
site) knew; a clock of N days is due at the end of day zero + N: the first instant of the day after.
Sources: 536/2014 Article 42 and Annex III 2.4; 21 CFR 312.32 (c); ICH E2A, III.B.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple

from services.safety.authorities import AUTHORITIES, Name
from services.safety.classification import Classification
from services.safety.form import Report
from shared.contracts.events.safety import ClockKind

State = Literal["running", "overdue", "met", "late", "cancelled"]
Sign = Literal["half", "tenth", "overdue"]

LENGTHS: Final[dict[ClockKind, timedelta]] = {
    "site_to_sponsor": timedelta(hours=24),
    "expedited_7": timedelta(days=7),
    "follow_up_8": timedelta(days=8),
    "expedited_15": timedelta(days=15),
}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Duty:
    """A report that is owed; ``authority`` None: by the site to the sponsor. ``due`` is UTC."""

    kind: ClockKind
    authority: Name | None
    day_zero: date
    due: datetime

    @property
    def last_day(self) -> date:
        """The last day on which a report in days is in time."""
        return (self.due - _DAY).date()

    def answer(self) -> dict[str, object]:
        """The duty as JSON."""
        return {
            "kind": self.kind,
            "authority": self.authority,
            "day_zero": self.day_zero,
            "due": self.due,
        }


class Moment(NamedTuple):
    """An instant at which something is to be said of a clock."""

    at: datetime
    sign: Sign


@dataclass(frozen=True, slots=True)
class Clock:
    """A duty as it runs.

    ``version`` is that of the facts it counts from, ``since`` when the sponsor had them. ``after``
    is, of a `follow_up_8`, the clock that it follows. ``told`` is what has been said, each once.
    Open until it is stopped or cancelled, and never erased.
    """

    id: str
    duty: Duty
    version: int
    since: datetime
    after: str | None = None
    told: tuple[Sign, ...] = ()
    stopped_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it still waits for a report."""
        return self.stopped_at is None and self.cancelled_at is None

    @property
    def settled(self) -> Literal["met", "late"] | None:
        """Whether what stopped it was in time: at the due instant at the latest."""
        if self.stopped_at is None:
            return None
        return "met" if to_the_second(self.stopped_at) <= self.duty.due else "late"

    def state(self, now: datetime) -> State:
        """How it stands."""
        if self.cancelled_at is not None:
            return "cancelled"
        return self.settled or ("overdue" if now >= self.duty.due else "running")

    def next(self) -> Moment | None:
        """What is to be said next: at half and at a tenth of the length left, and when due."""
        if not self.open:
            return None
        length = LENGTHS[self.duty.kind]
        moments = (
            Moment(self.duty.due - length / 2, "half"),
            Moment(self.duty.due - length / 10, "tenth"),
            Moment(self.duty.due, "overdue"),
        )
        return next((moment for moment in moments if moment.sign not in self.told), None)

    def answer(self, now: datetime) -> dict[str, object]:
        """The clock as JSON, without its case."""
        return {
            "clock": self.id,
            **self.duty.answer(),
            "state": self.state(now),
            "stopped_at": self.stopped_at,
            "reason": None if self.cancelled_at is None else "not_susar",
        }


def to_the_second(at: datetime) -> datetime:
    """The instant with its fraction of a second dropped."""
    return at.replace(microsecond=0)


def utc_day(at: datetime) -> date:
    """The UTC calendar day of an instant."""
    return at.astimezone(UTC).date()


def in_days(kind: ClockKind, authority: Name, day_zero: date) -> Duty:
    """A duty of N days towards an authority."""
    end = datetime.combine(day_zero + LENGTHS[kind] + _DAY, time(), UTC)
    return Duty(kind, authority, day_zero, end)


def expedited(authority: Name, report: Report, *, urgent: bool) -> Duty:
    """What is owed for a SUSAR from the day on which the sponsor had the report."""
    kind: ClockKind = "expedited_7" if urgent else "expedited_15"
    return in_days(kind, authority, utc_day(report.sponsor_aware_at))


def site_to_sponsor(report: Report) -> Duty:
    """The site owes a serious event within 24 hours, to the second."""
    knew = to_the_second(report.site_aware_at)
    return Duty("site_to_sponsor", None, utc_day(knew), knew + LENGTHS["site_to_sponsor"])


def follow_up(seven: Duty, sent_at: datetime | None) -> Duty | None:
    """What is owed after an `expedited_7`: 8 more days from the day it was sent, or from its last
    day when that is earlier. None where the authority asks for none.
    """
    if seven.authority is None or not AUTHORITIES[seven.authority].follows_up:
        return None
    sent_on = seven.last_day if sent_at is None else utc_day(sent_at)
    return in_days("follow_up_8", seven.authority, min(sent_on, seven.last_day))


def at_once(report: Report, found: Classification) -> tuple[Duty, ...]:
    """The duties that a report alone starts."""
    duties = [site_to_sponsor(report)] if report.serious else []
    duties += [
        expedited(name, report, urgent=report.urgent)
        for name, judged in found.authorities.items()
        if judged.susar
    ]
    return tuple(duties)

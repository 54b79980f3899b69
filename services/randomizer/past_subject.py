"""A subject as it stood when the randomizer last spoke of it, from what was heard and said.

Of a subject's screenings only those count that had been considered for what was said: later ones
come again and are decided as ever. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import attrgetter
from uuid import UUID

from services.randomizer.book import Book, Drawn, Subject
from services.randomizer.desk import Desk
from services.randomizer.domain import take
from services.randomizer.facts import ConsentWithdrawn, Fact
from services.randomizer.rules import Rules
from shared.contracts.events.randomization import (
    EligibilityDeviation,
    PatientRandomized,
    RandomizationRefused,
    RandomizationWaiting,
    RefusalReason,
)
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId

OfSubject = PatientRandomized | RandomizationRefused | RandomizationWaiting | EligibilityDeviation


@dataclass(frozen=True, slots=True)
class Said:
    """An event of ours that the database does not know, with the event that made us say it."""

    event: OfSubject
    id: UUID
    sequence: int
    time: datetime
    cause: UUID | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event about the subject that the database does not know, where it stood in its key."""

    event: PatientScreened | ScreeningFailed | SubjectWithdrawn
    id: UUID
    sequence: int
    time: datetime

    @property
    def fact(self) -> Fact:
        """What the domain makes of it."""
        if isinstance(self.event, SubjectWithdrawn):
            return ConsentWithdrawn(SubjectId(self.event.subject), SiteId(self.event.site))
        return self.event


@dataclass(frozen=True, slots=True)
class Considered:
    """The last that had been taken of a subject: its screenings, its withdrawals."""

    screening: Heard | None
    withdrawal: Heard | None

    def covers(self, one: Heard) -> bool:
        """Whether that had been taken."""
        last = self.withdrawal if isinstance(one.event, SubjectWithdrawn) else self.screening
        return last is not None and one.sequence <= last.sequence


def considered(
    said: Sequence[Said], heard: Sequence[Heard], signs: Callable[[str], bool]
) -> Considered:
    """How far the subject's events had been taken when the last of this was said.

    Of what a person's command made us say there is no cause; what it went by is found all the same.
    """
    by_id = {one.id: one for one in heard}
    causes = [by_id[one.cause] for one in said if one.cause in by_id]
    causes += [found for one in said for found in _went_by(one, heard, signs)]
    screenings = [one for one in causes if not isinstance(one.event, SubjectWithdrawn)]
    withdrawals = [one for one in causes if isinstance(one.event, SubjectWithdrawn)]
    return Considered(_last(screenings), _last(withdrawals))


def _went_by(said: Said, heard: Sequence[Heard], signs: Callable[[str], bool]) -> list[Heard]:
    """What was heard before that what was said tells by itself, whatever made us say it."""
    before = [one for one in heard if one.time <= said.time]
    screenings = [(one, one.event) for one in before if isinstance(one.event, PatientScreened)]
    match said.event:
        case PatientRandomized(stratum=stratum) if said.cause is None:
            fit = [
                one
                for one, form in screenings
                if form.verdict == "eligible"
                and form.stratum == stratum
                and (form.signed or not signs(form.protocol_version))
            ]
            return fit[-1:]
        case RandomizationRefused(attempt=attempt, revision=revision, reason=reason):
            same = [
                one
                for one, form in screenings
                if (form.attempt, form.revision) == (attempt, revision)
            ]
            withdrawn = [one for one in before if isinstance(one.event, SubjectWithdrawn)]
            return same[:1] + (withdrawn[-1:] if reason == "consent_withdrawn" else [])
        case _:
            return []


def _last(some: Sequence[Heard]) -> Heard | None:
    return max(some, key=attrgetter("sequence"), default=None)


class Retold(Desk):
    """The desk as it was: what came of each fact is what was told of it, and nothing is drawn.

    `places` has the place in the queue of each who began to wait, by the event that told it.
    `drawn` gathers the subjects as they stood when they were drawn, by number.
    """

    def __init__(
        self, rules: Rules, book: Book, said: Sequence[Said], places: Mapping[UUID, int]
    ) -> None:
        super().__init__(rules, book)
        self._said = list(said)
        self._places = places
        self._hears: Heard | None = None
        self._own: set[UUID] = set()
        self.drawn: dict[int, Subject] = {}

    def retell(self, name: SubjectId, heard: Sequence[Heard]) -> None:
        """Take what was heard of one subject, each with what was told of it."""
        self._own = {one.id for one in heard}
        screenings = [one for one in heard if not isinstance(one.event, SubjectWithdrawn)]
        withdrawals = [one for one in heard if isinstance(one.event, SubjectWithdrawn)]
        for one in merge(screenings, withdrawals, key=attrgetter("time")):
            self._commanded(name, one.time)
            self._hears = one
            take(self, one.fact)
        self._commanded(name, None)

    def consider(self, subject: Subject, stratum: str) -> None:
        """As it was told; where nothing was, the subject was waiting and kept its place."""
        cause = self._hears.id if self._hears else None
        told = next((one for one in self._said if one.cause == cause), None)
        if told is None:
            self.keep(subject._replace(standing="waiting", refusal=None))
        else:
            self._outcome(subject, told)

    def refuse(self, subject: Subject, reason: RefusalReason) -> None:
        """Told already."""
        self.keep(subject._replace(standing="refused", refusal=reason, arrival=None))

    def _commanded(self, name: SubjectId, before: datetime | None) -> None:
        """What came before a time of a person's command, or of the draw that ended the trial."""
        due = [
            one
            for one in self._said
            if self._foreign(one) and (before is None or one.time < before)
        ]
        for one in due:
            self._said.remove(one)
            self._outcome(self.known(name, one.event.site), one)

    def _foreign(self, said: Said) -> bool:
        """Whether no event about the subject itself made us say it."""
        ended = isinstance(said.event, RandomizationRefused) and said.cause not in self._own
        return said.cause is None or ended

    def _outcome(self, subject: Subject, told: Said) -> None:
        match told.event:
            case PatientRandomized(number=number, stratum=stratum):
                self.drawn[number] = subject
                drawn = Drawn(number, stratum)
                self.keep(
                    subject._replace(standing="randomized", refusal=None, arrival=None, drawn=drawn)
                )
            case RandomizationRefused(reason=reason):
                self.refuse(subject, reason)
            case RandomizationWaiting():
                place = self._places[told.id]
                self.keep(subject._replace(standing="waiting", refusal=None, arrival=place))
            case EligibilityDeviation():
                self.keep(subject)

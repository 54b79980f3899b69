"""A trial that a restored database has forgotten in part, from what the randomizer once said of it.

Nothing is decided anew: an allocation is what its event tells. Each is drawn again all the same,
from the sealed seed in the order of the numbers, so that every stratum stands where it stood; a
draw that would differ ends the restore. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter

from services.randomizer.allocation_list import AllocationList
from services.randomizer.book import Allocation, Book, Decision, Subject
from services.randomizer.domain import ImpossibleFactError
from services.randomizer.past_subject import Considered, Heard, Retold, Said, considered
from services.randomizer.plan import Plan
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from services.randomizer.treatment_code import treatment_code
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import (
    AllocationListLoaded,
    PatientRandomized,
    RandomizationClosed,
    RandomizationPaused,
    RandomizationResumed,
    RandomizationWaiting,
    SeedCommitted,
    SiteClosed,
    SiteOpened,
    TrialActivated,
)
from shared.contracts.subjects import SiteId, SubjectId


class UnknownPast(Exception):
    """What was said does not tell enough, or contradicts the seed; the message says where."""


@dataclass(frozen=True)
class Ground:
    """What draws: the newest plan, the seed, the list, the scheme of each protocol version.

    ``plans`` has every plan that is here by its version.
    """

    plan: Plan
    seed: Seed
    rows: AllocationList | None
    schemes: Mapping[str, Scheme]
    plans: Mapping[str, Plan] = field(default_factory=dict)

    def signs(self, version: str) -> bool:
        """Whether a version lets only the signed be drawn."""
        return self.plans.get(version, self.plan).requires_signature


@dataclass(frozen=True, slots=True)
class Activation:
    """A protocol version came into force after this number."""

    protocol_version: str
    after_number: int
    time: datetime


@dataclass(frozen=True)
class TakenBack:
    """The trial as it stood, when each number was drawn, and how far each subject was heard."""

    decision: Decision
    drawn_at: Mapping[int, datetime]
    considered: Mapping[SubjectId, Considered]
    activations: Sequence[Activation]
    last_said: datetime


def take_back(
    ground: Ground,
    book: Book,
    of_trial: Sequence[tuple[datetime, Event]],
    of_subjects: Mapping[SubjectId, Sequence[Said]],
    heard: Mapping[SubjectId, Sequence[Heard]],
) -> TakenBack:
    """The trial after all that was said of it and of its subjects, each in the order of its key.

    Raises ``UnknownPast``.
    """
    book = _after(ground, book, [event for _, event in of_trial])
    every = [one for said in of_subjects.values() for one in said]
    # In the order in which they were made: a UUIDv7 holds its time, and counts on within it.
    waited = [one for one in sorted(every, key=attrgetter("id")) if _waits(one)]
    places = {one.id: book.trial.arrivals + n for n, one in enumerate(waited, 1)}
    rules = Rules(ground.plan, ground.seed, ground.rows, ground.plans)
    subjects, went_by = dict(book.subjects), dict[int, Subject]()
    until: dict[SubjectId, Considered] = {}
    for name, said in of_subjects.items():
        about = heard.get(name, ())
        until[name] = considered(said, about, ground.signs)
        desk = Retold(rules, book, said, places)
        try:
            desk.retell(name, [one for one in about if until[name].covers(one)])
        except ImpossibleFactError as why:
            raise UnknownPast(f"a screening is not of this protocol ({why})") from why
        subjects[name] = desk.known(name, said[-1].event.site)
        went_by |= desk.drawn
    made, strata = _draws(ground, book, every, went_by)
    cells = Counter(book.cells) + Counter((one.site, one.stratum) for one in made)
    trial = book.trial._replace(
        randomized=book.trial.randomized + len(made),
        arrivals=book.trial.arrivals + len(waited),
    )
    changed = Decision(
        Book(trial, book.sites, strata, cells, subjects),
        (),
        tuple(made),
        frozenset(of_subjects),
        frozenset(one.stratum for one in made),
        frozenset((one.site, one.stratum) for one in made),
        frozenset(book.sites),
    )
    drawn_at = {
        e.number: one.time for one in every if isinstance(e := one.event, PatientRandomized)
    }
    last_said = max([time for time, _ in of_trial] + [one.time for one in every])
    begun = _activations(book.trial.randomized, drawn_at, of_trial)
    return TakenBack(changed, drawn_at, until, begun, last_said)


def _after(ground: Ground, book: Book, said: Sequence[Event]) -> Book:
    """The trial and its sites."""
    trial, sites = book.trial, dict(book.sites)
    for event in said:
        match event:
            case SeedCommitted():
                raise UnknownPast("its seed was made after this backup, and is in no topic")
            case AllocationListLoaded():
                raise UnknownPast("its list was loaded after this backup, and is in no topic")
            case TrialActivated(protocol_version=version, design_sha256=design):
                if version not in ground.schemes or ground.schemes[version].sha256 != design:
                    raise UnknownPast(f"version {version} of its protocol is not here")
                trial = trial._replace(
                    protocol_version=version,
                    protocol_sha256=event.protocol_sha256,
                    design_sha256=design,
                )
            case SiteOpened(site=site):
                sites[SiteId(site)] = True
            case SiteClosed(site=site):
                sites[SiteId(site)] = False
            case RandomizationPaused():
                trial = trial._replace(state="paused")
            case RandomizationResumed():
                trial = trial._replace(state="open")
            case RandomizationClosed(cause=by):
                trial = trial._replace(state="closed", closed_by=by)
            case _:
                pass
    return replace(book, trial=trial, sites=sites)


def _waits(one: Said) -> bool:
    return isinstance(one.event, RandomizationWaiting)


def _draws(
    ground: Ground, book: Book, said: Sequence[Said], went_by: Mapping[int, Subject]
) -> tuple[list[Allocation], dict[str, StratumState]]:
    """The allocations in the order of their numbers, and where each stratum stands after them."""
    events = [one.event for one in said if isinstance(one.event, PatientRandomized)]
    made: list[Allocation] = []
    strata = dict(book.strata)
    for number, event in enumerate(
        sorted(events, key=attrgetter("number")), book.trial.randomized + 1
    ):
        if event.number != number:
            raise UnknownPast(f"number {number} is in no topic")
        by = went_by.get(number)
        arm, strata[event.stratum] = _drawn_again(ground, event, strata, by)
        by = by or Subject(SubjectId(event.subject), SiteId(event.site))
        made.append(
            Allocation(
                number=number,
                subject=SubjectId(event.subject),
                site=SiteId(event.site),
                stratum=event.stratum,
                arm=arm,
                protocol_version=event.protocol_version,
                screening=by.screening,
                attempt=by.attempt,
                revision=by.revision,
                form_sha256=by.form_sha256,
                carry=by.carry,
                treatment_code=event.treatment_code,
            )
        )
    return made, strata


def _drawn_again(
    ground: Ground,
    event: PatientRandomized,
    strata: Mapping[str, StratumState],
    by: Subject | None,
) -> tuple[str, StratumState]:
    scheme = ground.schemes.get(event.protocol_version)
    if scheme is None or event.stratum not in scheme.ratios:
        raise UnknownPast(f"version {event.protocol_version} of its protocol is not here")
    if by is None and scheme.carried:
        raise UnknownPast(f"the values that number {event.number} went by are in no topic")
    subject, carry = SubjectId(event.subject), by.carry if by is not None else {}
    drawn = scheme.draw(strata, subject, event.stratum, ground.seed, ground.rows, carry)
    if drawn is None or _told(ground.seed, event, drawn[0]) != (event.arm, event.treatment_code):
        raise UnknownPast(f"the seed draws number {event.number} otherwise than it was told")
    return drawn


def _told(seed: Seed, event: PatientRandomized, arm: str) -> tuple[str | None, str | None]:
    """The arm or the code that would have been told of this arm, as the draw was open or masked."""
    if event.treatment_code is None:
        return arm, None
    subject = SubjectId(event.subject)
    return None, treatment_code(seed, event.number, subject, event.stratum, arm)


def _activations(
    randomized: int, drawn_at: Mapping[int, datetime], said: Sequence[tuple[datetime, Event]]
) -> list[Activation]:
    """Each activation with the last number drawn before it; ``randomized`` is the backup's."""
    return [
        Activation(
            event.protocol_version,
            max((number for number, at in drawn_at.items() if at < time), default=randomized),
            time,
        )
        for time, event in said
        if isinstance(event, TrialActivated)
    ]

"""A trial that a restored database has forgotten in part, from what the randomizer once said of it.

Nothing is decided anew: an allocation is what its event tells. Each is drawn again all the same,
from the sealed seed in the order of the numbers, so that every stratum stands where it stood; a
draw that would differ ends the restore. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from services.randomizer.allocation_list import AllocationList
from services.randomizer.book import Allocation, Book, Subject
from services.randomizer.desk import Decision, Rules
from services.randomizer.domain import ImpossibleFactError
from services.randomizer.past_subject import Considered, Heard, Retold, Said, considered
from services.randomizer.plan import Plan
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
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
    """What draws: the plan in force, the seed, the list, the scheme of each protocol version."""

    plan: Plan
    seed: Seed
    rows: AllocationList | None
    schemes: Mapping[str, Scheme]


@dataclass(frozen=True, slots=True)
class Activation:
    """The protocol version now in force came into force after this number."""

    after_number: int
    time: datetime


@dataclass(frozen=True)
class TakenBack:
    """The trial as it stood, when each number was drawn, and how far each subject was heard."""

    decision: Decision
    drawn_at: Mapping[int, datetime]
    considered: Mapping[SubjectId, Considered]
    activation: Activation | None
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
    rules = Rules(ground.plan, ground.seed, ground.rows)
    subjects, went_by = dict(book.subjects), dict[int, Subject]()
    until: dict[SubjectId, Considered] = {}
    for name, said in of_subjects.items():
        about = heard.get(name, ())
        until[name] = considered(said, about, ground.plan.requires_signature)
        desk = Retold(rules, book, said, places)
        try:
            desk.retell(name, [one for one in about if until[name].covers(one)])
        except ImpossibleFactError as why:
            raise UnknownPast(f"a screening is not of this protocol ({why})") from why
        subjects[name] = desk.known(name, said[-1].event.site)
        went_by |= desk.drawn
    made, strata = _draws(ground, book, every, went_by)
    cells = Counter(book.cells) + Counter((one.site, one.stratum) for one in made)
    trial = replace(
        book.trial,
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
    return TakenBack(changed, drawn_at, until, _activation(changed, of_trial), last_said)


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
                trial = replace(
                    trial,
                    protocol_version=version,
                    protocol_sha256=event.protocol_sha256,
                    design_sha256=design,
                )
            case SiteOpened(site=site):
                sites[SiteId(site)] = True
            case SiteClosed(site=site):
                sites[SiteId(site)] = False
            case RandomizationPaused():
                trial = replace(trial, state="paused")
            case RandomizationResumed():
                trial = replace(trial, state="open")
            case RandomizationClosed(cause=by):
                trial = replace(trial, state="closed", closed_by=by)
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
        arm, strata[event.stratum] = _drawn_again(ground, event, strata)
        by = went_by.get(number) or Subject(SubjectId(event.subject), SiteId(event.site))
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
            )
        )
    return made, strata


def _drawn_again(
    ground: Ground, event: PatientRandomized, strata: Mapping[str, StratumState]
) -> tuple[str, StratumState]:
    scheme = ground.schemes.get(event.protocol_version)
    if scheme is None or event.stratum not in scheme.ratios:
        raise UnknownPast(f"version {event.protocol_version} of its protocol is not here")
    at, subject = strata.get(event.stratum), SubjectId(event.subject)
    drawn = scheme.draw(at, subject, event.stratum, ground.seed, ground.rows)
    if drawn is None or drawn[0] != event.arm:
        raise UnknownPast(f"the seed draws number {event.number} otherwise than it was told")
    return drawn


def _activation(decision: Decision, said: Sequence[tuple[datetime, Event]]) -> Activation | None:
    trial = decision.book.trial
    times = [time for time, event in said if isinstance(event, TrialActivated)]
    if not times:
        return None
    numbers = [
        one.number for one in decision.allocations if one.protocol_version == trial.protocol_version
    ]
    return Activation(min(numbers, default=trial.randomized + 1) - 1, times[-1])

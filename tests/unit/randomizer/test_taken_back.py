"""What was said since a backup is taken back: the trial then stands exactly where it stood."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

import pytest

from services.randomizer.activation import activate
from services.randomizer.book import Book, Decision
from services.randomizer.domain import NotPossibleError, decide
from services.randomizer.facts import Close, CloseSite, ConsentWithdrawn, Fact, Pause, Resume
from services.randomizer.past_subject import Considered, Heard, OfSubject, Said
from services.randomizer.rules import Rules
from services.randomizer.seed import Seed
from services.randomizer.taken_back import Activation, Ground, TakenBack, UnknownPast, take_back
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import PatientRandomized, SeedCommitted, TrialActivated
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId
from tests.unit.randomizer.made import LISTED, SEED, TRIAL, amended, failed, rules, screened

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEVER = Considered(None, None)


def ground_of(by: Rules) -> Ground:
    plans = {**by.earlier, by.plan.protocol_version: by.plan}
    schemes = {version: plan.scheme for version, plan in plans.items()}
    return Ground(by.plan, by.seed, by.rows, schemes, plans)


@dataclass
class Life:
    """A trial that goes on, with all that was heard and said, and when."""

    by: Rules
    book: Book
    ticks: "count[int]" = field(default_factory=lambda: count(1))
    heard: dict[SubjectId, list[Heard]] = field(default_factory=dict)
    said: dict[SubjectId, list[Said]] = field(default_factory=dict)
    of_trial: list[tuple[datetime, Event]] = field(default_factory=list)

    def amend(self, by: Rules) -> None:
        self.by = amended(self.by, by)
        begun = activate(self.by, self.book)
        assert begun is not None
        self.book = begun.book
        self.say(begun, NOON + timedelta(seconds=next(self.ticks)), None)

    def hear(self, fact: Fact) -> None:
        tick = next(self.ticks)
        time, cause = NOON + timedelta(seconds=tick), None
        if isinstance(fact, PatientScreened | ScreeningFailed | ConsentWithdrawn):
            told: PatientScreened | ScreeningFailed | SubjectWithdrawn
            if isinstance(fact, ConsentWithdrawn):
                given = {"subject": fact.subject, "site": fact.site, "from": "consent"}
                told = SubjectWithdrawn.model_validate({**given, "date": NOON.date()})
            else:
                told = fact
            cause = UUID(int=tick)
            about = self.heard.setdefault(SubjectId(fact.subject), [])
            about.append(Heard(told, cause, len(about) + 1, time))
        try:
            decision = decide(self.by, self.book, [fact])
        except NotPossibleError:
            return
        self.book = decision.book
        self.say(decision, time, cause)

    def say(self, decision: Decision, time: datetime, cause: UUID | None) -> None:
        for _, event in decision.events:
            if isinstance(event, OfSubject):
                name, id_ = SubjectId(event.subject), UUID(int=next(self.ticks))
                several = self.said.setdefault(name, [])
                several.append(Said(event, id_, len(several) + 1, time, cause))
            else:
                self.of_trial.append((time, event))


def begun(by: Rules) -> Life:
    started = activate(by, None)
    assert started is not None
    return Life(by, started.book)


def anything(dice: random.Random, versions: Sequence[str] = ("1.0",)) -> Fact:
    """Some fact of one of a few subjects, or a person's command."""
    n = dice.randint(1, 12)
    draw = dice.random()
    if draw < 0.05:
        return Pause()
    if draw < 0.14:
        return Resume()
    if draw < 0.145:
        return Close()
    if draw < 0.2:
        return CloseSite(SiteId("IT002"))
    site = "IT001" if n < 9 else "IT002"
    attempt = dice.choice((1, 1, 1, 2))
    if draw < 0.25:
        return failed(n, site=site, attempt=attempt)
    if draw < 0.3:
        return ConsentWithdrawn(SubjectId(f"{site}-{n:04d}"), SiteId(site))
    return screened(
        n,
        site=site,
        stratum=dice.choice(("le4", "gt4")),
        verdict=dice.choice(("eligible", "eligible", "eligible", "ineligible")),
        signed=dice.random() < 0.8,
        attempt=attempt,
        revision=dice.randint(1, 4),
        version=dice.choice(versions),
    )


def after(life: Life, backup: Life) -> Decision:
    """The backup with all taken back that was said after it."""
    known = {name: len(several) for name, several in backup.said.items()}
    unknown = {name: several[known.get(name, 0) :] for name, several in life.said.items()}
    said = {name: several for name, several in unknown.items() if several}
    of_trial = life.of_trial[len(backup.of_trial) :]
    heard = {name: about[len(backup.heard.get(name, ())) :] for name, about in life.heard.items()}
    nothing = Decision(backup.book, (), (), *[frozenset()] * 4)
    taken = TakenBack(nothing, {}, {}, [], NOON)
    if said or of_trial:
        taken = take_back(ground_of(life.by), backup.book, of_trial, said, heard)
    book = taken.decision.book
    # Whatever had not been considered for what was said comes again, as after a restore.
    for name, about in heard.items():
        until = taken.considered.get(name, NEVER)
        for one in about:
            if not until.covers(one):
                again = decide(life.by, book, [one.fact])
                assert not again.events, (name, one)
                book = again.book
    return replace(taken.decision, book=book)


def copied(life: Life) -> Life:
    return replace(
        life,
        heard={name: list(several) for name, several in life.heard.items()},
        said={name: list(several) for name, several in life.said.items()},
        of_trial=list(life.of_trial),
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_trial_taken_back_stands_where_it_stood(seed: int) -> None:
    """Whatever happened: the same book, and what is heard again says nothing anew."""
    dice = random.Random(seed)
    life = begun(rules(target=dice.choice((None, 6, 20))))
    for _ in range(dice.randint(0, 60)):
        life.hear(anything(dice))
    backup = copied(life)
    for _ in range(dice.randint(1, 60)):
        life.hear(anything(dice))
    restored = after(life, backup)
    assert restored.book.trial == life.book.trial
    assert restored.book.sites == life.book.sites
    assert restored.book.strata == life.book.strata
    assert {cell: n for cell, n in restored.book.cells.items() if n} == life.book.cells
    assert restored.book.subjects == life.book.subjects


def test_the_next_draw_is_the_one_that_would_have_come() -> None:
    life = begun(rules())
    for n in range(1, 6):
        life.hear(screened(n))
    backup = copied(life)
    for n in range(6, 16):
        life.hear(screened(n))
    restored = after(life, backup)
    assert [one.number for one in restored.allocations] == list(range(6, 16))
    next_one = [screened(16)]
    assert decide(life.by, restored.book, next_one).allocations == (
        decide(life.by, life.book, next_one).allocations
    )


def told(life: Life, backup: Life) -> dict[SubjectId, list[Said]]:
    return {name: of for name, of in life.said.items() if name not in backup.said}


def test_a_draw_that_the_seed_does_not_make_ends_the_restore() -> None:
    life = begun(rules())
    backup = copied(life)
    for n in range(1, 9):
        life.hear(screened(n))
    other = replace(ground_of(life.by), seed=Seed(TRIAL, SEED.secret[::-1]))
    with pytest.raises(UnknownPast, match="otherwise than it was told"):
        take_back(other, backup.book, [], told(life, backup), life.heard)


def test_a_number_that_is_in_no_topic_ends_the_restore() -> None:
    life = begun(rules())
    backup = copied(life)
    for n in range(1, 4):
        life.hear(screened(n))
    said = told(life, backup)
    gone = next(
        name
        for name, of in said.items()
        if isinstance(of[0].event, PatientRandomized) and of[0].event.number == 2
    )
    del said[gone]
    with pytest.raises(UnknownPast, match="number 2 is in no topic"):
        take_back(ground_of(life.by), backup.book, [], said, life.heard)


def test_what_no_topic_holds_ends_the_restore() -> None:
    life = begun(rules())
    ground = ground_of(life.by)
    committed = SeedCommitted(commitment="0" * 64)
    with pytest.raises(UnknownPast, match="seed was made after this backup"):
        take_back(ground, life.book, [(NOON, committed)], {}, {})
    activated = TrialActivated(
        protocol_version="9", protocol_sha256="0" * 64, design_sha256="0" * 64
    )
    with pytest.raises(UnknownPast, match="version 9"):
        take_back(ground, life.book, [(NOON, activated)], {}, {})


def test_a_version_that_came_into_force_since_is_told_with_its_first_number() -> None:
    life = begun(rules())
    life.hear(screened(1))
    new = rules(version="2.0")
    ground = replace(
        ground_of(life.by), schemes={"1.0": life.by.plan.scheme, "2.0": new.plan.scheme}
    )
    event = TrialActivated(
        protocol_version="2.0", protocol_sha256="0" * 64, design_sha256=new.plan.scheme.sha256
    )
    taken = take_back(ground, life.book, [(NOON, event)], {}, {})
    assert taken.decision.book.trial.protocol_version == "2.0"
    assert list(taken.activations) == [Activation("2.0", 1, NOON)]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("since_the_backup", [False, True])
def test_two_versions_in_force_at_once_are_taken_back(seed: int, since_the_backup: bool) -> None:
    """Each draw by the version of its own screening, whichever came first."""
    dice = random.Random(seed)
    life = begun(rules(target=dice.choice((None, 30)), signature=dice.random() < 0.5))
    for _ in range(dice.randint(1, 30)):
        life.hear(anything(dice))
    backup = copied(life)
    sizes = {"le4": [3, 6], "gt4": [6]} if dice.random() < 0.5 else [6, 12]
    life.amend(rules(version="2.0", block_sizes=sizes, signature=dice.random() < 0.5))
    if not since_the_backup:
        backup = copied(life)
    for _ in range(40):
        life.hear(anything(dice, ("1.0", "2.0")))
    restored = after(life, backup)
    assert restored.book.trial == life.book.trial
    assert restored.book.strata == life.book.strata
    assert restored.book.subjects == life.book.subjects


@pytest.mark.parametrize("by_draw", [False, True])
def test_who_was_refused_because_the_trial_ended_is_refused_again(by_draw: bool) -> None:
    """The amendment's target was reached at once, or by another's draw while a list was missing."""
    life = begun(rules(LISTED if by_draw else None))
    life.hear(screened(5))
    life.hear(Pause())
    life.hear(screened(6))
    if by_draw:
        life.hear(Resume())
    backup = copied(life)
    life.amend(rules(version="2.0", target=1))
    life.hear(screened(7, version="2.0"))
    restored = after(life, backup)
    assert life.book.trial.closed_by == "target_reached"
    assert not [who for who in restored.book.subjects.values() if who.standing == "waiting"]
    assert restored.book.subjects == life.book.subjects


def test_an_activation_is_told_with_the_number_before_it() -> None:
    life = begun(rules())
    life.hear(screened(1))
    backup = copied(life)
    life.hear(screened(2))
    life.amend(rules(version="2.0"))
    life.hear(screened(3))
    since = life.of_trial[len(backup.of_trial) :]
    taken = take_back(ground_of(life.by), backup.book, since, told(life, backup), life.heard)
    assert [(one.protocol_version, one.after_number) for one in taken.activations] == [("2.0", 2)]


MINIMISED = {
    "design": "minimisation",
    "metric": "range",
    "p": Decimal("0.9"),
    "factors": [{"name": "site"}, {"name": "ecog"}],
}


def with_ecog(number: int, ecog: int) -> PatientScreened:
    return screened(number).model_copy(update={"carry": {"ecog": ecog}})


def test_minimisation_is_taken_back_with_the_values_of_each_draw() -> None:
    life = begun(rules(MINIMISED))
    backup = life.book
    for number in range(1, 25):
        life.hear(with_ecog(number, number * 7 % 3))
    taken = take_back(ground_of(life.by), backup, life.of_trial, life.said, life.heard)
    assert taken.decision.book.strata == life.book.strata
    assert [made.carry["ecog"] for made in taken.decision.allocations] == [
        number * 7 % 3 for number in range(1, 25)
    ]


def test_without_the_values_of_a_draw_minimisation_is_not_taken_back() -> None:
    life = begun(rules(MINIMISED))
    backup = life.book
    life.hear(with_ecog(1, 0))
    with pytest.raises(UnknownPast, match="values that number 1 went by"):
        take_back(ground_of(life.by), backup, life.of_trial, life.said, {})

"""What must hold of every design, over strata by factors, by site, and with arms of their own.

Each property is seen to fail too: a fault is planted in the running code for it, design by design.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.randomizer.book import Book, Decision
from services.randomizer.designs import AnyDesign
from services.randomizer.domain import decide
from services.randomizer.facts import Fact
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed, Stream
from shared.contracts.subjects import SubjectId
from tests.unit.randomizer import made
from tests.unit.randomizer.cases import CASES, LONGEST, Case
from tests.unit.randomizer.properties import (
    Property,
    balance_is_kept,
    each_arm_has_its_share,
    nothing_later_counts,
    other_names_permute_the_allocations,
    replay_equals_the_draws,
)

all_cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
few = settings(max_examples=6, deadline=None)
courses = st.lists(st.integers(0, 1), max_size=LONGEST)
LONG = [0, 1, 1, 0, 0, 0, 1, 0, 1, 1] * 3


def test_no_design_is_left_out() -> None:
    known = {of.model_fields["design"].annotation for of in get_args(get_args(AnyDesign)[0])}
    assert {get_args(name)[0] for name in known} == {case.design for case in CASES}


@all_cases
@few
@given(course=courses)
def test_replay_equals_the_draws(case: Case, course: list[int]) -> None:
    replay_equals_the_draws(case, course)


@all_cases
@few
@given(course=courses)
def test_other_names_of_the_arms_permute_the_allocations(case: Case, course: list[int]) -> None:
    other_names_permute_the_allocations(case, course)


@all_cases
@few
@given(course=courses)
def test_no_allocation_depends_on_what_comes_later(case: Case, course: list[int]) -> None:
    nothing_later_counts(case, course)


@all_cases
@few
@given(course=courses)
def test_balance_is_kept(case: Case, course: list[int]) -> None:
    balance_is_kept(case, course)


chance = pytest.mark.parametrize(
    "case", [case for case in CASES if case.design != "listed"], ids=lambda case: case.name
)


@chance
def test_each_arm_has_its_share(case: Case) -> None:
    each_arm_has_its_share(case, LONG)


# Faults, planted: the arm that a draw gives, the numbers it goes by, the order of the facts

Choose = Callable[[Sequence[str], str], str]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Property], None]:
    """Puts a fault in the running code that only this property tells."""
    draw, below = Scheme.draw, Stream.below
    asked = count()

    def another_arm(choose: Choose) -> None:
        def changed(
            self: Scheme,
            at: Mapping[str, StratumState],
            who: SubjectId,
            stratum: str,
            seed: Seed,
            *more: Any,
        ) -> tuple[str, StratumState] | None:
            drawn = draw(self, at, who, stratum, seed, *more)
            return drawn and (choose(self.ratios[stratum].arms, drawn[0]), drawn[1])

        monkeypatch.setattr(Scheme, "draw", changed)

    def small(self: Stream, n: int, position: int) -> int:
        return below(self, n, position) * below(self, n, position + 1000) // n

    def last_first(rules: Rules, book: Book, facts: Iterable[Fact]) -> Decision:
        return decide(rules, book, list(facts)[::-1])

    def planted(of: Property) -> None:
        if of is replay_equals_the_draws:  # what a draw gives depends on how many there were
            another_arm(lambda arms, _: arms[next(asked) % 7 % len(arms)])
        elif of is other_names_permute_the_allocations:  # the arms in the order of their names
            another_arm(lambda arms, arm: sorted(arms)[arms.index(arm)])
        elif of is nothing_later_counts:
            monkeypatch.setattr(made, "decide", last_first)
        elif of is each_arm_has_its_share:
            monkeypatch.setattr(Stream, "below", small)
        else:  # one in five goes to the first arm, whatever was drawn
            another_arm(lambda arms, arm: arms[0] if next(asked) % 5 == 0 else arm)

    return planted


@pytest.mark.parametrize(
    "of",
    [
        replay_equals_the_draws,
        other_names_permute_the_allocations,
        nothing_later_counts,
        each_arm_has_its_share,
        balance_is_kept,
    ],
    ids=lambda of: of.__name__,
)
@all_cases
def test_each_property_sees_its_fault(
    case: Case, of: Property, plant: Callable[[Property], None]
) -> None:
    if of is each_arm_has_its_share and case.design == "listed":
        return  # nothing is drawn by chance
    if of is balance_is_kept and case.design not in ("permuted_block", "by_stratum", "big_stick"):
        return  # no balance is promised before the end
    plant(of)
    with pytest.raises(AssertionError):
        of(case, LONG)

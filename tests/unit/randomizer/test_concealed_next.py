"""Nothing tells which arm comes next: not what is said, not its size, not the time it takes.

The past is the same in all trials compared, down to the book; only the seed differs, and with it
the arm to come. What is measured is everything between a screening and the bytes of its events.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable
from math import erfc, sqrt
from time import perf_counter_ns
from typing import Any

import pytest

from services.randomizer import answers
from services.randomizer.book import Book, Decision
from services.randomizer.domain import decide
from services.randomizer.facts import Close, CloseSite, Fact, Pause
from services.randomizer.records import Entry
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.subjects import SiteId
from shared.runtime.security import Role
from tests.unit.randomizer.cases import CASES, Case
from tests.unit.randomizer.made import TRIAL, Story
from tests.unit.randomizer.test_taken_back import NOON

NAMES = {"A": "A", "B": "Placebo", "C": "Xan_Lo"}
"""Arms that can be told by the length of their names, if these are said."""

COMPARED = [case.renamed(NAMES) for case in CASES if case.design != "listed"]
drawn_cases = pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.name)
PAST = [0, 1]
ALPHA = 1e-6
TIMES = 200


def seeds(count: int) -> list[Seed]:
    """Seeds of which no order is known: what disturbs the clock falls on any arm alike."""
    return [Seed(TRIAL, hashlib.sha256(str(n).encode()).digest()) for n in range(count)]


def past(case: Case, *more: Fact) -> tuple[Book, Fact]:
    """A masked trial after two draws, and one more eligible subject of the first stratum."""
    story = Story(case.rules(masked=True))
    story.tell(*case.facts(PAST), *more)
    return story.book, case.subject(4, next(iter(case.strata)))


def made(rules: Rules, book: Book, fact: Fact) -> tuple[Decision, list[bytes]]:
    """The decision, and its events as they go out."""
    decision = decide(rules, book, [fact])
    return decision, [event.encode() for _, event in decision.events]


@drawn_cases
def test_what_is_said_of_a_masked_draw_has_one_size(case: Case) -> None:
    """Events and the answers to every role, whichever arm it was."""
    book, fact = past(case)
    sizes: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for seed in seeds(40):
        decision, events = made(case.rules(seed, masked=True), book, fact)
        [one] = decision.allocations
        entry = Entry(
            one.subject,
            SiteId(one.site),
            one.number,
            one.stratum,
            one.arm,
            NOON,
            treatment_code=one.treatment_code,
        )
        shown = [len(str(answers.allocation(entry, {role}))) for role in Role]
        sizes[one.arm].add((*map(len, events), *shown))
    assert len(sizes) > 1
    assert len({size for of in sizes.values() for size in of}) == 1


@drawn_cases
def test_each_arm_costs_the_same_macs_and_a_refusal_or_a_wait_none(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not drawn is answered before any number is derived: the next arm is not worked out."""
    macs = 0

    def counted(*given: object) -> bytes:
        nonlocal macs
        macs += 1
        return digest(*given)

    digest: Callable[..., bytes] = hmac.digest
    book, fact = past(case)
    held = [past(case, how)[0] for how in (Pause(), Close(), CloseSite(SiteId("IT001")))]
    monkeypatch.setattr(hmac, "digest", counted)
    costs: dict[str, set[int]] = defaultdict(set)
    said: list[set[tuple[bytes, ...]]] = [set() for _ in held]
    for seed in seeds(30):
        rules = case.rules(seed, masked=True)
        macs = 0
        decision, _ = made(rules, book, fact)
        costs[decision.allocations[0].arm].add(macs)
        macs = 0
        for at, closed in enumerate(held):
            decision, events = made(rules, closed, fact)
            assert not decision.allocations
            said[at].add(tuple(events))
        assert macs == 0
    assert len(costs) > 1
    assert len({cost for of in costs.values() for cost in of}) == 1
    assert [len(of) for of in said] == [1] * len(held)


# Time


def p_value(one: list[int], other: list[int]) -> float:
    """Of the rank test of two samples (Mann & Whitney 1947, Ann Math Stat 18:50), two-sided, by the
    normal approximation. Ranks: no outlier of a busy machine counts for more than its place.
    """
    ordered = sorted(one + other)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, value in enumerate(ordered, 1):
        first.setdefault(value, place)
        last[value] = place
    ranks = sum((first[value] + last[value]) / 2 for value in one)
    n, m = len(one), len(other)
    distance = ranks - n * (n + m + 1) / 2
    return erfc(abs(distance) / sqrt(n * m * (n + m + 1) / 12) / sqrt(2))


def least_p(case: Case) -> float:
    """The least p-value of any arm's times against those of the others."""
    book, fact = past(case)
    times: dict[str, list[int]] = defaultdict(list)
    for seed in seeds(TIMES):
        rules = case.rules(seed, masked=True)
        begun = perf_counter_ns()
        decision, _ = made(rules, book, fact)
        took = perf_counter_ns() - begun
        times[decision.allocations[0].arm].append(took)
    assert len(times) > 1
    return min(
        p_value(took, [one for other, of in times.items() if other != arm for one in of])
        for arm, took in times.items()
        if len(took) > 10
    )


@drawn_cases
def test_the_time_of_a_draw_tells_no_arm(case: Case) -> None:
    """The arms come in an order by chance, so that a busy machine is no reason to fail: were there
    no dependence, one run of a million cases would.
    """
    assert least_p(case) > ALPHA


@pytest.mark.parametrize("case", COMPARED[::3], ids=lambda case: case.name)
def test_a_millisecond_more_for_one_arm_would_be_seen(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power of that test: the same trials, a delay for the last arm planted in the draw."""
    draw, last = Scheme.draw, list(next(iter(case.strata.values())))[-1]

    def slower(self: Scheme, *given: Any) -> tuple[str, StratumState] | None:
        drawn = draw(self, *given)
        until = perf_counter_ns() + 1_000_000
        while drawn and drawn[0] == last and perf_counter_ns() < until:
            pass
        return drawn

    monkeypatch.setattr(Scheme, "draw", slower)
    assert least_p(case) < ALPHA

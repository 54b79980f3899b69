"""The designs as they draw: their rules, chance, and what cannot be."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.randomizer.designs.design import DesignError
from services.randomizer.plan import Plan
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.protocol_file import parse
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SubjectId
from tests.unit.randomizer.made import SEED, STRATA, TRIAL, state

SUBJECT = SubjectId("IT001-0001")
TWO = {"le4": {"A": 1, "B": 1}, "gt4": {"A": 1, "B": 1}}
PILOT = Path(__file__).parents[3] / "protocols" / "NCT06903312.yaml"

Section = dict[str, object]
BIG_STICK: Section = {"design": "big_stick", "mti": {"le4": 2, "gt4": 3}}
BIASED_COIN: Section = {"design": "biased_coin", "p": Decimal("0.65")}
COMPLETE: Section = {"design": "complete"}
RANDOM_ALLOCATION: Section = {"design": "random_allocation", "size": 40, "target": 40}
BY_STRATUM: Section = {
    "design": "by_stratum",
    "strata": {"le4": {"design": "permuted_block", "block_sizes": [2, 4]}, "gt4": BIASED_COIN},
}
COINS = [BIG_STICK, BIASED_COIN]
ALL = [*COINS, COMPLETE, RANDOM_ALLOCATION, BY_STRATUM]

seeds = st.binary(min_size=32, max_size=32).map(lambda secret: Seed(TRIAL, secret))


def course(
    section: Section, seed: Seed, n: int, shares: dict[str, int] | None = None
) -> list[tuple[str, StratumState]]:
    """The first n draws of the stratum gt4."""
    strata = {"le4": TWO["le4"], "gt4": shares} if shares else TWO
    scheme, at = Scheme.of(section, strata), None
    made = []
    for _ in range(n):
        drawn = scheme.draw({"gt4": at} if at else {}, SUBJECT, "gt4", seed, None)
        assert drawn is not None
        made.append(drawn)
        at = drawn[1]
    return made


@settings(max_examples=40, deadline=None)
@given(seed=seeds, mti=st.integers(1, 5))
def test_the_big_stick_keeps_its_tolerance(seed: Seed, mti: int) -> None:
    apart = 0
    for arm, _ in course({"design": "big_stick", "mti": mti}, seed, 60):
        before, apart = apart, apart + (1 if arm == "A" else -1)
        assert abs(apart) <= mti
        if abs(before) == mti:
            assert abs(apart) == mti - 1


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_certain_coin_alternates_pairs(seed: Seed) -> None:
    arms = [arm for arm, _ in course({"design": "biased_coin", "p": 1}, seed, 40)]
    assert all(
        {first, second} == {"A", "B"} for first, second in zip(*[iter(arms)] * 2, strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(seed=seeds, ratio=st.lists(st.integers(1, 3), min_size=2, max_size=4))
def test_random_allocation_ends_in_the_ratio_and_gives_no_more(
    seed: Seed, ratio: list[int]
) -> None:
    shares = dict(zip("ABCD", ratio, strict=False))
    size = 6 * sum(ratio)
    section = {"design": "random_allocation", "size": {"le4": 2, "gt4": size}, "target": 2}
    made = course(section, seed, size, shares)
    assert Counter(arm for arm, _ in made) == {arm: 6 * share for arm, share in shares.items()}
    scheme = Scheme.of(section, {"le4": TWO["le4"], "gt4": shares})
    assert scheme.draw({"gt4": made[-1][1]}, SUBJECT, "gt4", seed, None) is None


@pytest.mark.parametrize("section", ALL, ids=lambda section: str(section["design"]))
@settings(max_examples=40, deadline=None)
@given(seed=seeds, n=st.integers(1, 30))
def test_a_draw_needs_its_state_alone(section: Section, seed: Seed, n: int) -> None:
    made = course(section, seed, n + 1)
    at = {"gt4": made[n - 1][1]}
    assert Scheme.of(section, TWO).draw(at, SUBJECT, "gt4", seed, None) == made[n]


@pytest.mark.parametrize("section", ALL, ids=lambda section: str(section["design"]))
def test_the_arms_come_as_often_as_the_odds_say(section: Section) -> None:
    """2,000 draws by the odds before them: each time within 4 standard errors, and for certain."""
    scheme = Scheme.of(section, TWO)
    drawn: dict[float, list[bool]] = {}
    for number in range(50):
        seed = Seed(TRIAL, number.to_bytes(32, "big"))
        at: dict[str, StratumState] = {}
        for _ in range(40):
            first, second = scheme.odds(at, SUBJECT, "gt4", seed)
            made = scheme.draw(at, SUBJECT, "gt4", seed)
            assert made is not None
            drawn.setdefault(first / (first + second), []).append(made[0] == "A")
            at["gt4"] = made[1]
    for chance, came in drawn.items():
        error = (chance * (1 - chance) / len(came)) ** 0.5
        assert abs(sum(came) / len(came) - chance) <= 4 * error, chance


def test_a_list_has_no_odds() -> None:
    assert Scheme.of({"design": "listed"}, TWO).odds({}, SUBJECT, "gt4", SEED) == ()


def test_the_coins_are_as_biased_as_they_say() -> None:
    """20,000 draws: each share within 4 standard errors of its probability."""
    for section, p in [(BIASED_COIN, 0.65), ({"design": "big_stick", "mti": 3}, 0.5)]:
        states = [(0, 0), *(state(at) for _, at in course(section, SEED, 20_000))]
        smaller, first = [], []
        for (a, b), (after, _) in pairwise(states):
            if a == b:
                first.append(after > a)
            elif section is BIASED_COIN or abs(a - b) < 3:
                smaller.append((after > a) == (a < b))
        for found, chance in ((smaller, p), (first, 0.5)):
            error = (chance * (1 - chance) / len(found)) ** 0.5
            assert abs(sum(found) / len(found) - chance) < 4 * error


def test_complete_randomization_keeps_the_ratio_by_chance() -> None:
    """1:2:3 of 18,000; 2 degrees of freedom, chi-square critical at 0.001: 13.816."""
    counts = Counter(arm for arm, _ in course(COMPLETE, SEED, 18_000, {"A": 1, "B": 2, "C": 3}))
    expected = {"A": 3000, "B": 6000, "C": 9000}
    assert sum((counts[arm] - of) ** 2 / of for arm, of in expected.items()) < 13.816


def test_all_orders_of_a_random_allocation_are_equally_likely() -> None:
    """Six orders of AABB over 3,000 seeds: 5 degrees of freedom, critical at 0.001: 20.515."""
    section = {"design": "random_allocation", "size": 4, "target": 4}
    counts: Counter[str] = Counter()
    for number in range(3000):
        seed = Seed(TRIAL, number.to_bytes(32, "big"))
        counts["".join(arm for arm, _ in course(section, seed, 4))] += 1
    assert len(counts) == 6
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 20.515


@pytest.mark.parametrize(
    ("section", "arms"),
    [
        (BIG_STICK, "AAABBAABBABAABBA"),
        (BIASED_COIN, "ABABBBAABABAABBA"),
        (COMPLETE, "AAAABAAABABAABBA"),
        (RANDOM_ALLOCATION, "ABBBABABABBBBBBA"),
        (BY_STRATUM, "ABABBBAABABAABBA"),
    ],
    ids=lambda value: str(value["design"]) if isinstance(value, dict) else "",
)
def test_the_draws_of_a_known_seed_never_change(section: Section, arms: str) -> None:
    assert "".join(arm for arm, _ in course(section, SEED, 16)) == arms


@pytest.mark.parametrize(
    ("section", "place", "word"),
    [
        ({"design": "big_stick"}, (), "missing"),
        ({"design": "big_stick", "mti": 0}, ("mti",), "1"),
        ({"design": "big_stick", "mti": 2.5}, ("mti",), "whole"),
        ({"design": "big_stick", "mti": {"gt4": 2}}, ("mti",), "le4"),
        ({"design": "big_stick", "mti": {"gt4": 2, "le4": 2, "x": 2}}, ("mti", "x"), "stratum"),
        ({"design": "big_stick", "mti": {"gt4": 2, "le4": 0}}, ("mti", "le4"), "1"),
        ({"design": "biased_coin"}, (), "missing"),
        ({"design": "biased_coin", "p": Decimal("0.4")}, ("p",), "0.5"),
        ({"design": "biased_coin", "p": Decimal("1.1")}, ("p",), "1"),
        ({"design": "biased_coin", "p": Decimal("NaN")}, ("p",), "finite"),
        ({"design": "biased_coin", "p": True}, ("p",), "decimal"),
        ({"design": "biased_coin", "p": "most"}, ("p",), "decimal"),
        ({"design": "biased_coin", "p": Decimal("0.6500000001")}, ("p",), "9"),
        ({"design": "random_allocation", "target": 4}, (), "missing"),
        ({"design": "random_allocation", "size": 5, "target": 4}, ("size",), "multiple of 2"),
        ({"design": "random_allocation", "size": 4}, ("size",), "cap"),
        ({"design": "random_allocation", "size": 4, "target": 5}, ("size",), "cap"),
        (
            {"design": "random_allocation", "size": 4, "caps": {"strata": {"le4": 4}}},
            ("size",),
            "gt4",
        ),
        ({"design": "complete", "mti": 3}, ("mti",), "unknown"),
        ({"design": "by_stratum", "strata": {"le4": COMPLETE}}, ("strata",), "gt4"),
        (
            {"design": "by_stratum", "strata": {"le4": COMPLETE, "gt4": {"design": "dice"}}},
            ("strata", "gt4", "design"),
            "dice",
        ),
        (
            {"design": "by_stratum", "strata": {"le4": COMPLETE, "gt4": RANDOM_ALLOCATION}},
            ("strata", "gt4", "target"),
            "outside",
        ),
        (
            {
                "design": "by_stratum",
                "strata": {
                    "le4": COMPLETE,
                    "gt4": {"design": "permuted_block", "block_sizes": [4, 5]},
                },
            },
            ("strata", "gt4", "block_sizes", 1),
            "multiple",
        ),
        (
            {
                "design": "by_stratum",
                "strata": {"le4": COMPLETE, "gt4": {"design": "random_allocation", "size": 4}},
            },
            ("strata", "gt4", "size"),
            "cap",
        ),
    ],
)
def test_an_impossible_design_is_refused_with_its_place(
    section: Section, place: tuple[str, ...], word: str
) -> None:
    with pytest.raises(DesignError) as told:
        Scheme.of(section, TWO)
    assert told.value.path == place
    assert word in str(told.value)


@pytest.mark.parametrize("section", COINS, ids=lambda section: str(section["design"]))
@pytest.mark.parametrize("strata", [STRATA, {"le4": {"A": 1, "B": 1}, "gt4": {"A": 2, "B": 1}}])
def test_a_coin_is_for_two_arms_alike(section: Section, strata: dict[str, dict[str, int]]) -> None:
    with pytest.raises(DesignError) as told:
        Scheme.of(section, strata)
    assert told.value.path == ("design",)


def test_each_stratum_may_have_its_own_setting() -> None:
    """le4 never goes beyond 1, gt4 reaches 5."""
    scheme = Scheme.of({"design": "big_stick", "mti": {"le4": 1, "gt4": 5}}, TWO)
    farthest = {}
    for stratum in TWO:
        at, farthest[stratum] = None, 0
        for _ in range(300):
            drawn = scheme.draw({stratum: at} if at else {}, SUBJECT, stratum, SEED, None)
            assert drawn is not None
            at = drawn[1]
            farthest[stratum] = max(farthest[stratum], abs(state(at)[0] - state(at)[1]))
    assert farthest == {"le4": 1, "gt4": 5}


def test_strata_of_other_arms_may_have_other_designs() -> None:
    """Blocks for the three arms of le4, a coin for the two of gt4, each as it would draw alone."""
    section = {
        "design": "by_stratum",
        "strata": {
            "le4": {"design": "permuted_block", "block_sizes": [3, 6]},
            "gt4": {"design": "big_stick", "mti": 2},
        },
    }
    alone = [
        ("le4", {"design": "permuted_block", "block_sizes": [3, 6]}),
        ("gt4", {"design": "big_stick", "mti": 2}),
    ]
    both = Scheme.of(section, STRATA)
    for stratum, own in alone:
        one = Scheme.of(own, {stratum: STRATA[stratum]})
        at: dict[str, StratumState] = {}
        other: dict[str, StratumState] = {}
        for _ in range(40):
            drawn = both.draw(at, SUBJECT, stratum, SEED, None)
            apart = one.draw(other, SUBJECT, stratum, SEED, None)
            assert drawn is not None
            assert apart is not None
            assert drawn[0] == apart[0]
            at[stratum], other[stratum] = drawn[1], apart[1]


def test_an_impossible_design_in_a_protocol_is_told_with_file_line_and_reason() -> None:
    """The trial's le4 has three arms: no coin can draw there."""
    text = PILOT.read_text()
    before, rest = text.split("  design: permuted_block\n")
    after = rest[rest.index("  target: ") :]
    changed = f"{before}  design: big_stick\n  mti: 3\n{after}"
    line = before.count("\n") + 1
    with pytest.raises(ProtocolError) as told:
        Plan.of(parse(changed.encode(), "trial.yaml"))
    assert str(told.value).startswith(f"trial.yaml:{line}: randomization.design: ")
    assert "le4" in str(told.value)


def test_a_bias_is_read_from_a_protocol_as_it_is_written() -> None:
    scheme = Scheme.of(BIASED_COIN, TWO)
    assert scheme.section == {"design": "biased_coin", "p": "0.65"}
    assert Scheme.of(scheme.section, TWO).sha256 == scheme.sha256


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"design": "big_stick", "mti": {"le4": 2, "gt4": 3}},
            {"design": "big_stick", "mti": {"le4": 2, "gt4": 4}},
        ),
        (
            {"design": "by_stratum", "strata": {"le4": COMPLETE, "gt4": COMPLETE}},
            {
                "design": "by_stratum",
                "strata": {"le4": COMPLETE, "gt4": {"design": "biased_coin", "p": "0.7"}},
            },
        ),
    ],
)
def test_an_amendment_of_one_stratum_leaves_the_others_in_their_place(
    before: Section, after: Section
) -> None:
    first, second = Scheme.of(before, TWO).parts, Scheme.of(after, TWO).parts
    assert first["le4"] == second["le4"]
    assert first["gt4"] != second["gt4"]


def test_a_setting_that_is_missing_is_named() -> None:
    with pytest.raises(DesignError, match="mti is missing"):
        Scheme.of({"design": "big_stick"}, TWO)

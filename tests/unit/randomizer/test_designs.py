"""The designs: balance in every block, the list's order, and what cannot be carried out."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.randomizer.allocation_list import LONGEST, ListError, ListTooLongError, parse
from services.randomizer.designs.design import DesignError
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.subjects import SubjectId
from tests.unit.randomizer.made import BLOCKS, LISTED, SEED, STRATA, TRIAL, csv, state

SUBJECT = SubjectId("IT001-0001")

seeds = st.binary(min_size=32, max_size=32).map(lambda secret: Seed(TRIAL, secret))
ratios = st.lists(st.integers(1, 4), min_size=2, max_size=5)


def blocks(ratio: list[int], multiples: list[int], names: str = "ABCDE") -> Scheme:
    """A scheme of one stratum with arms of these names."""
    section = {
        "design": "permuted_block",
        "block_sizes": [sum(ratio) * times for times in multiples],
    }
    return Scheme.of(section, {"all": dict(zip(names, ratio, strict=False))})


def course(scheme: Scheme, seed: Seed, n: int) -> list[tuple[str, StratumState]]:
    """The first n draws of the stratum."""
    made: list[tuple[str, StratumState]] = []
    at: StratumState | None = None
    for _ in range(n):
        drawn = scheme.draw({"all": at} if at else {}, SUBJECT, "all", seed, None)
        assert drawn is not None
        made.append(drawn)
        at = drawn[1]
    return made


multiples = st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True)


@given(seed=seeds, ratio=ratios, times=multiples)
def test_every_block_holds_the_arms_in_their_ratio(
    seed: Seed, ratio: list[int], times: list[int]
) -> None:
    block: Counter[str] = Counter()
    full = 0
    for arm, at in course(blocks(ratio, times), seed, 80):
        block[arm] += 1
        size = state(at)[0]
        assert size in [sum(ratio) * by for by in times]
        shares = dict(zip("ABCDE", ratio, strict=False))
        assert all(block[name] <= shares[name] * size // sum(ratio) for name in block)
        if block.total() == size:
            assert dict(block) == {name: by * size // sum(ratio) for name, by in shares.items()}
            block.clear()
            full += 1
    assert full >= 1


@given(seed=seeds, ratio=ratios, times=multiples)
def test_other_names_of_the_arms_draw_the_same(
    seed: Seed, ratio: list[int], times: list[int]
) -> None:
    named = [arm for arm, _ in course(blocks(ratio, times), seed, 40)]
    renamed = [arm for arm, _ in course(blocks(ratio, times, "VWXYZ"), seed, 40)]
    assert renamed == [dict(zip("ABCDE", "VWXYZ", strict=True))[arm] for arm in named]


@given(seed=seeds, n=st.integers(1, 40))
def test_a_draw_needs_its_state_alone(seed: Seed, n: int) -> None:
    scheme = blocks([1, 1], [1, 2, 3])
    made = course(scheme, seed, n + 1)
    assert scheme.draw({"all": made[n - 1][1]}, SUBJECT, "all", seed, None) == made[n]


def test_all_orders_of_a_block_are_equally_likely() -> None:
    """Six orders of three arms: 5 degrees of freedom, chi-square critical at 0.001: 20.515."""
    arms = [arm for arm, _ in course(blocks([1, 1, 1], [1]), SEED, 18_000)]
    counts = Counter("".join(arms[at : at + 3]) for at in range(0, 18_000, 3))
    assert set(counts) == {"".join(order) for order in permutations("ABC")}
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.515


def test_block_sizes_are_equally_likely() -> None:
    """Three sizes: 2 degrees of freedom, chi-square critical at 0.001: 13.816."""
    counts: Counter[int] = Counter()
    for _, at in course(blocks([1, 1], [1, 2, 3]), SEED, 12_000):
        if sum(state(at)[1:]) == 1:
            counts[state(at)[0]] += 1
    each = counts.total() / 3
    assert sum((count - each) ** 2 / each for count in counts.values()) < 13.816


def test_the_state_is_the_past_of_the_block_and_nothing_else() -> None:
    """Two seeds that gave the same arms so far leave the same state: it cannot tell what comes."""
    scheme, coming = blocks([1, 1], [3]), set()
    for secret in range(64):
        seed = Seed(TRIAL, bytes([secret]) * 32)
        made = course(scheme, seed, 3)
        if [arm for arm, _ in made[:2]] == ["A", "B"]:
            assert state(made[1][1]) == (6, 1, 1)
            coming.add(made[2][0])
    assert coming == {"A", "B"}


def test_the_draws_of_a_known_seed_never_change() -> None:
    scheme, at = Scheme.of(BLOCKS, STRATA), None
    arms = []
    for _ in range(18):
        drawn = scheme.draw({"le4": at} if at else {}, SUBJECT, "le4", SEED, None)
        assert drawn is not None
        arms.append(drawn[0])
        at = drawn[1]
    assert " ".join(arms) == ("RT DCN SOC SOC DCN RT SOC SOC DCN RT RT DCN SOC DCN RT SOC DCN RT")


@pytest.mark.parametrize(
    ("section", "place", "word"),
    [
        ({**BLOCKS, "block_sizes": {"le4": [4], "gt4": [2]}}, ("block_sizes", "le4", 0), "3"),
        ({**BLOCKS, "block_sizes": {"le4": [3]}}, ("block_sizes",), "gt4"),
        ({**BLOCKS, "block_sizes": [3]}, ("block_sizes", 0), "gt4"),
        ({**BLOCKS, "block_sizes": {"le4": [], "gt4": [2]}}, ("block_sizes", "le4"), ""),
        ({**BLOCKS, "block_sizes": [0]}, ("block_sizes", 0), "1"),
        ({**BLOCKS, "block_sizes": [6, 6]}, ("block_sizes", 1), "twice"),
        ({**BLOCKS, "block_sizes": ["6"]}, ("block_sizes", 0), "whole"),
        ({**BLOCKS, "block_sizes": {"le4": [3], "gt4": [2], "x": [2]}}, ("block_sizes", "x"), ""),
        ({**BLOCKS, "target": True}, ("target",), "whole"),
        ({**BLOCKS, "target": 0}, ("target",), "1"),
        ({**BLOCKS, "seed": 1}, ("seed",), "unknown"),
        ({**BLOCKS, "caps": {"strata": {"x": 1}}}, ("caps", "strata", "x"), "no stratum"),
        ({"design": "dice"}, ("design",), "dice"),
        ({}, (), "needs its design"),
        (None, (), ""),
    ],
)
def test_an_impossible_design_is_refused_with_its_place(
    section: object, place: tuple[str | int, ...], word: str
) -> None:
    with pytest.raises(DesignError) as told:
        Scheme.of(section, STRATA)
    assert told.value.path == place
    assert word in str(told.value)


def test_a_list_gives_a_named_subject_its_row_and_others_the_next() -> None:
    scheme = Scheme.of(LISTED, STRATA)
    rows = csv("gt4,DCN", "gt4,SOC,IT001-0009", "le4,RT", "gt4,SOC", "le4,RT,IT001-0008")
    at: StratumState | None = None
    given = []
    for number in (1, 9, 8, 2, 3):
        drawn = scheme.draw(
            {"gt4": at} if at else {}, SubjectId(f"IT001-{number:04d}"), "gt4", SEED, rows
        )
        given.append(drawn and drawn[0])
        at = drawn[1] if drawn else at
    assert given == ["DCN", "SOC", None, "SOC", None]


ARMS = {name: frozenset(shares) for name, shares in STRATA.items()}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [1]),
        ("stratum,arm,subject\n", [1]),
        ("arm,stratum\ngt4,DCN\n", [1]),
        ("stratum,arm\ngt4,DCN,,\n", [2]),
        ("stratum,arm\ngt4,RT\nx,RT\ngt4\n\ngt4,SOC", [2, 3, 4, 5]),
        ("stratum,arm,subject\ngt4,SOC,IT001-1\ngt4,SOC,IT001-0001\ngt4,SOC,IT001-0001", [2, 4]),
        ('stratum,arm\n"gt4,SOC', [1]),
        ("stratum,arm\ngt4,SOC\0", [1]),
    ],
)
def test_a_bad_list_is_refused_with_its_lines(text: str, lines: list[int]) -> None:
    with pytest.raises(ListError) as told:
        parse(text.encode(), ARMS)
    assert [line for line, _ in told.value.faults] == lines


def test_header_and_subjects_may_be_left_out() -> None:
    bare, headed = parse(b"gt4,SOC\nle4,RT,IT001-0001", ARMS), csv("gt4,SOC,", "le4,RT,IT001-0001")
    assert (bare.size, bare.named, bare.unnamed) == (headed.size, headed.named, headed.unnamed)


def test_a_byte_order_mark_as_spreadsheets_write_it_is_passed_over_and_hashed() -> None:
    marked, plain = parse(b"\xef\xbb\xbfgt4,SOC\r\ngt4,DCN", ARMS), csv("gt4,SOC", "gt4,DCN")
    assert (marked.size, marked.unnamed) == (plain.size, plain.unnamed)
    assert marked.sha256 != plain.sha256
    assert parse(marked.text.encode(), None) == marked


def test_a_list_must_fit_the_log() -> None:
    with pytest.raises(ListTooLongError):
        parse(b"stratum,arm\n" + b"gt4,SOC\n" * (LONGEST // 8), ARMS)

"""Operating characteristics: an oracle that lists every trial, what must hold, simulation."""

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import permutations, product
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.randomizer.characteristics import blocks, coins, simulated
from services.randomizer.characteristics.figures import Figures

F = Fraction
Rule = Callable[[int, int], Fraction]


@dataclass
class Oracle:
    """Figures summed over every trial that can be, written apart from what is tested."""

    n: int
    ratio: tuple[int, ...]
    sums: dict[str, Fraction] = field(
        default_factory=lambda: dict.fromkeys(("balanced", "certain", "right", "square"), F(0))
    )

    def add(self, chance: Fraction, arms: tuple[int, ...], nexts: list[list[Fraction]]) -> None:
        """One trial: its chance, its arms, and the arms' probabilities before each draw."""
        for i in range(1, self.n + 1):
            counts = [arms[:i].count(arm) for arm in range(len(self.ratio))]
            self.sums["balanced"] += chance * all(
                F(count, i) == F(share, sum(self.ratio))
                for count, share in zip(counts, self.ratio, strict=True)
            )
            self.sums["certain"] += chance * (1 in nexts[i - 1])
        self.sums["square"] += chance * (arms.count(0) - arms.count(1)) ** 2

    def figures(self) -> tuple[float, float | None, float, float]:
        """As the answer has them."""
        alike = len(self.ratio) == 2 and len(set(self.ratio)) == 1
        mean = {name: float(total / self.n) for name, total in self.sums.items()}
        sd = sqrt(self.sums["square"]) if alike else None
        return mean["balanced"], sd, mean["certain"], mean["right"]


def coin_oracle(rule: Rule, n: int) -> Oracle:
    """All 2**n trials of a coin; the guess is the smaller arm."""
    oracle = Oracle(n, (1, 1))
    for arms in product((0, 1), repeat=n):
        chance, nexts = F(1), []
        right = F(0)
        for i, arm in enumerate(arms):
            first, second = arms[:i].count(0), arms[:i].count(1)
            toward = rule(i, abs(first - second)) if first != second else F(1, 2)
            of_first = toward if first <= second else 1 - toward
            nexts.append([of_first, 1 - of_first])
            if first == second:
                right += F(1, 2)
            else:
                right += arm == (0 if first < second else 1)
            chance *= nexts[-1][arm]
        oracle.sums["right"] += chance * right
        oracle.add(chance, arms, nexts)
    return oracle


def block_oracle(ratio: tuple[int, ...], sizes: list[int], n: int) -> Oracle:
    """All series of blocks, each block any of its orders; what comes next is counted in orders."""
    oracle = Oracle(n, ratio)
    orders = {
        size: sorted(
            set(
                permutations(
                    [
                        arm
                        for arm, share in enumerate(ratio)
                        for _ in range(share * size // sum(ratio))
                    ]
                )
            )
        )
        for size in sizes
    }

    def series(left: int) -> Iterator[tuple[Fraction, list[tuple[int, ...]]]]:
        if left <= 0:
            yield F(1), []
            return
        for size in sizes:
            for chance, rest in series(left - size):
                for order in orders[size]:
                    yield chance / len(sizes) / len(orders[size]), [order, *rest]

    for chance, made in series(n):
        arms: list[int] = []
        nexts: list[list[Fraction]] = []
        right = F(0)
        for order in made:
            for place in range(len(order)):
                alike = [other for other in orders[len(order)] if other[:place] == order[:place]]
                nexts.append(
                    [
                        F(sum(other[place] == arm for other in alike), len(alike))
                        for arm in range(len(ratio))
                    ]
                )
                left = [order[place:].count(arm) for arm in range(len(ratio))]
                tied = [arm for arm, of_arm in enumerate(left) if of_arm == max(left)]
                if len(arms) < n:
                    right += F(order[place] in tied, len(tied))
                arms.append(order[place])
        oracle.sums["right"] += chance * right
        oracle.add(chance, tuple(arms[:n]), nexts[:n])
    return oracle


def same(found: Figures, oracle: Oracle) -> None:
    """Equal as doubles go."""
    assert tuple(asdict(found).values()) == pytest.approx(oracle.figures(), abs=1e-13)


ns = st.integers(1, 8)


@settings(max_examples=20, deadline=None)
@given(n=ns, mti=st.integers(1, 5))
def test_big_stick_is_all_its_trials(n: int, mti: int) -> None:
    oracle = coin_oracle(lambda _i, apart: F(1) if apart >= mti else F(1, 2), n)
    same(coins.exact(coins.big_stick(mti), n), oracle)


@settings(max_examples=20, deadline=None)
@given(n=ns, p=st.integers(10, 20).map(lambda by: F(by, 20)))
def test_the_biased_coin_is_all_its_trials(n: int, p: Fraction) -> None:
    same(coins.exact(coins.biased_coin(float(p)), n), coin_oracle(lambda _i, _apart: p, n))


@pytest.mark.parametrize("n", range(1, 9))
def test_complete_randomization_is_all_its_trials(n: int) -> None:
    same(coins.exact(coins.complete(), n), coin_oracle(lambda _i, _apart: F(1, 2), n))


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_random_allocation_is_all_its_trials(n: int) -> None:
    same(coins.exact(coins.random_allocation(n), n), block_oracle((1, 1), [n], n))


@pytest.mark.parametrize(
    ("ratio", "sizes"),
    [
        ((1, 1), [2]),
        ((1, 1), [4]),
        ((1, 1), [2, 4, 6]),
        ((2, 2), [4]),
        ((2, 1), [3, 6]),
        ((1, 1, 1), [3]),
        ((2, 1, 1), [4]),
        ((1, 1, 1, 1), [4]),
    ],
)
@pytest.mark.parametrize("n", [1, 3, 6, 7])
def test_permuted_blocks_are_all_their_trials(
    ratio: tuple[int, ...], sizes: list[int], n: int
) -> None:
    same(blocks.exact(ratio, sizes, n), block_oracle(ratio, sizes, n))


def test_mixed_blocks_of_three_arms_are_all_their_trials() -> None:
    for n in (2, 4, 5):
        same(blocks.exact((1, 1, 1), [3, 6], n), block_oracle((1, 1, 1), [3, 6], n))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 120), mti=st.integers(1, 6))
def test_designs_that_are_the_same_have_the_same_figures(n: int, mti: int) -> None:
    pairs = [
        (coins.exact(coins.big_stick(n + 1), n), coins.exact(coins.complete(), n)),
        (coins.exact(coins.biased_coin(0.5), n), coins.exact(coins.complete(), n)),
        (coins.exact(coins.big_stick(1), n), coins.exact(coins.biased_coin(1.0), n)),
        (coins.exact(coins.big_stick(1), n), blocks.exact((1, 1), [2], n)),
        (
            coins.exact(coins.random_allocation(2 * mti), 2 * mti),
            blocks.exact((1, 1), [2 * mti], 2 * mti),
        ),
        (blocks.exact((2, 2), [4, 8], n), blocks.exact((1, 1), [4, 8], n)),
        (blocks.exact((1, 2, 3), [6, 12], n), blocks.exact((3, 1, 2), [12, 6], n)),
    ]
    for one, other in pairs:
        assert tuple(asdict(one).values()) == pytest.approx(
            tuple(asdict(other).values()), abs=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 150),
    ratio=st.lists(st.integers(1, 3), min_size=2, max_size=4).map(tuple),
    times=st.sets(st.integers(1, 4), min_size=1, max_size=3).map(sorted),
)
def test_the_figures_keep_their_bounds(n: int, ratio: tuple[int, ...], times: list[int]) -> None:
    found = blocks.exact(ratio, [sum(ratio) * by for by in times], n)
    assert 0 <= found.p_balanced_mean <= 1
    assert 0 <= found.deterministic <= found.correct_guess <= 1 + 1e-12
    assert found.correct_guess >= max(ratio) / sum(ratio) - 1e-12
    assert (found.final_imbalance_sd is None) == (len(ratio) > 2 or len(set(ratio)) > 1)


SIMULATED: dict[str, tuple[Figures, Callable[[simulated.Chance], simulated.Course]]] = {
    "blocks": (
        blocks.exact((1, 1), [4, 6], 50),
        lambda chance: simulated.fill((1, 1), [4, 6], 50, chance),
    ),
    "three arms": (
        blocks.exact((2, 1, 1), [4, 8], 50),
        lambda chance: simulated.fill((2, 1, 1), [4, 8], 50, chance),
    ),
    "big stick": (
        coins.exact(coins.big_stick(3), 50),
        lambda chance: simulated.toss(coins.big_stick(3), 50, chance),
    ),
    "biased coin": (
        coins.exact(coins.biased_coin(0.65), 50),
        lambda chance: simulated.toss(coins.biased_coin(0.65), 50, chance),
    ),
    "random allocation": (
        coins.exact(coins.random_allocation(50), 50),
        lambda chance: simulated.toss(coins.random_allocation(50), 50, chance),
    ),
    "complete": (
        coins.exact(coins.complete(), 50),
        lambda chance: simulated.toss(coins.complete(), 50, chance),
    ),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulation_comes_within_its_errors(name: str) -> None:
    """Four standard errors: a fixed seed, and six designs of four figures."""
    exact, play = SIMULATED[name]
    chance = random.Random(7)
    found = simulated.simulate(lambda: play(chance), 50, 1500)
    assert found.standard_errors is not None
    for figure, error in asdict(found.standard_errors).items():
        known = getattr(exact, figure)
        if known is None:
            assert error is None
        else:
            assert abs(getattr(found.figures, figure) - known) <= 4 * error + 1e-12
            assert error < 0.2


def test_the_error_is_the_spread_of_many_simulations() -> None:
    """Sixty simulations of the big stick: their own spread is what each calls its error."""
    _, play = SIMULATED["big stick"]

    def once(seed: int) -> simulated.Simulated:
        chance = random.Random(seed)
        return simulated.simulate(lambda: play(chance), 50, 100)

    made = [once(seed) for seed in range(60)]
    for figure in ("p_balanced_mean", "final_imbalance_sd", "deterministic", "correct_guess"):
        values = [getattr(one.figures, figure) for one in made]
        told = [getattr(one.standard_errors, figure) for one in made]
        mean = sum(values) / len(values)
        spread = sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        assert 0.7 < spread / (sum(told) / len(told)) < 1.4


def test_one_run_tells_no_error() -> None:
    _, play = SIMULATED["complete"]
    assert simulated.simulate(lambda: play(random.Random(1)), 50, 1).standard_errors is None

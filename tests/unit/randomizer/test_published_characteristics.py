"""Operating characteristics as they are published: tables, and closed forms summed exactly.

Each docstring says which of the two it is, and whose. The closed forms know nothing of how the
figures are computed: they count paths, not states.
"""

from dataclasses import astuple
from fractions import Fraction
from math import comb, pi, sqrt

import pytest

from services.randomizer.characteristics import blocks, coins
from services.randomizer.characteristics.figures import Figures

F = Fraction

BLOCK, STICK, COIN, RULE = "permuted block", "big stick", "biased coin", "random allocation rule"

# Zhao, Weng, Wu & Palesch 2012, Pharm Stat 11:39: design, its parameter, sample size; probability
# of exact balance, standard deviation of the final imbalance, probability of a deterministic
# allocation, probability of a correct guess.
TABLE_3 = [
    (BLOCK, 20, 20, 0.232, 0.0, 0.090, 0.616),
    (COIN, 0.7, 20, 0.298, 1.731, 0.0, 0.633),
    (BLOCK, 20, 80, 0.234, 0.0, 0.091, 0.617),
    (COIN, 0.7, 80, 0.287, 1.760, 0.0, 0.640),
    (BLOCK, 20, 300, 0.233, 0.0, 0.091, 0.617),
    (COIN, 0.7, 300, 0.287, 1.783, 0.0, 0.642),
]
TABLE_4 = [
    (STICK, 4, 100, 0.129, 2.454, 0.118, 0.558),
    (BLOCK, 30, 100, 0.196, 2.633, 0.056, 0.591),
    (BLOCK, 12, 100, 0.285, 1.702, 0.137, 0.639),
    (BLOCK, 10, 100, 0.307, 0.0, 0.167, 0.654),
    (BLOCK, 8, 100, 0.329, 1.524, 0.192, 0.662),
    (BLOCK, 6, 100, 0.365, 1.270, 0.241, 0.680),
    (BLOCK, 4, 100, 0.416, 0.0, 0.334, 0.709),
    (BLOCK, 2, 100, 0.500, 0.0, 0.5, 0.751),
    (COIN, 0.65, 100, 0.236, 2.349, 0.0, 0.614),
    (RULE, 0, 100, 0.116, 0.0, 0.020, 0.558),
]


def figures(design: str, parameter: float, n: int) -> Figures:
    """Those of a row."""
    if design == BLOCK:
        return blocks.exact((1, 1), [int(parameter)], n)
    coin = {
        STICK: lambda: coins.big_stick(int(parameter)),
        COIN: lambda: coins.biased_coin(parameter),
        RULE: lambda: coins.random_allocation(n),
    }
    return coins.exact(coin[design](), n)


@pytest.mark.parametrize("row", TABLE_3 + TABLE_4, ids=lambda row: f"{row[0]} {row[1]} of {row[2]}")
def test_fourteen_designs_compared(row: tuple[str, float, int, float, float, float, float]) -> None:
    """Table values: Zhao, Weng, Wu & Palesch 2012, Pharm Stat 11:39, tables III and IV.

    They are simulated, 5,000 trials a row, and rounded to three digits. Their standard errors are
    at most 0.0015, 1.7 %, 0.0008 and 0.0013; less than 3 of each are granted.
    """
    design, parameter, n, balanced, spread, certain, right = row
    found = figures(design, parameter, n)
    assert found.p_balanced_mean == pytest.approx(balanced, abs=0.004)
    assert found.final_imbalance_sd == pytest.approx(spread, rel=0.03)
    assert found.deterministic == pytest.approx(certain, abs=0.002)
    assert found.correct_guess == pytest.approx(right, abs=0.003)


@pytest.mark.parametrize("half", [1, 2, 3, 4, 10, 100])
def test_guesses_in_a_block_of_two_arms(half: int) -> None:
    """Closed form: Blackwell & Hodges 1957, Ann Math Stat 28:449.

    Of 2 half guesses half + 2**(2 half - 1) / C(2 half, half) - 1/2 are right.
    """
    right = half + F(2 ** (2 * half - 1), comb(2 * half, half)) - F(1, 2)
    for found in (
        blocks.exact((1, 1), [2 * half], 2 * half),
        coins.exact(coins.random_allocation(2 * half), 2 * half),
    ):
        assert found.correct_guess == pytest.approx(float(right / (2 * half)), rel=1e-13)


def test_guesses_in_small_blocks() -> None:
    """By that closed form blocks of 2, 4, 6 and 8 give 3/4, 17/24, 41/60 and 373/560."""
    for size, right in [(2, F(3, 4)), (4, F(17, 24)), (6, F(41, 60)), (8, F(373, 560))]:
        assert blocks.exact((1, 1), [size], 10 * size).correct_guess == pytest.approx(float(right))


@pytest.mark.parametrize("size", [2, 4, 6, 8])
def test_the_certain_end_of_a_block(size: int) -> None:
    """Closed form: Matts & Lachin 1988, Control Clin Trials 9:327.

    Of a block of 2 m places m + 1 parts, one is certain: 1 / (m + 1).
    """
    found = blocks.exact((1, 1), [size], 5 * size)
    assert found.deterministic == pytest.approx(1 / (size // 2 + 1))


def test_the_fair_coin() -> None:
    """Closed form: a simple random walk (Feller 1968, An Introduction to Probability, ch. III).

    N1 - N2 has the standard deviation sqrt(n); the arms are equal after 2 m with C(2 m, m) / 4**m.
    """
    n = 200
    found = coins.exact(coins.complete(), n)
    equal = sum(F(comb(2 * m, m), 4**m) for m in range(1, n // 2 + 1))
    assert found.final_imbalance_sd == pytest.approx(sqrt(n), rel=1e-13)
    assert found.p_balanced_mean == pytest.approx(float(equal / n), rel=1e-13)
    assert found.deterministic == 0
    assert found.correct_guess == pytest.approx(0.5, rel=1e-13)
    assert found.p_balanced_mean == pytest.approx(sqrt(2 / (pi * n)), abs=0.01)


# Efron's biased coin


def equal_after(half: int, p: Fraction) -> Fraction:
    """The probability that the arms are equal after 2 half draws by a coin of bias p.

    Of the paths of |N1 - N2| that come to 0 for the r-th time then there are r / (2 half - r) x
    C(2 half - r, half) (Feller 1968, III.7). Each goes down half times, with p, and up half times:
    r times from 0, which is certain, else with 1 - p.
    """
    if half == 0:
        return F(1)
    return sum(
        (
            F(r, 2 * half - r) * comb(2 * half - r, half) * p**half * (1 - p) ** (half - r)
            for r in range(1, half + 1)
        ),
        F(0),
    )


@pytest.mark.parametrize("n", [1, 2, 7, 50, 101])
@pytest.mark.parametrize("p", [F(1, 2), F(13, 20), F(2, 3), F(9, 10), F(1)])
def test_the_biased_coin_of_a_finite_trial(p: Fraction, n: int) -> None:
    """Closed form: the exact law of Efron's coin that is the subject of Markaryan & Rosenberger
    2010, Ann Stat 38:1546; here by counting the returns to balance.

    The smaller arm comes with p wherever there is one, so that law decides the guesses too.
    """
    equal = [equal_after(i // 2, p) if i % 2 == 0 else F(0) for i in range(n + 1)]
    found = coins.exact(coins.biased_coin(float(p)), n)
    assert found.p_balanced_mean == pytest.approx(float(sum(equal[1:]) / n), rel=1e-12)
    right = sum(at / 2 + (1 - at) * p for at in equal[:-1])
    assert found.correct_guess == pytest.approx(float(right / n), rel=1e-12)
    assert found.deterministic == pytest.approx(float(1 - sum(equal[:-1]) / n) if p == 1 else 0)


@pytest.mark.parametrize("p", [F(3, 5), F(2, 3), F(3, 4), F(9, 10)])
def test_the_biased_coin_in_the_long_run(p: Fraction) -> None:
    """Closed form: Efron 1971, Biometrika 58:403, with r = p / (1 - p).

    After an even number |N1 - N2| tends to 0 with (r - 1) / r, which is 1/2 for p = 2/3, and to
    2 k with (r^2 - 1) / r^(2k+1); after an odd one to 2 k + 1 with (r^2 - 1) / r^(2k+2). The excess
    of right guesses tends to (r - 1) / 4 r a draw, 1/8 for p = 2/3.
    """
    r, n = p / (1 - p), 800
    even = [(r - 1) / r, *((r**2 - 1) / r ** (2 * k + 1) for k in range(1, 200))]
    odd = [(r**2 - 1) / r ** (2 * k + 2) for k in range(200)]
    assert float(sum(even)) == pytest.approx(1)
    assert float(sum(odd)) == pytest.approx(1)
    coin = coins.biased_coin(float(p))
    found, before, later = (coins.exact(coin, at) for at in (n, n - 2, n + 1))
    last = n * found.p_balanced_mean - (n - 2) * before.p_balanced_mean
    assert last == pytest.approx(float(even[0]), abs=1e-6)
    spread = sum((2 * k) ** 2 * chance for k, chance in enumerate(even))
    assert found.final_imbalance_sd == pytest.approx(sqrt(spread), rel=1e-6)
    spread = sum((2 * k + 1) ** 2 * chance for k, chance in enumerate(odd))
    assert later.final_imbalance_sd == pytest.approx(sqrt(spread), rel=1e-6)
    excess = n * (found.correct_guess - 0.5) - (n - 2) * (before.correct_guess - 0.5)
    assert excess / 2 == pytest.approx(float((r - 1) / (4 * r)), abs=1e-6)


# The big stick


def apart_after(i: int, mti: int) -> dict[int, Fraction]:
    """The law of |N1 - N2| after i draws with a tolerance.

    A walk that is turned back for certain at the tolerance is a fair one folded there: its distance
    from the nearest multiple of twice the tolerance (the reflection principle; Feller 1968, III.1).
    """
    law: dict[int, Fraction] = {}
    for heads in range(i + 1):
        place = (2 * heads - i) % (2 * mti)
        apart = min(place, 2 * mti - place)
        law[apart] = law.get(apart, F(0)) + F(comb(i, heads), 2**i)
    return law


@pytest.mark.parametrize("n", [1, 2, 7, 50, 101])
@pytest.mark.parametrize("mti", [1, 2, 3, 4, 7])
def test_the_big_stick_of_a_finite_trial(mti: int, n: int) -> None:
    """Closed form: the walk of Soares & Wu 1983, Commun Stat Theory Methods 12:2017, by reflection.

    At the tolerance the next arm is certain, which is half a right guess more than elsewhere.
    """
    laws = [apart_after(i, mti) for i in range(n + 1)]
    certain = sum(law.get(mti, F(0)) for law in laws[:-1]) / n
    found = coins.exact(coins.big_stick(mti), n)
    assert astuple(found) == pytest.approx(
        (
            float(sum(law.get(0, F(0)) for law in laws[1:]) / n),
            sqrt(sum(apart**2 * chance for apart, chance in laws[-1].items())),
            float(certain),
            float(F(1, 2) + certain / 2),
        ),
        rel=1e-12,
        abs=1e-15,
    )


@pytest.mark.parametrize("mti", [1, 2, 3, 4, 8])
def test_the_big_stick_in_the_long_run(mti: int) -> None:
    """Closed form: the walk of Soares & Wu 1983 spends 1/2b of its time at each inner state and
    1/4b at both ends.

    So 1/2b of the draws are certain and 1/2 + 1/4b of the guesses right.
    """
    found = coins.exact(coins.big_stick(mti), 4000)
    assert found.deterministic == pytest.approx(1 / (2 * mti), abs=0.005)
    assert found.correct_guess == pytest.approx(0.5 + 1 / (4 * mti), abs=0.005)
    assert found.p_balanced_mean == pytest.approx(1 / (2 * mti), abs=0.005)

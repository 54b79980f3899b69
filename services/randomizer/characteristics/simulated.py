"""The same figures counted in trials that are played through, with their standard errors.

What is counted are events, with a guess made at every draw; no probability is worked out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Protocol

from services.randomizer.characteristics.coins import Coin
from services.randomizer.characteristics.figures import Figures


class Chance(Protocol):
    """Where the numbers come from."""

    def random(self) -> float:
        """Uniform, from 0 to below 1."""


@dataclass(frozen=True, slots=True)
class Course:
    """One trial: at how many draws what was the case, and N1 - N2 at its end or None."""

    balanced: int
    imbalance: int | None
    certain: int
    right: int


@dataclass(frozen=True)
class Simulated:
    """The figures and how far off each may be; no error can be told from a single run."""

    figures: Figures
    standard_errors: Figures | None


def toss(coin: Coin, n: int, chance: Chance) -> Course:
    """One trial of two arms by a coin; its sign left out, an imbalance is as likely either way."""
    balanced = certain = right = imbalance = 0
    for drawn in range(n):
        if imbalance == 0:
            right += chance.random() < 0.5
            imbalance = 1
            continue
        smaller = coin(drawn, imbalance)
        certain += smaller == 1.0
        if chance.random() < smaller:
            right += 1
            imbalance -= 1
            balanced += imbalance == 0
        else:
            imbalance += 1
    return Course(balanced, imbalance, certain, right)


def fill(ratio: Sequence[int], sizes: Sequence[int], n: int, chance: Chance) -> Course:
    """One trial in permuted blocks."""
    balanced = certain = right = size = places = 0
    whole = sum(ratio)
    left: list[int] = []
    for _ in range(n):
        if places == 0:
            size = places = sizes[int(chance.random() * len(sizes))]
            left = [share * size // whole for share in ratio]
        most = max(left)
        certain += most == places
        tied = [arm for arm, of_arm in enumerate(left) if of_arm == most]
        guess = tied[int(chance.random() * len(tied))]
        ticket, arm = int(chance.random() * places), 0
        while ticket >= left[arm]:
            ticket -= left[arm]
            arm += 1
        right += arm == guess
        left[arm] -= 1
        places -= 1
        balanced += all(
            of_arm * whole == places * share for of_arm, share in zip(left, ratio, strict=True)
        )
    alike = len(ratio) == 2 and ratio[0] == ratio[1]
    return Course(balanced, left[1] - left[0] if alike else None, certain, right)


def simulate(play: Callable[[], Course], n: int, runs: int) -> Simulated:
    """The figures over this many trials of n subjects.

    N1 - N2 has mean 0 by symmetry, so its standard deviation is the root of the mean square; the
    error of that root is by the delta method.
    """
    courses = [play() for _ in range(runs)]
    squares = [course.imbalance**2 for course in courses if course.imbalance is not None]
    balanced, balanced_error = _mean([course.balanced / n for course in courses])
    certain, certain_error = _mean([course.certain / n for course in courses])
    right, right_error = _mean([course.right / n for course in courses])
    sd, sd_error = None, None
    if squares:
        square, square_error = _mean(squares)
        sd = sqrt(square)
        sd_error = square_error / (2 * sd) if sd else 0.0
    return Simulated(
        Figures(balanced, sd, certain, right),
        Figures(balanced_error, sd_error, certain_error, right_error) if runs > 1 else None,
    )


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error, 0 where there is one value only."""
    mean = fsum(values) / len(values)
    if len(values) == 1:
        return mean, 0.0
    variance = fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, sqrt(variance / len(values))

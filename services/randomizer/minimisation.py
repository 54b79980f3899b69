"""Pocock-Simon minimisation: the scores of the arms for one new subject, and their probabilities.

Pocock & Simon 1975, Biometrics 31:103; counts divided by the ratio as in Han et al. 2009, Stat Med
28:3329. The score of an arm is what the imbalance would be with the subject on it: the sum over
the factors of weight x metric of (counts at the subject's level, with one more on the arm) / ratio.
All numbers are exact as they were written, so a tie is a tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm


class MinimisationError(ValueError):
    """Numbers that make no minimisation; the message says which."""


@dataclass(frozen=True)
class Factor:
    """A factor and the earlier subjects by arm at the new subject's level of it."""

    name: str
    weight: Fraction
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Minimisation:
    """The arms with the best score share ``p``, the others the rest.

    ``metric`` is "range" or "variance". Raises ``MinimisationError``.
    """

    metric: str
    p: Fraction
    ratio: tuple[int, ...]
    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        if self.metric not in _METRICS:
            raise MinimisationError(f"metric is {' or '.join(_METRICS)}")
        if len(self.ratio) < 2 or min(self.ratio) < 1:
            raise MinimisationError("ratio needs two arms or more, each with a share of 1 or more")
        if not Fraction(1, len(self.ratio)) <= self.p <= 1:
            raise MinimisationError("p is from 1 / arms, which favours none, to 1")
        if not self.factors:
            raise MinimisationError("there is no factor")
        for factor in self.factors:
            if factor.weight < 0:
                raise MinimisationError(f"the weight of {factor.name} is less than 0")
            if len(factor.counts) != len(self.ratio) or min(factor.counts) < 0:
                raise MinimisationError(f"{factor.name} needs one count of 0 or more for each arm")
        if len({factor.name for factor in self.factors}) < len(self.factors):
            raise MinimisationError("two factors have the same name")

    def scores(self) -> tuple[Fraction, ...]:
        """By arm, the imbalance that it would leave; the smallest is best."""
        return tuple(self._score(arm) for arm in range(len(self.ratio)))

    def probabilities(self) -> tuple[Fraction, ...]:
        """By arm; all tied: the same for each."""
        scores = self.scores()
        best, arms = scores.count(min(scores)), len(scores)
        if best == arms:
            return (Fraction(1, arms),) * arms
        return tuple(
            self.p / best if score == min(scores) else (1 - self.p) / (arms - best)
            for score in scores
        )

    def _score(self, arm: int) -> Fraction:
        score = Fraction(0)
        for factor in self.factors:
            counts = [count + (other == arm) for other, count in enumerate(factor.counts)]
            scaled = [Fraction(*pair) for pair in zip(counts, self.ratio, strict=True)]
            score += factor.weight * _METRICS[self.metric](scaled)
        return score


def whole_scores(
    metric: str, ratio: Sequence[int], weights: Sequence[int], counts: Sequence[Sequence[int]]
) -> list[int]:
    """The scores up to a common factor, in whole numbers: what ties there ties here.

    `counts` are by factor and arm; weights are whole numbers in the proportion of the real ones.
    """
    whole = lcm(*ratio)
    unit = [whole // share for share in ratio]
    spread = _whole_range if metric == "range" else _whole_variance
    scores = [0] * len(ratio)
    for weight, of in zip(weights, counts, strict=True):
        scaled = [count * by for count, by in zip(of, unit, strict=True)]
        for arm, by in enumerate(unit):
            scaled[arm] += by
            scores[arm] += weight * spread(scaled)
            scaled[arm] -= by
    return scores


def _whole_range(values: Sequence[int]) -> int:
    return max(values) - min(values)


def _whole_variance(values: Sequence[int]) -> int:
    return len(values) * sum(value * value for value in values) - sum(values) ** 2


def _range(values: Sequence[Fraction]) -> Fraction:
    return max(values) - min(values)


def _variance(values: Sequence[Fraction]) -> Fraction:
    """Of a sample: divided by one less than there are arms."""
    mean = sum(values, Fraction(0)) / len(values)
    return sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - 1)


_METRICS = {"range": _range, "variance": _variance}

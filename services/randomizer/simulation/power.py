"""What imbalance costs a comparison of two arms.

Stratified, it has the information sum over the strata of 1 / (1/N1 + 1/N2). Its share of what the
same subjects, split exactly in the ratios, would give is the *efficiency*. A two-sided test that
has the planned power under that split then has Phi(z x sqrt(efficiency) - z_alpha/2), z the sum of
both quantiles (Lachin 1981, Control Clin Trials 2:93).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist

from services.randomizer.designs.design import Ratio

Counts = Mapping[str, Mapping[str, int]]
"""By stratum and arm, how many."""


@dataclass(frozen=True)
class Comparison:
    """The planned test: its power under exact balance, and the two-sided alpha."""

    power: float
    alpha: float

    def lost(self, efficiency: float) -> float:
        """The power that is lost where only this share of the information is left."""
        normal = NormalDist()
        critical = normal.inv_cdf(1 - self.alpha / 2)
        shift = critical + normal.inv_cdf(self.power)
        return self.power - normal.cdf(shift * sqrt(efficiency) - critical)


def pairs(ratios: Mapping[str, Ratio]) -> list[tuple[str, str]]:
    """The arms that can be compared: some stratum has both."""
    found = (pair for ratio in ratios.values() for pair in combinations(ratio.arms, 2))
    return list(dict.fromkeys(found))


def efficiency(ratios: Mapping[str, Ratio], counts: Counts, one: str, other: str) -> float | None:
    """The share of the information that is left; None where nobody was randomized."""
    left = whole = 0.0
    for stratum, ratio in ratios.items():
        if one in ratio.shares and other in ratio.shares:
            of = counts.get(stratum, {})
            n = sum(of.values())
            left += _information(of.get(one, 0), of.get(other, 0))
            whole += _information(
                n * ratio.shares[one] / ratio.sum, n * ratio.shares[other] / ratio.sum
            )
    return left / whole if whole else None


def _information(one: float, other: float) -> float:
    return one * other / (one + other) if one and other else 0.0

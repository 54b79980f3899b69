"""A stopping boundary by its method and numbers, and the region that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from services.safety.boundaries import evidence
from services.safety.boundaries.largest import largest
from services.safety.boundaries.stopping import Region

MOST_SUBJECTS: Final = 500
"""Beyond it the exact sums take minutes."""


class BoundaryError(ValueError):
    """Numbers that make no boundary; the message says which."""


@dataclass(frozen=True)
class Pocock:
    """Stop at n when at least x had the event, x the least with P(X_n >= x | p0) <= a.

    One a for all looks: the largest region whose chance of ever crossing under ``p0`` is at most
    ``cross_p0`` (Ivanova, Qaqish & Schell 2005, Biometrics 61:540). Raises ``BoundaryError``.
    """

    p0: Fraction
    looks: Sequence[int]
    cross_p0: Fraction = Fraction(1, 10)

    def __post_init__(self) -> None:
        _chance("p0", self.p0)
        _chance("cross_p0", self.cross_p0)
        _ascending(self.looks)

    def region(self) -> Region:
        """When to stop, by look."""
        return largest(evidence.pocock(self.p0, self.looks), self.p0, self.cross_p0)


@dataclass(frozen=True)
class BetaBinomial:
    """Stop when P(rate > p0 | x of n) >= c under the beta prior (a, b).

    c makes the largest region with an exact type I error of at most ``alpha``; it is never rounded,
    for a c of a table's digits can stop one event early (Geller et al. 2003, see ``evidence``).
    Raises ``BoundaryError``.
    """

    p0: Fraction
    alpha: Fraction
    prior: tuple[Fraction, Fraction]
    looks: Sequence[int]

    def __post_init__(self) -> None:
        _chance("p0", self.p0)
        _chance("alpha", self.alpha)
        if min(self.prior) <= 0:
            raise BoundaryError("prior is two numbers above 0")
        _ascending(self.looks)

    def region(self) -> Region:
        """When to stop, by look."""
        order = evidence.beta_binomial(self.p0, self.prior, self.looks)
        return largest(order, self.p0, self.alpha)


def _chance(name: str, value: Fraction) -> None:
    if not 0 < value < 1:
        raise BoundaryError(f"{name} is not between 0 and 1")


def _ascending(looks: Sequence[int]) -> None:
    if not looks or looks[0] < 1 or any(one >= other for one, other in pairwise(looks)):
        raise BoundaryError("looks are numbers of subjects from 1 on, ascending, none twice")
    if looks[-1] > MOST_SUBJECTS:
        raise BoundaryError(f"looks go up to {MOST_SUBJECTS}")

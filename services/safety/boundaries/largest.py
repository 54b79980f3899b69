"""The largest region of one threshold whose chance of ever stopping keeps within a limit."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction

from services.safety.boundaries.stopping import Region, course

Evidence = Mapping[int, Sequence[Fraction]]
"""By look, how strongly 0, 1, 2, ... events among its subjects speak for a rate that is too high;
ascending, and in one order across all looks."""


def largest(evidence: Evidence, p0: Fraction, limit: Fraction) -> Region:
    """The region "stop from the threshold on" with the least threshold that keeps the limit.

    A lower threshold only adds to a region, so its chance of stopping under ``p0`` only grows; it
    changes at the values of the evidence alone, and these are compared exactly: outcomes that
    weigh the same are in or out together.
    """
    values = sorted({value for of_look in evidence.values() for value in of_look})
    low, high = (
        0,
        len(values),
    )  # from ``high`` on the limit is kept: beyond all values nothing stops
    while low < high:
        middle = (low + high) // 2
        if course(_region(evidence, values[middle]), p0).p_stop <= limit:
            high = middle
        else:
            low = middle + 1
    if high == len(values):
        return dict.fromkeys(evidence)
    return _region(evidence, values[high])


def _region(evidence: Evidence, threshold: Fraction) -> Region:
    region: dict[int, int | None] = {}
    for n, of_look in evidence.items():
        least = bisect_left(of_look, threshold)
        region[n] = least if least <= n else None
    return region

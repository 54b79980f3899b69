"""Permuted blocks of any ratio, arms and mixed sizes: exact, by the block that a draw falls into.

With several sizes, each block's is drawn uniformly. Between blocks the counts stand in the ratio,
so everything follows from (size of the block, place in it) and from how often a block begins after
j draws: u(0) = 1, u(j) = mean over the sizes of u(j - size), a renewal equation. The block that n
cuts off counts as far as it got.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import comb, fsum, prod, sqrt

from services.randomizer.characteristics.figures import Figures


def exact(ratio: Sequence[int], sizes: Sequence[int], n: int) -> Figures:
    """The figures over n draws; every size is a multiple of the ratio's sum."""
    begins = _begins(sizes, n)
    begun = list(accumulate(begins))  # how many blocks are begun within the first j draws, by mean
    balanced: list[float] = []
    certain: list[float] = []
    right: list[float] = []
    spread: list[float] = []
    for size in sizes:
        block = [share * size // sum(ratio) for share in ratio]
        most = _most_left(block)
        for place in range(1, min(size, n) + 1):
            reached = begun[n - place] / len(sizes)
            left = size - place + 1
            orders = comb(size, left)
            balanced.append(reached * (_in_ratio(ratio, block, place) / comb(size, place)))
            certain.append(reached * (sum(comb(arm, left) for arm in block) / orders))
            right.append(reached * (most[left] / (left * orders)))
            # N1 - N2 within the block is hypergeometric.
            variance = place * (size - place) / (size - 1)
            spread.append(begins[n - place] / len(sizes) * variance)
    alike = len(ratio) == 2 and ratio[0] == ratio[1]
    return Figures(
        fsum(balanced) / n,
        sqrt(fsum(spread)) if alike else None,
        fsum(certain) / n,
        fsum(right) / n,
    )


def _begins(sizes: Sequence[int], n: int) -> list[float]:
    """By j below n, the probability that a block begins after j draws."""
    begins = [1.0]
    for drawn in range(1, n):
        begins.append(fsum(begins[drawn - size] for size in sizes if size <= drawn) / len(sizes))
    return begins


def _in_ratio(ratio: Sequence[int], block: Sequence[int], place: int) -> int:
    """In how many ways the first places of a block hold the arms exactly in the ratio."""
    if any(place * share % sum(ratio) for share in ratio):
        return 0
    return prod(
        comb(arm, place * share // sum(ratio)) for arm, share in zip(block, ratio, strict=True)
    )


def _most_left(block: Sequence[int]) -> list[int]:
    """By the number of places left, the sum of the most that any arm has left of them over all
    ways to leave them.
    """
    ways = {(0, 0): 1}
    for arm in block:
        longer: dict[tuple[int, int], int] = {}
        for (left, most), count in ways.items():
            for more, of_arm in _choices(arm):
                key = (left + more, max(most, more))
                longer[key] = longer.get(key, 0) + count * of_arm
        ways = longer
    total = [0] * (sum(block) + 1)
    for (left, most), count in ways.items():
        total[left] += most * count
    return total


def work(ratio: Sequence[int], size: int) -> int:
    """A bound on the steps of ``_most_left`` for a block of this size: after each arm it has no
    more ways than there are pairs of places left and the most of an arm.
    """
    ways = work = 1
    left = most = 0
    for share in ratio:
        arm = share * size // sum(ratio)
        ways *= arm + 1
        work += ways
        left, most = left + arm, max(most, arm)
        ways = min(ways, (left + 1) * (most + 1))
    return work


def _choices(arm: int) -> Iterator[tuple[int, int]]:
    return ((left, comb(arm, left)) for left in range(arm + 1))

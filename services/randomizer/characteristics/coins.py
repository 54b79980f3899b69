"""Two arms, a coin a draw: the exact walk of the imbalance |N1 - N2|.

All that such a design looks at is how many are drawn and how far the arms are apart. Where they are
equal the coin is fair; else it is told by the chance of the smaller arm. Probabilities are summed
as doubles, all of them positive: the relative error stays near n times 1e-16.
"""

from collections.abc import Callable
from math import fsum, sqrt

from services.randomizer.characteristics.figures import Figures

Coin = Callable[[int, int], float]
"""(draws so far, imbalance from 1 on) -> the chance that the smaller arm is next."""


def complete() -> Coin:
    """A fair coin."""
    return lambda _drawn, _imbalance: 0.5


def big_stick(mti: int) -> Coin:
    """Fair until the imbalance reaches the tolerance, then the smaller arm.

    Soares & Wu 1983, Commun Stat Theory Methods 12:2017.
    """
    return lambda _drawn, imbalance: 1.0 if imbalance >= mti else 0.5


def biased_coin(p: float) -> Coin:
    """The smaller arm with probability p (Efron 1971, Biometrika 58:403)."""
    return lambda _drawn, _imbalance: p


def random_allocation(n: int) -> Coin:
    """n/2 places for each arm, all orders equally likely: an urn without replacement."""
    return lambda drawn, imbalance: (n - drawn + imbalance) / (2 * (n - drawn))


def exact(coin: Coin, n: int) -> Figures:
    """The figures over n draws."""
    balanced: list[float] = []
    certain: list[float] = []
    right: list[float] = []
    at = [1.0]  # by imbalance, its probability
    for drawn in range(n):
        after = [0.0] * (len(at) + 1)
        sure, smaller = 0.0, 0.0
        if drawn % 2 == 0:
            after[1] = at[0]
            smaller = at[0] / 2
        for imbalance in range(2 - drawn % 2, len(at), 2):
            here = at[imbalance]
            chance = coin(drawn, imbalance)
            nearer = here * chance
            smaller += nearer
            after[imbalance - 1] += nearer
            after[imbalance + 1] += here - nearer
            if chance == 1.0:
                sure += here
        balanced.append(after[0])
        certain.append(sure)
        right.append(smaller)
        while after[-1] == 0.0:  # farther apart than the design lets the arms come
            after.pop()
        at = after
    spread = fsum(imbalance * imbalance * here for imbalance, here in enumerate(at))
    return Figures(fsum(balanced) / n, sqrt(spread), fsum(certain) / n, fsum(right) / n)

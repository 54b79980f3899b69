"""How strongly x events among n subjects speak against the rate p0, by method."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

from services.safety.boundaries.largest import Evidence
from services.safety.boundaries.stopping import longer


def pocock(p0: Fraction, looks: Sequence[int]) -> Evidence:
    """Minus P(X_n >= x | p0): one nominal level for all looks.

    Ivanova, Qaqish & Schell 2005, Biometrics 61:540.
    """
    event, whole = p0.numerator, p0.denominator
    evidence: dict[int, Sequence[Fraction]] = {}
    weights = [1]
    for n in range(1, looks[-1] + 1):
        weights = longer(weights, event, whole - event)
        if n in looks:
            tails = list(accumulate(reversed(weights)))
            evidence[n] = [Fraction(-tail, whole**n) for tail in reversed(tails)]
    return evidence


def beta_binomial(p0: Fraction, prior: tuple[Fraction, Fraction], looks: Sequence[int]) -> Evidence:
    """The order of P(rate > p0 | x of n) under a beta prior (a, b).

    Geller, Follmann, Leifer & Carter 2003, in: Advances in Clinical Trial Biostatistics. The
    posterior is beta (a + x, b + n - x). By the recurrences of the incomplete beta function (DLMF
    8.17.20 and 8.17.21) it exceeds p0 with probability P0 + k R(n, x), where P0 and k > 0 belong to
    the prior and

        t(n, x) = p0**x (1-p0)**(n-x) (a+b)_n / ((a)_x (b)_(n-x))      (c)_m = c (c+1) ... (c+m-1)
        R(0, 0) = 0,  R(n+1, 0) = R(n, 0) - t(n, 0) / (b+n)
        R(n, x+1) = R(n, x) + t(n, x) / ((1-p0) (a+x))

    R is a fraction whatever the prior, so posteriors are ordered, and ties seen, without rounding.
    """
    a, b = prior
    none = 1 - p0
    evidence: dict[int, Sequence[Fraction]] = {}
    lowest, first = Fraction(0), Fraction(1)  # R(n, 0) and t(n, 0)
    for n in range(looks[-1] + 1):
        if n in looks:
            weights, weight = [lowest], first
            for x in range(n):
                weights.append(weights[-1] + weight / (none * (a + x)))
                weight *= p0 * (b + n - x - 1) / (none * (a + x))
            evidence[n] = weights
        lowest -= first / (b + n)
        first *= none * (a + b + n) / (b + n)
    return evidence

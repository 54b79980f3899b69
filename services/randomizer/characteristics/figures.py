"""The four figures by which designs are compared."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Of one design over a trial of n subjects; every mean is over the draws i = 1..n.

    ``p_balanced_mean``: the mean probability that the counts stand exactly in the ratio after i.
    ``final_imbalance_sd``: the standard deviation of N1 - N2 after n; two arms 1:1, else None.
    ``deterministic``: the mean probability that, given the history and the size of the current
    block, one arm is certain to be next (Matts & Lachin 1988, Control Clin Trials 9:327).
    ``correct_guess``: the mean probability of a right guess by the convergence strategy, which
    names the arm with most places left, the smaller arm, and one of those tied at random
    (Blackwell & Hodges 1957, Ann Math Stat 28:449).
    """

    p_balanced_mean: float
    final_imbalance_sd: float | None
    deterministic: float
    correct_guess: float

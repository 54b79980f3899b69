"""Efron's biased coin: the smaller arm with probability p, a fair coin when the arms are equal.

Efron 1971, Biometrika 58:403. Two arms, 1:1. The probability is the fraction that its digits say:
0.65 is 13 tickets of 20, drawn without rounding.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from services.randomizer.designs import settings
from services.randomizer.designs.design import Ratio, Section, State, Turn
from services.randomizer.seed import Stream

# Nine places make at most 10**9 tickets, which one derived number can tell apart.
Bias = Annotated[
    Decimal,
    Field(strict=True, ge=Decimal("0.5"), le=1, max_digits=10, decimal_places=9),
    BeforeValidator(settings.decimal),
]


class BiasedCoin(Section):
    """``p``: the bias, for all strata or for each; the state is (subjects on each arm)."""

    design: Literal["biased_coin"]
    p: Bias | Mapping[str, Bias]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Two arms 1:1 and a bias in every stratum."""
        settings.two_equal_arms(ratios)
        settings.check("p", self.p, ratios)

    def opening(self, ratio: Ratio) -> State:
        """Nobody on either arm."""
        return (0, 0)

    def odds(self, turn: Turn) -> Sequence[int]:
        """A fair coin, or the bias towards the smaller arm."""
        first, second = turn.state
        if first == second:
            return (1, 1)
        bias = Fraction(settings.of(self.p, turn.ratio.stratum))
        smaller, larger = bias.numerator, bias.denominator - bias.numerator
        return (smaller, larger) if first < second else (larger, smaller)

    def draw(self, turn: Turn) -> tuple[str, State]:
        """The coin of the moment."""
        first, second = turn.state
        stratum = turn.ratio.stratum
        stream = Stream(turn.seed, stratum, "arm")
        if first == second:
            arm = stream.below(2, turn.drawn)
        else:
            bias = Fraction(settings.of(self.p, stratum))
            smaller = int(first > second)
            taken = stream.below(bias.denominator, turn.drawn) < bias.numerator
            arm = smaller if taken else 1 - smaller
        return turn.ratio.arms[arm], (first + (arm == 0), second + (arm == 1))

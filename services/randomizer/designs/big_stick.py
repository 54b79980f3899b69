"""The big stick: a fair coin until the imbalance reaches the tolerance, then the smaller arm.

Soares & Wu 1983, Commun Stat Theory Methods 12:2017. Two arms, 1:1.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from services.randomizer.designs import settings
from services.randomizer.designs.design import Count, Ratio, Section, State, Turn
from services.randomizer.seed import Stream


class BigStick(Section):
    """``mti``: the maximum tolerated imbalance, for all strata or for each.

    The state of a stratum is (subjects on each arm).
    """

    design: Literal["big_stick"]
    mti: Count | Mapping[str, Count]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Two arms 1:1 and a tolerance in every stratum."""
        settings.two_equal_arms(ratios)
        settings.check("mti", self.mti, ratios)

    def opening(self, ratio: Ratio) -> State:
        """Nobody on either arm."""
        return (0, 0)

    def odds(self, turn: Turn) -> Sequence[int]:
        """A fair coin, or the smaller arm for certain."""
        first, second = turn.state
        if abs(first - second) < settings.of(self.mti, turn.ratio.stratum):
            return (1, 1)
        return (int(first < second), int(second < first))

    def draw(self, turn: Turn) -> tuple[str, State]:
        """The coin, or the smaller arm."""
        first, second = turn.state
        stratum = turn.ratio.stratum
        if abs(first - second) >= settings.of(self.mti, stratum):
            arm = int(first > second)
        else:
            arm = Stream(turn.seed, stratum, "arm").below(2, turn.drawn)
        return turn.ratio.arms[arm], (first + (arm == 0), second + (arm == 1))

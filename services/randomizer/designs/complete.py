"""Complete randomization: every draw alone, each arm with its share of the ratio."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from services.randomizer.designs.design import Ratio, Section, State, Turn, pick
from services.randomizer.seed import Stream


class Complete(Section):
    """A stratum has no state."""

    design: Literal["complete"]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Any strata will do."""

    def opening(self, ratio: Ratio) -> State:
        """Nothing to remember."""
        return ()

    def odds(self, turn: Turn) -> Sequence[int]:
        """The ratio, always."""
        return tuple(turn.ratio.shares.values())

    def draw(self, turn: Turn) -> tuple[str, State]:
        """A ticket of the ratio."""
        ratio = turn.ratio
        ticket = Stream(turn.seed, ratio.stratum, "arm").below(ratio.sum, turn.drawn)
        return ratio.arms[pick(ticket, ratio.shares.values())], turn.state

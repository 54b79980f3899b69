"""The random allocation rule: a stratum is one block of known size, all its orders equally likely.

Blackwell & Hodges 1957, Ann Math Stat 28:449. Any ratio; a cap must keep each stratum within its
size, for a place beyond it has no arm.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.randomizer.designs import settings
from services.randomizer.designs.design import DesignError, Ratio, Section, State, Turn, pick
from services.randomizer.seed import Stream

Size = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class RandomAllocation(Section):
    """``size``: how many are randomized in a stratum in all, for all strata or for each.

    The state of a stratum is (places given to each arm).
    """

    design: Literal["random_allocation"]
    size: Size | Mapping[str, Size]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Every stratum has a size, a multiple of its ratio's sum, and can never draw more."""
        for stratum, (at, size) in settings.check("size", self.size, ratios).items():
            whole = ratios[stratum].sum
            if size % whole:
                raise DesignError(
                    at, f"{size} is no multiple of {whole}, the sum of the ratio of {stratum}"
                )
            limits = [
                cap for cap in (self.target, self.caps.strata.get(stratum)) if cap is not None
            ]
            if not limits or min(limits) > size:
                raise DesignError(
                    at, f"stratum {stratum} has {size} places and needs a cap of at most as many"
                )

    def opening(self, ratio: Ratio) -> State:
        """No place given."""
        return (0,) * len(ratio.arms)

    def odds(self, turn: Turn) -> Sequence[int]:
        """The places left for each arm."""
        ratio = turn.ratio
        times = settings.of(self.size, ratio.stratum) // ratio.sum
        shares = zip(ratio.shares.values(), turn.state, strict=True)
        return [share * times - given for share, given in shares]

    def draw(self, turn: Turn) -> tuple[str, State] | None:
        """A place of those left; None: none is left."""
        ratio, placed, left = turn.ratio, turn.state, self.odds(turn)
        if sum(left) <= 0:
            return None
        ticket = Stream(turn.seed, ratio.stratum, "arm").below(sum(left), turn.drawn)
        arm = pick(ticket, left)
        return ratio.arms[arm], (*placed[:arm], placed[arm] + 1, *placed[arm + 1 :])

"""Permuted blocks: inside each block every arm stands exactly in the stratum's ratio.

Zelen 1974, J Chron Dis 27:365; sizes at random, so that the last places of a block are harder to
guess (Matts & Lachin 1988, Control Clin Trials 9:327). When a block is full, the size of the next
is drawn, each listed size with the same chance. A place goes to an arm with probability (places
left for the arm) / (places left in the block): drawing from the urn without replacement, which
makes all orders of the block equally likely, and never needs, nor stores, the order of places to
come.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.randomizer.designs import settings
from services.randomizer.designs.design import (
    Count,
    DesignError,
    Ratio,
    Section,
    State,
    Turn,
)
from services.randomizer.seed import Stream

LARGEST_BLOCK = 10_000
Sizes = Annotated[tuple[Count, ...], Field(min_length=1)]


class PermutedBlock(Section):
    """``block_sizes``: one list for all strata, or a list for each stratum.

    The state of a stratum is (size of the block, places already given to each arm in it).
    """

    design: Literal["permuted_block"]
    block_sizes: Sizes | Mapping[str, Sizes]

    needs_list: ClassVar[bool] = False

    def sizes(self, stratum: str) -> tuple[int, ...]:
        """The block sizes of a stratum."""
        return settings.of(self.block_sizes, stratum)

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Every stratum has sizes, each a multiple of the ratio's sum, none twice."""
        for stratum, (at, sizes) in settings.check("block_sizes", self.block_sizes, ratios).items():
            ratio = ratios[stratum]
            for index, size in enumerate(sizes):
                if size % ratio.sum:
                    raise DesignError(
                        (*at, index),
                        f"{size} is no multiple of {ratio.sum}, the sum of the ratio of {stratum}",
                    )
                if size > LARGEST_BLOCK:
                    raise DesignError((*at, index), f"is more than {LARGEST_BLOCK}")
                if size in sizes[:index]:
                    raise DesignError((*at, index), f"{size} is listed twice")

    def opening(self, ratio: Ratio) -> State:
        """No block begun: the first draw opens one."""
        return (0,) * (1 + len(ratio.arms))

    def odds(self, turn: Turn) -> Sequence[int]:
        """The places left for each arm; at the beginning of a block, the ratio."""
        ratio, size, placed = turn.ratio, turn.state[0], turn.state[1:]
        if sum(placed) == size:
            return tuple(ratio.shares.values())
        shares = zip(ratio.shares.values(), placed, strict=True)
        return [share * size // ratio.sum - given for share, given in shares]

    def draw(self, turn: Turn) -> tuple[str, State]:
        """The next place of the stratum's block."""
        ratio, size, placed = turn.ratio, turn.state[0], turn.state[1:]
        filled = sum(placed)
        if filled == size:
            sizes = self.sizes(ratio.stratum)
            size = sizes[
                Stream(turn.seed, ratio.stratum, "block size").below(len(sizes), turn.drawn)
            ]
            placed, filled = (0,) * len(placed), 0
        blocks = size // ratio.sum
        ticket = Stream(turn.seed, ratio.stratum, "arm").below(size - filled, turn.drawn)
        for index, (arm, share) in enumerate(ratio.shares.items()):
            left = share * blocks - placed[index]
            if ticket < left:
                return arm, (size, *placed[:index], placed[index] + 1, *placed[index + 1 :])
            ticket -= left
        raise AssertionError("a block has as many places as its arms")

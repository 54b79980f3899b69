"""A design of its own for each stratum, as where one has three arms and another two."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.randomizer.designs.biased_coin import BiasedCoin
from services.randomizer.designs.big_stick import BigStick
from services.randomizer.designs.complete import Complete
from services.randomizer.designs.design import OUTSIDE, DesignError, Ratio, Section, State, Turn
from services.randomizer.designs.minimisation import MinimisationSection
from services.randomizer.designs.permuted_block import PermutedBlock
from services.randomizer.designs.random_allocation import RandomAllocation
from services.randomizer.designs.settings import check

OfOne = Annotated[
    PermutedBlock | BigStick | BiasedCoin | RandomAllocation | Complete | MinimisationSection,
    Field(discriminator="design"),
]


class ByStratum(Section):
    """``strata``: the section of each stratum; target and caps stand outside, for the whole trial.

    The state of a stratum is that of its design.
    """

    design: Literal["by_stratum"]
    strata: Mapping[str, OfOne]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Every stratum has a design that can randomize it."""
        placed: dict[str, tuple[tuple[str, ...], OfOne]] = check("strata", self.strata, ratios)
        for stratum, (at, of_one) in placed.items():
            for outside in OUTSIDE:
                if outside in of_one.model_fields_set:
                    raise DesignError((*at, outside), "stands outside the strata")
            limited = of_one.model_copy(update={"target": self.target, "caps": self.caps})
            try:
                limited.check({stratum: ratios[stratum]})
            except DesignError as fault:
                raise DesignError((*at, *fault.path), str(fault)) from None

    def factor_places(self) -> Mapping[tuple[str | int, ...], str]:
        """Those of every stratum's design."""
        return {
            ("strata", stratum, *place): name
            for stratum, of_one in self.strata.items()
            for place, name in of_one.factor_places().items()
        }

    def opening(self, ratio: Ratio) -> State:
        """As the stratum's design begins."""
        return self.strata[ratio.stratum].opening(ratio)

    def odds(self, turn: Turn) -> Sequence[int]:
        """As the stratum's design has them."""
        return self.strata[turn.ratio.stratum].odds(turn)

    def draw(self, turn: Turn) -> tuple[str, State] | None:
        """As the stratum's design draws."""
        return self.strata[turn.ratio.stratum].draw(turn)

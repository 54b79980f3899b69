"""The registry of designs: a new one is a file here and a member of ``AnyDesign``."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from services.randomizer.designs.biased_coin import BiasedCoin
from services.randomizer.designs.big_stick import BigStick
from services.randomizer.designs.by_stratum import ByStratum
from services.randomizer.designs.complete import Complete
from services.randomizer.designs.listed import Listed
from services.randomizer.designs.minimisation import MinimisationSection
from services.randomizer.designs.permuted_block import PermutedBlock
from services.randomizer.designs.random_allocation import RandomAllocation

AnyDesign = Annotated[
    PermutedBlock
    | BigStick
    | BiasedCoin
    | RandomAllocation
    | Complete
    | MinimisationSection
    | ByStratum
    | Listed,
    Field(discriminator="design"),
]

sections: TypeAdapter[AnyDesign] = TypeAdapter(AnyDesign)

"""The registry of designs: a new one is a file here and a member of ``AnyDesign``."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from services.randomizer.designs.listed import Listed
from services.randomizer.designs.permuted_block import PermutedBlock

AnyDesign = Annotated[PermutedBlock | Listed, Field(discriminator="design")]

sections: TypeAdapter[PermutedBlock | Listed] = TypeAdapter(AnyDesign)

"""What every randomization design is: a section of the protocol file that can draw.

A design never remembers and never looks ahead: the *state* of a stratum goes in and comes out as a
few whole numbers, and chance comes from the seed by (stratum, purpose, position). Nothing that a
design keeps holds the coming arm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.randomizer.allocation_list import AllocationList
from services.randomizer.seed import Seed
from shared.contracts.subjects import SubjectId

State = tuple[int, ...]
Count = Annotated[int, Field(strict=True, ge=1)]


class DesignError(ValueError):
    """A design that cannot be carried out; ``path`` is its place inside the section."""

    def __init__(self, path: Iterable[str | int], message: str) -> None:
        super().__init__(message)
        self.path = tuple(path)


OUTSIDE = ("target", "caps", "milestones")
"""What a section says of the whole trial, whichever design draws."""


@dataclass(frozen=True)
class Ratio:
    """The arms of one stratum in the order of the protocol, and how many shares each has."""

    stratum: str
    shares: Mapping[str, int]

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms in order."""
        return tuple(self.shares)

    @cached_property
    def sum(self) -> int:
        """The smallest block that holds every arm in the ratio."""
        return sum(self.shares.values())


class Turn(NamedTuple):
    """All that a draw may look at: whose turn it is, in which stratum, after how many draws
    there.
    """

    subject: SubjectId
    ratio: Ratio
    drawn: int
    state: State
    seed: Seed
    rows: AllocationList | None = None
    carry: Mapping[str, JsonValue] = MappingProxyType({})
    """The values that the screening brought for the draw."""
    alike: Iterable[State] = ()
    """The states of all strata that draw the same way, this one's too; to be read once."""


def pick(ticket: int, places: Iterable[int]) -> int:
    """The arm that a ticket (from 0) stands for, where each arm has so many of them."""
    for arm, of_arm in enumerate(places):
        if ticket < of_arm:
            return arm
        ticket -= of_arm
    raise ValueError("there are not so many tickets")


class Design(Protocol):
    """A design that draws; one file each, and one line in the registry."""

    needs_list: ClassVar[bool]
    """Whether no draw is possible before an allocation list is loaded."""

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Raises ``DesignError`` where these strata cannot be randomized so."""

    def factor_places(self) -> Mapping[tuple[str | int, ...], str]:
        """The factors that a draw looks at, by their place in the section."""

    def opening(self, ratio: Ratio) -> State:
        """A stratum's state before the first draw under this design."""

    def odds(self, turn: Turn) -> Sequence[int]:
        """How likely each arm is, as shares of their sum: what who knows the past can know.

        The size of a block that has not begun is not known. None for a list: nothing is drawn.
        """

    def draw(self, turn: Turn) -> tuple[str, State] | None:
        """The arm and the stratum's next state; None where a list has nothing left to give."""


class Caps(BaseModel):
    """How many may be randomized by stratum, by site, and by site and stratum; none: no cap.

    ``sites`` and ``site_strata`` hold for the sites that they name; ``each_site`` for all others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strata: Mapping[str, Count] = {}
    sites: Mapping[str, Count] = {}
    each_site: Count | None = None
    site_strata: Mapping[str, Mapping[str, Count]] = {}

    def of_site(self, site: str) -> int | None:
        """The cap of one site, None without."""
        return self.sites.get(site, self.each_site)

    def of_cell(self, site: str, stratum: str) -> int | None:
        """The cap of one stratum at one site, None without."""
        return self.site_strata.get(site, {}).get(stratum)


Percent = Annotated[int, Field(strict=True, ge=1, le=100)]


class Section(BaseModel):
    """What the randomization sections of all designs have in common.

    ``milestones``: at which percentages of the target and of each cap enrolment is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Count | None = None
    caps: Caps = Caps()
    milestones: tuple[Percent, ...] = ()

    def factor_places(self) -> Mapping[tuple[str | int, ...], str]:
        """None: who the subject is makes no difference to the draw."""
        return {}

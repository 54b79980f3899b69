"""A prepared list: rows in order within their stratum, as made beforehand or as a past trial was.

A row that names its subject belongs to that subject alone. Anyone else gets the stratum's next row
without a name; when there is none, the list is exhausted. A subject who is named in another
stratum has no row here: an arm of that stratum may not be open to it. Nor is a row drawn whose arm
the version of the protocol does not have: the list was checked against another one, and the row
stays for it.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from services.randomizer.allocation_list import AllocationList
from services.randomizer.designs.design import Ratio, Section, State, Turn


class Listed(Section):
    """The state of a stratum is (how many of its rows without a name are taken)."""

    design: Literal["listed"]

    needs_list: ClassVar[bool] = True

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Any strata will do: the list itself is checked when it is loaded."""

    def opening(self, ratio: Ratio) -> State:
        """No row taken."""
        return (0,)

    def odds(self, turn: Turn) -> Sequence[int]:
        """None: the list decided beforehand."""
        return ()

    def draw(self, turn: Turn) -> tuple[str, State] | None:
        """The subject's own row, else the next without a name."""
        if turn.rows is None:
            raise ValueError("no allocation list is loaded")
        given = self._given(turn, turn.rows)
        return given if given is not None and given[0] in turn.ratio.shares else None

    def _given(self, turn: Turn, rows: AllocationList) -> tuple[str, State] | None:
        named = rows.named.get(turn.subject)
        if named is not None:
            return (named.arm, turn.state) if named.stratum == turn.ratio.stratum else None
        unnamed = rows.unnamed.get(turn.ratio.stratum, ())
        taken = turn.state[0]
        return (unnamed[taken], (taken + 1,)) if taken < len(unnamed) else None

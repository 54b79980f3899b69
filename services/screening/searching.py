"""The search for values of which statements are true, over the regions that they make."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.screening.regions import Region, axes
from services.screening.statements import AllOf, AnyOf, Leaf, NotOf, Statement, leaves

Known = dict[Leaf, bool | None]

#: After so many steps a search gives up; only rules far beyond any protocol's need more.
_MOST: Final = 2_000
_DEEPEST: Final = 400


class Exhausted(Exception):
    """The search has taken too long to tell."""


def search(goals: Sequence[Statement], fields: Mapping[str, Any]) -> tuple[Region, ...] | None:
    """Regions in which all statements are true, None where there are none; ``Exhausted``."""
    axis_of = {
        leaf: axis
        for axis in axes((leaf for goal in goals for leaf in leaves(goal)), fields)
        for region in axis[:1]
        for leaf in region.truths
    }
    steps = 0

    def step(known: Known, chosen: tuple[Region, ...], open_: Sequence[Statement]) -> Any:
        nonlocal steps
        steps += 1
        if steps > _MOST or len(chosen) > _DEEPEST:
            raise Exhausted
        truths = [truth(goal, known) for goal in open_]
        if False in truths:
            return None
        left = [goal for goal, outcome in zip(open_, truths, strict=True) if outcome is None]
        if not left:
            return chosen
        leaf = next((leaf for leaf in leaves(left[0]) if leaf not in known), None)
        if leaf is None:
            return None  # all that it reads is settled, and it stays unknown
        for region in axis_of[leaf]:
            if any(known.get(one, is_so) is not is_so for one, is_so in region.truths.items()):
                continue
            found = step({**known, **region.truths}, (*chosen, region), left)
            if found is not None:
                return found
        return None

    made: tuple[Region, ...] | None = step({}, (), goals)
    return made


def truth(said: Statement, known: Known) -> bool | None:
    """The truth of a statement as far as its parts are known, by Kleene."""
    match said:
        case AllOf(parts):
            truths = [truth(part, known) for part in parts]
            return False if False in truths else None if None in truths else True
        case AnyOf(parts):
            truths = [truth(part, known) for part in parts]
            return True if True in truths else None if None in truths else False
        case NotOf(part):
            inner = truth(part, known)
            return None if inner is None else not inner
        case _:
            return known.get(said)

"""What one authority asks of a sponsor: whose causality counts, and what follows a 7-day report."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from shared.contracts.events.safety import Authority as Name

Judgement = Literal["related", "not_related"]


class Related(NamedTuple):
    """Whether an event counts as related to a component, and the facts that decided."""

    holds: bool
    why: str


Rule = Callable[[Judgement | None, Judgement | None], Related]
"""The investigator's judgement, the sponsor's; None: not yet judged."""


@dataclass(frozen=True, slots=True)
class Authority:
    """One authority; ``follows_up``: an `expedited_7` is followed by a `follow_up_8`."""

    name: Name
    related: Rule
    follows_up: bool


def unjudged() -> Related:
    """What nobody has judged counts as related: silence hides nothing."""
    return Related(True, "judged by nobody, which counts as related")


def either(investigator: Judgement | None, sponsor: Judgement | None) -> Related:
    """Related when the investigator or the sponsor says so; neither undoes the other's yes."""
    if investigator == "related" and sponsor == "related":
        return Related(True, "the investigator and the sponsor say related")
    if investigator == "related":
        return Related(True, "the investigator says related")
    if sponsor == "related":
        return Related(True, "the sponsor says related")
    if investigator is None and sponsor is None:
        return unjudged()
    if investigator is None:
        return Related(False, "the sponsor says not related, the investigator has not judged")
    if sponsor is None:
        return Related(False, "the investigator says not related, the sponsor has not judged")
    return Related(False, "the investigator and the sponsor say not related")

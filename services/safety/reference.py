"""Reference safety information: the terms that are expected of a component, by version.

A version is in force from its date on, that day included, until the next one's date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.safety.days import Days


@dataclass(frozen=True, slots=True)
class Reference:
    """One version; the terms of each component in folded case."""

    version: str
    since: date
    expected: Mapping[str, frozenset[str]]

    def lists(self, component: str, term: str) -> bool:
        """Whether the term is expected of the component, letter case aside."""
        return term.casefold() in self.expected.get(component, frozenset())


def in_force(versions: Sequence[Reference], onset: Days | None) -> tuple[Reference | None, ...]:
    """Every version that the onset allows, in order; ``versions`` are in order of their dates.

    None stands for the days before the first version, on which there is no such information. A
    missing onset allows every version.
    """
    if onset is None:
        return tuple(versions)
    before = [known for known in versions if known.since <= onset.first]
    later = [known for known in versions if onset.first < known.since <= onset.last]
    return (before[-1] if before else None, *later)

"""What of a trial's treatment an event can be related to: a subject's components.

They come from the arm (surgery, radiotherapy) and the regimen (its drugs). While either is not
known, every component that it could bring counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Components:
    """The components by arm and by regimen, in the order of the protocol file.

    ``regimen_field`` is the member of `PatientScreened.carry` that tells the regimen, None where
    the protocol knows of no regimens.
    """

    by_arm: Mapping[str, tuple[str, ...]]
    by_regimen: Mapping[str, tuple[str, ...]]
    regimen_field: str | None = None

    def of(self, arm: str | None, regimen: str | None) -> tuple[str, ...]:
        """The components that a subject has or may have, each once.

        An arm or regimen that is None or not listed counts as not known.
        """
        return _once((*_brought(self.by_arm, arm), *_brought(self.by_regimen, regimen)))

    def regimen_in(self, carry: Mapping[str, object]) -> str | None:
        """The regimen in the fields that a screening carries; None where it tells no listed one."""
        word = None if self.regimen_field is None else carry.get(self.regimen_field)
        return word if isinstance(word, str) and word in self.by_regimen else None


def _brought(by: Mapping[str, tuple[str, ...]], known: str | None) -> Iterable[str]:
    if known is not None and known in by:
        return by[known]
    return (component for components in by.values() for component in components)


def _once(components: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(components))

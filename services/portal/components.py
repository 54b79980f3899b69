"""What of the treatment an adverse event can be related to, as the protocol's safety section says.

Safety has the word on it; before a case exists nothing there can be asked, so the form works out
what to ask for.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.study import Protocol

SECTION: Final = "safety"


class _Words(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Regimens(_Words):
    field: str
    words: dict[str, tuple[str, ...]]


class _Components(_Words):
    by_arm: dict[str, tuple[str, ...]] = {}
    by_regimen: _Regimens | None = None


class _Safety(_Words):
    authorities: tuple[str, ...] = ()
    components: _Components = _Components()


def authorities(protocol: Protocol) -> tuple[str, ...]:
    """Whom reports of this trial go to."""
    return _safety(protocol).authorities


def regimen_field(protocol: Protocol) -> str | None:
    """The field of the screening form that tells the regimen."""
    regimens = _safety(protocol).components.by_regimen
    return None if regimens is None else regimens.field


def components(protocol: Protocol, arm: str | None, regimen: object) -> tuple[str, ...]:
    """The components that a subject has or may have, each once; not known brings all."""
    found = _safety(protocol).components
    words = found.by_regimen.words if found.by_regimen else {}
    return tuple(dict.fromkeys((*_brought(found.by_arm, arm), *_brought(words, regimen))))


def _safety(protocol: Protocol) -> _Safety:
    return _Safety.model_validate(protocol.sections.get(SECTION) or {})


def _brought(by: Mapping[str, tuple[str, ...]], known: object) -> tuple[str, ...]:
    if isinstance(known, str) and known in by:
        return by[known]
    return tuple(one for brought in by.values() for one in brought)

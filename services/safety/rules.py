"""What a protocol says of safety: the `safety` section, typed, each error with file and line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.safety.authorities import AUTHORITIES, Name
from services.safety.components import Components
from services.safety.reference import Reference
from shared.contracts.study import Protocol, ProtocolError, Text
from shared.contracts.subjects import TrialId
from shared.contracts.wording import told

SECTION: Final = "safety"
Path = tuple[str | int, ...]

ComponentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Brought = list[ComponentName]


class _Words(BaseModel):
    """Part of the section as the file writes it: strict types, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RegimenWords(_Words):
    """`by_regimen`: the field of `PatientScreened.carry`, and what each of its words brings."""

    field: Text
    words: Annotated[dict[Text, Brought], Field(min_length=1)]


class ComponentsWords(_Words):
    """`components`."""

    by_arm: dict[str, Brought]
    by_regimen: RegimenWords | None = None


class ReferenceWords(_Words):
    """One version of the reference safety information."""

    version: Text
    since: Annotated[date, Field(alias="from")]
    expected: dict[str, Annotated[list[Text], Field(min_length=1)]]


class SafetyWords(_Words):
    """The whole section."""

    authorities: Annotated[list[str], Field(min_length=1)]
    components: ComponentsWords
    reference_safety_information: list[ReferenceWords]


@dataclass(frozen=True)
class SafetyRules:
    """What one protocol says; built once, used for every case.

    ``scale`` names the form's one field of severity: `ctcae` its `grade`, `sdtm` its `severity`.
    """

    trial: TrialId
    scale: Literal["ctcae", "sdtm"]
    authorities: tuple[Name, ...]
    components: Components
    reference: tuple[Reference, ...]

    @classmethod
    def of(cls, protocol: Protocol) -> "SafetyRules":
        """The rules of a protocol; raises ``ProtocolError`` with file, line and place."""
        if SECTION not in protocol.sections:
            raise protocol.fault((), "has no safety section")
        raw = protocol.sections[SECTION]
        try:
            words = SafetyWords.model_validate(raw)
        except ValidationError as error:
            raise ProtocolError.of(
                protocol.fault(
                    (SECTION, *_place(one["loc"])),
                    told(one["type"], one["msg"], one.get("ctx", {})),
                )
                for one in error.errors()
            ) from None
        components = _components(protocol, words.components)
        return cls(
            trial=protocol.id,
            scale=protocol.study.severity_scale,
            authorities=_authorities(protocol, words.authorities),
            components=components,
            reference=_reference(protocol, words, components),
        )


def _place(loc: Sequence[str | int]) -> Path:
    """The place in the file: pydantic also names the key of a map that is at fault itself."""
    return tuple(step for step in loc if step != "[key]")


def known(name: str) -> Name | None:
    """The authority of that name, None for one that there is not."""
    return next((one for one in AUTHORITIES if one == name), None)


def _authorities(protocol: Protocol, names: Sequence[str]) -> tuple[Name, ...]:
    found: list[Name] = []
    for index, name in enumerate(names):
        at = (SECTION, "authorities", index)
        authority = known(name)
        if authority is None:
            raise protocol.fault(at, f"{name} is not one of {', '.join(AUTHORITIES)}")
        if authority in found:
            raise protocol.fault(at, f"{name} is listed twice")
        found.append(authority)
    return tuple(found)


def _components(protocol: Protocol, words: ComponentsWords) -> Components:
    at = (SECTION, "components")
    arms = [arm.id for arm in protocol.arms]
    for arm in words.by_arm:
        if arm not in arms:
            raise protocol.fault((*at, "by_arm", arm), f"{arm} is not one of the arms")
    for arm in arms:
        if arm not in words.by_arm:
            raise protocol.fault((*at, "by_arm"), f"does not say what {arm} brings")
    regimens, field = words.by_regimen, None
    if regimens is not None:
        field = regimens.field
        if field not in _carried(protocol):
            place = (*at, "by_regimen", "field")
            raise protocol.fault(place, f"{field} is not in the carry of eligibility")
    by_regimen = {} if regimens is None else regimens.words
    _once(protocol, (*at, "by_arm"), words.by_arm)
    _once(protocol, (*at, "by_regimen", "words"), by_regimen)
    return Components(_frozen(words.by_arm), _frozen(by_regimen), field)


def _once(protocol: Protocol, at: Path, by: Mapping[str, Sequence[str]]) -> None:
    for name, brought in by.items():
        for index, component in enumerate(brought):
            if component in brought[:index]:
                raise protocol.fault((*at, name, index), f"{component} is listed twice")


def _frozen(by: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(brought) for name, brought in by.items()}


def _carried(protocol: Protocol) -> Sequence[object]:
    """What `PatientScreened` carries in this trial."""
    eligibility: Any = protocol.sections.get("eligibility")
    carry = eligibility.get("carry") if isinstance(eligibility, dict) else None
    return carry if isinstance(carry, list) else ()


def _reference(
    protocol: Protocol, words: SafetyWords, components: Components
) -> tuple[Reference, ...]:
    every = components.of(None, None)
    found: list[Reference] = []
    for index, one in enumerate(words.reference_safety_information):
        at = (SECTION, "reference_safety_information", index)
        if found and one.since <= found[-1].since:
            raise protocol.fault((*at, "from"), "each version is in force after the one before it")
        if one.version in (earlier.version for earlier in found):
            raise protocol.fault((*at, "version"), f"{one.version} is listed twice")
        for component in one.expected:
            if component not in every:
                place = (*at, "expected", component)
                raise protocol.fault(place, f"{component} is not one of the components")
        terms = {
            component: frozenset(term.casefold() for term in listed)
            for component, listed in one.expected.items()
        }
        found.append(Reference(one.version, one.since, terms))
    return tuple(found)

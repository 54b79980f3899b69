"""A trial's screening form as a browser asks it, from the data dictionary of its protocol alone.

Screening checks the section when it starts; here it is read for what a person must see: the label
in words, the unit and those that may stand instead, the choices, and which criteria ask for it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.portal import labels
from services.portal.questions import Asked, Choice, Criterion, Dictionary, Group, Kind
from shared.contracts.study import Protocol

SECTION: Final = "eligibility"


def asked_by(protocol: Protocol) -> Dictionary:
    """Reads a protocol's section; raises ``ProtocolError`` with file, line and place."""
    try:
        words = _Words.model_validate(protocol.sections.get(SECTION))
    except ValidationError as error:
        first = error.errors()[0]
        raise protocol.fault((SECTION, *first["loc"]), first["msg"]) from None
    criteria = tuple(Criterion(one.id, one.category, one.text) for one in words.criteria)
    names = frozenset(words.fields)
    reads = [
        frozenset(_named(one.rule, names)) | (names & set(one.shows)) for one in words.criteria
    ]
    attested = tuple(
        known for known, one in zip(criteria, words.criteria, strict=True) if _attests(one.rule)
    )

    def asking(name: str) -> tuple[Criterion, ...]:
        return tuple(one for one, read in zip(criteria, reads, strict=True) if name in read)

    asked = [
        (spec, _asked(name, spec, attested, asking(name))) for name, spec in words.fields.items()
    ]
    return Dictionary(_groups(asked), criteria)


class _Spec(BaseModel):
    """A field as the protocol file writes it; what decides and does not show is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["bool", "choice", "int", "number", "quantity", "date", "object", "list", "map"]
    label: str | None = None
    section: str | None = None  # begins a group that goes on to the next one
    note: str | None = None
    of: Any = None
    unit: str = "1"
    same: tuple[str, ...] | None = None
    scale: str | None = None
    uln: bool = False
    lln: bool = False
    min: int = 0
    max: int | None = None
    instead: Annotated[str | None, Field(alias="or")] = None
    null_means: str | None = None
    members: dict[str, "_Spec"] = {}


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["text", "item"]
    members: dict[str, _Spec] = {}


class _Criterion(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    category: Literal["inclusion", "exclusion"]
    text: str
    rule: Any
    shows: tuple[str, ...] = ()


class _Words(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    fields: dict[str, _Spec]
    criteria: list[_Criterion]


def _asked(
    name: str, spec: _Spec, attested: tuple[Criterion, ...], criteria: tuple[Criterion, ...]
) -> Asked:
    kind, members = _kind(spec)
    word = spec.instead or spec.null_means
    return Asked(
        name=name,
        kind=kind,
        label=spec.label or labels.label(name),
        note=_note(spec),
        unit=spec.unit,
        units=_units(spec) if kind == "quantity" else (),
        uln=spec.uln,
        lln=spec.lln,
        span=f"{spec.min} to {spec.max}" if kind == "int" and spec.max is not None else None,
        choices=_choices(spec),
        word=None if word is None else Choice(word, labels.spoken(word)),
        null_is_word=spec.null_means is not None,
        members=tuple(_asked(part, one, (), ()) for part, one in members.items()),
        keys=attested if kind == "map" else (),
        criteria=criteria,
    )


def _units(spec: _Spec) -> tuple[Choice, ...]:
    if spec.scale is not None:
        codes = labels.scale(spec.scale, spec.unit)
    else:
        codes = labels.alternatives(
            spec.unit, tuple(labels.unit_of(one) for one in spec.same or ())
        )
    return tuple(Choice(code, labels.printed(code)) for code in codes)


def _note(spec: _Spec) -> str | None:
    """The note without what is said to those who send JSON."""
    note = re.sub(r"(; )?\[\] = none", "", spec.note or "")
    for word in spec.of if spec.type == "choice" and isinstance(spec.of, list) else ():
        note = re.sub(rf"\b{re.escape(str(word))}\b", labels.spoken(str(word)), note)
    return note or None


def _kind(spec: _Spec) -> tuple[Kind, Mapping[str, _Spec]]:
    if spec.type != "list":
        return spec.type, spec.members
    item = _Item.model_validate(spec.of)
    return ("lines", {}) if item.type == "text" else ("items", item.members)


def _choices(spec: _Spec) -> tuple[Choice, ...]:
    if spec.type == "bool":
        return Choice("true", "Yes"), Choice("false", "No")
    if spec.type in ("choice", "map") and isinstance(spec.of, list):
        return tuple(Choice(str(word), labels.spoken(str(word))) for word in spec.of)
    return ()


def _groups(asked: list[tuple[_Spec, Asked]]) -> tuple[Group, ...]:
    """By the `section` that a field begins; without any, by the kind of criterion that asks."""
    named = any(spec.section for spec, _ in asked)
    made: list[tuple[str, list[Asked]]] = []
    for spec, one in asked:
        title = spec.section if named else _title(one)
        if not made or (title is not None and title != made[-1][0]):
            made.append((title or "The subject", []))
        made[-1][1].append(one)
    return tuple(
        Group(f"section-{number}", title, tuple(fields))
        for number, (title, fields) in enumerate(made, 1)
    )


def _title(one: Asked) -> str | None:
    if one.kind == "map":
        return "What the investigator attests"
    if not one.criteria:
        return None
    return f"Asked by {one.criteria[0].category} criteria"


#: In a rule these keys hold words and numbers of the protocol, never the name of a field.
_NO_FIELDS: Final = frozenset({"words", "word", "name", "day"})


def _named(rule: object, names: frozenset[str]) -> Iterable[str]:
    """The fields that a rule names, a member by its field."""
    if isinstance(rule, str):
        stem = rule.partition(".")[0]
        if stem in names:
            yield stem
    elif isinstance(rule, Mapping):
        for key, value in rule.items():
            if key not in _NO_FIELDS:
                yield from _named(value, names)
    elif isinstance(rule, list | tuple):
        for value in rule:
            yield from _named(value, names)


def _attests(rule: object) -> bool:
    if isinstance(rule, Mapping):
        return "attested_in" in rule or any(_attests(value) for value in rule.values())
    return isinstance(rule, list) and any(_attests(value) for value in rule)

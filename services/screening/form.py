"""A submitted form, read strictly: types, scales, units, members, all errors with their place.

What is read is *facts*, by field: a bool, an int, a ``Decimal``, a word, a day as its ordinal, a
``Quantity``, a list of items; members of an object stand as ``field.member``, of an item as
``item.member``. What is left out or null is not among the facts: unknown, never "no".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from services.screening.fields import (
    AnyField,
    ItemDateField,
    ItemField,
    ListField,
    MapField,
    ObjectField,
    QuantityField,
    TextField,
)
from services.screening.readers import Errors, Loc, Quantity, Reader, members, reader
from shared.contracts import jsontext

Facts = Mapping[str, Any]


class FormErrors(ValueError):
    """The form breaks its data dictionary; ``errors`` are all places with what is wrong there."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(f"{len(errors)} errors in the form")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Refused:
    """What no item of a list may be: its rule, the member to name, what to say."""

    holds: Callable[[Facts], bool | None]
    at: str
    say: str


@dataclass(frozen=True)
class Read:
    """A form that keeps to its dictionary: the facts to decide by; and, to show them by field, what
    is known as it was submitted and what was converted, in its canonical unit."""

    facts: dict[str, Any]
    known: dict[str, object]
    converted: dict[str, object]

    @cached_property
    def members(self) -> dict[str, bytes]:
        """Each known field as it stands in a JSON object: written once for all that show it."""
        return written(self.known)

    def written(self, form: Mapping[str, object]) -> bytes:
        """The form that was read as JSON, what `jsontext.dumps` writes of it; a null is a null."""
        members = self.members
        every = [members.get(name) or b'"%b":null' % name.encode() for name in form]
        return b"{" + b",".join(every) + b"}"


def written(of: Mapping[str, object]) -> dict[str, bytes]:
    """Fields by name, each as it stands in a JSON object."""
    write = jsontext.text_of
    return {name: f'"{name}":{write(value)}'.encode() for name, value in of.items()}


class Form:
    """The strict reader of one protocol's form."""

    def __init__(
        self,
        fields: Mapping[str, AnyField],
        attested: tuple[str, ...],
        refused: Mapping[str, tuple[Refused, ...]],
    ) -> None:
        """``attested`` are the keys of a map field; ``refused`` is by list field."""
        self._readers: dict[str, Reader] = {}
        self._units: dict[str, str] = {}
        self._objects = {name for name, spec in fields.items() if isinstance(spec, ObjectField)}
        self._lists: dict[str, dict[str, str]] = {}
        for name, spec in fields.items():
            if isinstance(spec, ObjectField):
                self._readers[name] = _whole(spec)
            elif isinstance(spec, ListField):
                self._readers[name] = _list(spec, refused.get(name, ()))
                self._lists[name] = _units(spec)
            elif isinstance(spec, MapField):
                self._readers[name] = _map(spec, attested)
            else:
                self._readers[name] = reader(spec)
                if isinstance(spec, QuantityField):
                    self._units[name] = spec.unit

    def read(self, form: Mapping[str, object]) -> Read:
        """What the form says; raises ``FormErrors`` with every error in it."""
        facts: dict[str, Any] = {}
        known: dict[str, object] = {}
        errors: Errors = []
        converted: dict[str, object] = {}
        readers = self._readers
        for name, raw in form.items():
            read = readers.get(name)
            if read is None:
                errors.append(((name,), "is not a field of this form"))
            elif raw is not None:
                known[name] = raw
                fact = facts[name] = read(raw, (name,), errors)
                if type(fact) is Quantity and fact.line is not None:
                    converted[name] = fact.shown(fact.line, self._units[name])
        if errors:
            raise FormErrors(errors)
        for name in self._objects & facts.keys():
            facts.update((f"{name}.{part}", value) for part, value in facts.pop(name).items())
        for name, parts in self._lists.items():
            if parts and facts.get(name):
                shown = _shown(facts[name], form[name], parts)
                if shown is not None:
                    converted[name] = shown
        return Read(facts, known, converted)


def _whole(spec: ObjectField) -> Reader:
    readers = {name: reader(member) for name, member in spec.members.items()}
    parts = tuple(readers)

    def read(raw: object, loc: Loc, errors: Errors) -> dict[str, object] | None:
        if type(raw) is not dict:
            errors.append((loc, "must have " + " and ".join(parts)))
            return None
        members(raw, parts, loc, errors)
        return {
            part: take(raw[part], (*loc, part), errors)
            for part, take in readers.items()
            if part in raw
        }

    return read


def _list(spec: ListField, refused: tuple[Refused, ...]) -> Reader:
    one = reader(spec.of) if isinstance(spec.of, TextField) else _item(spec.of, refused)

    def read(raw: object, loc: Loc, errors: Errors) -> list[object] | None:
        if type(raw) is not list:
            errors.append((loc, "must be a list; [] says that there is none"))
            return None
        return [one(item, (*loc, index), errors) for index, item in enumerate(raw)]

    return read


def _item(spec: ItemField, refused: tuple[Refused, ...]) -> Reader:
    readers = {name: reader(member) for name, member in spec.members.items()}
    nulls = {
        name: member.null_means
        for name, member in spec.members.items()
        if isinstance(member, ItemDateField) and member.null_means is not None
    }

    def read(raw: object, loc: Loc, errors: Errors) -> dict[str, object] | None:
        if type(raw) is not dict:
            errors.append((loc, "must have members such as " + next(iter(readers))))
            return None
        facts: dict[str, object] = {}
        before = len(errors)
        for name, value in raw.items():
            take = readers.get(name)
            if take is None:
                errors.append(((*loc, name), "is not a part of this field"))
            elif value is not None:
                facts[f"item.{name}"] = take(value, (*loc, name), errors)
            elif name in nulls:
                facts[f"item.{name}"] = nulls[name]
        if len(errors) == before:
            errors.extend(
                ((*loc, rule.at), rule.say) for rule in refused if rule.holds(facts) is True
            )
        return facts

    return read


def _map(spec: MapField, keys: tuple[str, ...]) -> Reader:
    words = frozenset(spec.of)
    wanted = "must be " + " or ".join(spec.of)

    def read(raw: object, loc: Loc, errors: Errors) -> dict[str, bool] | None:
        if type(raw) is not dict:
            errors.append((loc, f"must name criteria, each {wanted[8:]}"))
            return None
        for key, word in raw.items():
            if key not in keys:
                errors.append(((*loc, key), "is not a criterion that is attested"))
            elif not (type(word) is str and word in words):
                errors.append(((*loc, key), wanted))
        return {key: word == spec.of[0] for key, word in raw.items()}

    return read


def _units(spec: ListField) -> dict[str, str]:
    if isinstance(spec.of, TextField):
        return {}
    return {
        name: member.unit
        for name, member in spec.of.members.items()
        if isinstance(member, QuantityField)
    }


def _shown(items: list[dict[str, Any]], raw: Any, parts: Mapping[str, str]) -> object:
    """The list as submitted with its converted quantities; None where none was converted."""
    shown = [dict(item) for item in raw]
    changed = False
    for item, made in zip(items, shown, strict=True):
        for part, unit in parts.items():
            fact = item.get(f"item.{part}")
            if type(fact) is Quantity and fact.line is not None:
                made[part] = fact.shown(fact.line, unit)
                changed = True
    return shown if changed else None

"""What a rule may name, and the error of one that names anything else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.screening.fields import ListField, ObjectField, TextField
from services.screening.statements import Operand
from shared.contracts.wording import told

Path = tuple[str | int, ...]
Made = TypeVar("Made")
Also = TypeVar("Also")


class RuleError(ValueError):
    """Rules that cannot be; each of ``faults`` is a path to the words at fault, from the rule's own
    place, and what is wrong with them. As text it is the first."""

    def __init__(self, path: Path, msg: str) -> None:
        super().__init__(msg)
        self.faults: tuple[tuple[Path, str], ...] = ((path, msg),)

    @classmethod
    def of(cls, faults: Iterable[tuple[Path, str]]) -> "RuleError":
        """All of these, at least one, in one."""
        every = tuple(faults)
        made = cls(*every[0])
        made.faults = every
        return made


def each(makers: Iterable[Callable[[], Made]]) -> list[Made]:
    """What all of these make; raises one ``RuleError`` of all that cannot be."""
    made: list[Made] = []
    faults: list[tuple[Path, str]] = []
    for make in makers:
        try:
            made.append(make())
        except RuleError as error:
            faults += error.faults
    if faults:
        raise RuleError.of(faults)
    return made


def both(first: Callable[[], Made], second: Callable[[], Also]) -> tuple[Made, Also]:
    """What both make; raises one ``RuleError`` of all that cannot be."""
    try:
        made = first()
    except RuleError as error:
        faults = error.faults
    else:
        return made, second()
    try:
        second()
    except RuleError as error:
        faults += error.faults
    raise RuleError.of(faults)


@dataclass(frozen=True, slots=True)
class Scope:
    """The facts that a rule may name: by key, the field's kind and the field that it is part of."""

    known: Mapping[str, tuple[BaseModel, str]]
    criterion: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any], criterion: str | None = None) -> "Scope":
        """Every field, and every member of an object as ``field.member``."""
        known: dict[str, tuple[BaseModel, str]] = {}
        for name, spec in fields.items():
            known[name] = (spec, name)
            if isinstance(spec, ObjectField):
                known |= {f"{name}.{part}": (kind, name) for part, kind in spec.members.items()}
        return cls(known, criterion)

    def inside(self, field: str, spec: ListField) -> "Scope":
        """This scope and an item of the list: ``item`` or ``item.member``."""
        if isinstance(spec.of, TextField):
            items: dict[str, tuple[BaseModel, str]] = {"item": (spec.of, field)}
        else:
            items = {f"item.{part}": (kind, field) for part, kind in spec.of.members.items()}
        return Scope({**self.known, **items}, self.criterion)

    def find(self, key: str, path: Path, *kinds: type[BaseModel]) -> tuple[Any, Operand]:
        """The field of one of these kinds; raises ``RuleError``."""
        if key not in self.known:
            raise RuleError(path, f"{key} is not a field of the form{meant(key, self.known)}")
        spec, owner = self.known[key]
        if not isinstance(spec, kinds):
            wanted = " or ".join(dict.fromkeys(map(_kind, kinds)))
            raise RuleError(
                path, f"{key} is of another kind ({_kind(type(spec))}); {wanted} is needed here"
            )
        return spec, (key, owner)


def _kind(field: type[BaseModel]) -> str:
    return field.__name__.removesuffix("Field").removeprefix("Item").lower()


def meant(word: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` of the nearest known word, else nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def faults_of(error: ValidationError, raw: Any) -> list[tuple[Path, str]]:
    """Pydantic's errors about ``raw``: each with its place in the file, and what is wrong there.

    Pydantic's own place also names the kinds of a union, which are not in the file; of a union only
    the first kind's complaint about a place is told.
    """
    found: dict[Path, str] = {}
    for one in error.errors():
        here, path = raw, list[str | int]()
        for step in one["loc"]:
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                if one["type"] != "missing" or step != one["loc"][-1]:
                    continue
            path.append(step)
        found.setdefault(tuple(path), told(one["type"], one["msg"], one.get("ctx", {})))
    return list(found.items())

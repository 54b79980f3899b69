"""What a rule may name, and the error of one that names anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from services.screening.fields import ListField, ObjectField, TextField
from services.screening.leaves import Operand

Path = tuple[str | int, ...]


class RuleError(ValueError):
    """A rule that cannot be; ``path`` leads to the words at fault, from the rule's own place."""

    def __init__(self, path: Path, msg: str) -> None:
        super().__init__(msg)
        self.path = path
        self.msg = msg


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
            raise RuleError(path, f"{key} is not a field of the form")
        spec, owner = self.known[key]
        if not isinstance(spec, kinds):
            wanted = " or ".join(str(kind.__name__).removesuffix("Field").lower() for kind in kinds)
            raise RuleError(path, f"{key} is of another kind; {wanted} is needed here")
        return spec, (key, owner)


def fault_of(error: ValidationError, raw: Any) -> tuple[Path, str]:
    """The first of pydantic's errors about ``raw``: its place in the file, and what is wrong.

    Pydantic's own place also names the kinds of a union, which are not in the file.
    """
    first = error.errors()[0]
    path: list[str | int] = []
    for step in first["loc"]:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            if first["type"] != "missing" or step != first["loc"][-1]:
                continue
        path.append(step)
    return tuple(path), first["msg"].removeprefix("Value error, ")

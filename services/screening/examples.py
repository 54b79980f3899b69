"""Values of a form made up to show what a rule does, by the fact that they are."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.screening.fields import (
    DateField,
    IntField,
    ItemField,
    ListField,
    MapField,
    ObjectField,
    QuantityField,
)
from services.screening.statements import TODAY, End, Number, Operand
from services.screening.units import as_decimal

Raw = Mapping[Operand, object]

#: The limit of normal, or the other field, of which something is a multiple.
HUNDRED: Final = 100
#: The other limit of normal, far from whatever is shown.
_FAR: Final = {"uln": Decimal(100_000), "lln": Decimal("0.01")}


def spec_of(fields: Mapping[str, Any], operand: Operand) -> Any:
    """The kind of what a fact is: of a field, a member of an object, an entry or its member."""
    key, owner = operand
    spec = fields[owner]
    if key == owner:
        return spec
    if key == "item":
        return spec.of
    if isinstance(spec, ListField) and isinstance(spec.of, ItemField):
        return spec.of.members[key.removeprefix("item.")]
    return spec.members[key.removeprefix(f"{owner}.")]


def raw(spec: Any, value: Number, unit: str | None = None, end: End = "uln") -> object:
    """A number as a form would hold it; the limit of normal at this end is 100."""
    shown = as_decimal(value) if isinstance(value, Fraction) else Decimal(value)
    if isinstance(spec, IntField):
        return int(shown) if shown == int(shown) else shown
    if not isinstance(spec, QuantityField):
        return shown
    made: dict[str, object] = {"value": shown, "unit": unit or spec.unit}
    for one in ("uln", "lln"):
        if getattr(spec, one):
            made[one] = Decimal(HUNDRED) if one == end else _FAR[one]
    return made


def written(fields: Mapping[str, Any], operand: Operand, day: int | str) -> str | None:
    """A day, or the word in place of one, as a form would hold it."""
    if not isinstance(day, str):
        return str(date.fromordinal(day))
    return day if isinstance(spec_of(fields, operand), DateField) else None


def assembled(values: Raw, fields: Mapping[str, Any]) -> tuple[dict[str, object], date | None]:
    """The form that holds these values, one entry a list, and today where it is among them.

    What an object has besides is 1.
    """
    form: dict[str, Any] = {}
    today = None
    for (key, owner), value in values.items():
        spec = fields.get(owner)
        if key == TODAY and not owner:
            today = date.fromisoformat(str(value))
        elif key == owner:
            form[owner] = form.get(owner, {}) | value if isinstance(spec, MapField) else value
        elif key == "item":
            form[owner] = [value]
        elif isinstance(spec, ListField):
            form.setdefault(owner, [{}])[0][key.removeprefix("item.")] = value
        elif isinstance(spec, ObjectField):
            form.setdefault(owner, dict.fromkeys(spec.members, 1))
            form[owner][key.removeprefix(f"{owner}.")] = value
    return form, today

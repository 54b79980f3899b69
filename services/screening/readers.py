"""Strict readers of single values: what JSON gave, against one field of the data dictionary.

A reader takes the raw value, its place and the list of errors; it returns the fact, or None after
having added an error. Messages are for the person at the site and never repeat what was submitted.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple, assert_never

from services.screening import units
from services.screening.fields import (
    BoolField,
    ChoiceField,
    DateField,
    IntField,
    ItemDateField,
    NumberField,
    QuantityField,
    ScalarField,
    TextField,
)

Loc = tuple[str | int, ...]
Errors = list[tuple[Loc, str]]
Reader = Callable[[object, Loc, Errors], Any]
Number = Decimal | Fraction

LARGEST: Final = 10**15
#: More digits or places than this are refused: no laboratory writes them, and they only cost time.
LONGEST: Final = 1000
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


class Quantity(NamedTuple):
    """A measured value: as given, and in the canonical unit (exact)."""

    value: Number
    given: Decimal
    uln: Decimal | None
    factor: Fraction | None

    def shown(self, unit: str) -> dict[str, object]:
        """The quantity in its canonical unit, as evidence."""
        factor = self.factor or Fraction(1)
        made: dict[str, object] = {"value": _times(self.given, factor), "unit": unit}
        if self.uln is not None:
            made["uln"] = _times(self.uln, factor)
        return made


def _times(given: Decimal, factor: Fraction) -> Decimal:
    return units.as_decimal(Fraction(given) * factor)


def reader(spec: ScalarField) -> Reader:
    """The reader of a field that holds one value."""
    match spec:
        case BoolField():
            return _bool
        case IntField():
            return _whole_number(spec.min, spec.max)
        case NumberField():
            return _number(spec.above_zero)
        case DateField():
            return _day(spec.instead)
        case ItemDateField():
            return _day(None)
        case ChoiceField():
            return _choice(spec.of)
        case TextField():
            return _name
        case QuantityField():
            return _quantity(spec)
    assert_never(spec)


def _bool(raw: object, loc: Loc, errors: Errors) -> bool | None:
    if raw is True or raw is False:
        return raw
    errors.append((loc, "must be true or false"))
    return None


def _whole_number(least: int, most: int | None) -> Reader:
    top = LARGEST if most is None else most
    span = f"must be {least} to {most}" if most is not None else f"must be {least} or more"

    def read(raw: object, loc: Loc, errors: Errors) -> int | None:
        if type(raw) is not int:
            errors.append((loc, "must be a whole number"))
        elif not least <= raw <= top:
            errors.append((loc, span if raw < LARGEST else "is too large"))
        else:
            return raw
        return None

    return read


def number(raw: object, loc: Loc, errors: Errors, above_zero: bool) -> Decimal | None:
    """A number as written: int or ``Decimal``, never a bool, >= 0 (or > 0), at most 1e15."""
    if type(raw) is int:
        if 0 <= raw <= LARGEST:
            if raw or not above_zero:
                return Decimal(raw)
            errors.append((loc, "must be above 0"))
            return None
    elif type(raw) is not Decimal or not raw.is_finite():
        errors.append((loc, "must be a number"))
        return None
    if raw < 0 or (above_zero and not raw):
        errors.append((loc, "must be above 0" if above_zero else "must be 0 or more"))
    elif raw > LARGEST:
        errors.append((loc, "is too large"))
    elif _too_long(raw):
        errors.append((loc, "has too many digits"))
    else:
        return raw if type(raw) is Decimal else Decimal(raw)
    return None


def _too_long(value: Decimal | int) -> bool:
    text = str(value)
    if len(text) < 30 and "E" not in text:
        return False
    _, digits, exponent = Decimal(value).as_tuple()
    return len(digits) > LONGEST or not (isinstance(exponent, int) and abs(exponent) <= LONGEST)


def _number(above_zero: bool) -> Reader:
    return lambda raw, loc, errors: number(raw, loc, errors, above_zero)


def _day(word: str | None) -> Reader:
    wanted = "must be a day, YYYY-MM-DD" + (f', or "{word}"' if word is not None else "")

    def read(raw: object, loc: Loc, errors: Errors) -> int | str | None:
        if type(raw) is str:
            if raw == word:
                return word
            if _DAY(raw):
                try:
                    return date.fromisoformat(raw).toordinal()
                except ValueError:
                    errors.append((loc, "there is no such day"))
                    return None
        errors.append((loc, wanted))
        return None

    return read


def _choice(words: list[str]) -> Reader:
    known = frozenset(words)
    wanted = "must be one of " + ", ".join(words)

    def read(raw: object, loc: Loc, errors: Errors) -> str | None:
        if type(raw) is str and raw in known:
            return raw
        errors.append((loc, wanted))
        return None

    return read


def _name(raw: object, loc: Loc, errors: Errors) -> str | None:
    if type(raw) is not str:
        errors.append((loc, "must be text"))
    elif not raw or raw != " ".join(raw.split()):
        errors.append((loc, "must be a name, with no space around it"))
    elif raw != raw.lower():
        errors.append((loc, "must be in lower case"))
    else:
        return raw
    return None


def _quantity(spec: QuantityField) -> Reader:
    parts = ("value", "unit", "uln") if spec.uln else ("value", "unit")
    count, canonical, by = len(parts), spec.unit, spec.by()
    above_zero, with_uln = spec.above_zero, spec.uln
    wanted = "must have " + ", ".join(parts[:-1]) + " and " + parts[-1]

    def read(raw: object, loc: Loc, errors: Errors) -> Quantity | None:
        if type(raw) is not dict:
            errors.append((loc, wanted))
            return None
        before = len(errors)
        if len(raw) != count or any(part not in raw for part in parts):
            members(raw, parts, loc, errors)
        uln: Decimal | None = None
        value = factor = None
        if "value" in raw:
            value = number(raw["value"], (*loc, "value"), errors, above_zero)
        if with_uln and "uln" in raw:
            uln = number(raw["uln"], (*loc, "uln"), errors, True)
        if "unit" in raw:
            factor = _factor(raw["unit"], canonical, by, (*loc, "unit"), errors)
        if len(errors) != before or value is None:
            return None
        return Quantity(value if factor is None else Fraction(value) * factor, value, uln, factor)

    return read


def members(raw: dict[str, object], parts: tuple[str, ...], loc: Loc, errors: Errors) -> None:
    """Adds an error for each member that is missing or unknown."""
    errors.extend(((*loc, part), "is missing") for part in parts if part not in raw)
    errors.extend(
        ((*loc, name), "is not a part of this field") for name in raw if name not in parts
    )


def _factor(
    code: object, canonical: str, by: units.Same | None, loc: Loc, errors: Errors
) -> Fraction | None:
    if code == canonical:
        return None
    if type(code) is not str:
        errors.append((loc, "must be text"))
        return None
    try:
        return units.factor(code, canonical, by)
    except units.UnknownUnit:
        errors.append((loc, f"is not a UCUM unit; {canonical} is expected"))
    except units.OtherDimension:
        errors.append((loc, f"cannot be converted to {canonical}"))
    return None

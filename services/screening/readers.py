"""Strict readers of single values: what JSON gave, against one field of the data dictionary.

A reader takes the raw value, its place and the list of errors; it returns the fact, or None after
having added an error. Messages are for the person at the site and never repeat what was submitted.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
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
_ZERO: Final = Decimal(0)
_LARGEST: Final = Decimal(LARGEST)
_DAY_LENGTH: Final = 10
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


class Quantity(NamedTuple):
    """A measured value: as given, and in the canonical unit (exact); the limits of normal as given;
    ``line`` is what brought the value there, if anything had to."""

    value: Number
    given: Decimal
    uln: Decimal | None
    lln: Decimal | None
    line: units.Line | None

    def shown(self, line: units.Line, unit: str) -> dict[str, object]:
        """The quantity in the unit to which the line leads, as evidence."""
        made: dict[str, object] = {"value": units.as_decimal(line.of(self.given)), "unit": unit}
        for part, given in (("uln", self.uln), ("lln", self.lln)):
            if given is not None:
                made[part] = units.as_decimal(line.of(given))
        return made


def reader(spec: ScalarField) -> Reader:
    """The reader of a field that holds one value."""
    match spec:
        case BoolField():
            return _bool
        case IntField():
            return _or(spec.word, _whole_number(spec.min, spec.max))
        case NumberField():
            return _or(spec.word, _number(spec.above_zero))
        case DateField():
            return _day(spec.instead)
        case ItemDateField():
            return _day(None)
        case ChoiceField():
            return _choice(spec.of)
        case TextField():
            return _name
        case QuantityField():
            return _or(spec.word, _quantity(spec))
    assert_never(spec)


def _or(word: str | None, read: Reader) -> Reader:
    """What may also be a word."""
    if word is None:
        return read

    def read_either(raw: object, loc: Loc, errors: Errors) -> Any:
        if type(raw) is not str:
            return read(raw, loc, errors)
        if raw != word:
            errors.append((loc, f'must be "{word}", if it is a word'))
        return word

    return read_either


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
    found = _good(raw, above_zero)
    if found is None:
        errors.append((loc, _wrong(raw, above_zero)))
    return found


def _good(raw: object, above_zero: bool) -> Decimal | None:
    """The number where nothing is wrong with it."""
    if type(raw) is Decimal:
        if not raw.is_finite() or not _ZERO <= raw <= _LARGEST or _too_long(raw):
            return None
        return raw if raw or not above_zero else None
    if type(raw) is not int or not 0 <= raw <= LARGEST:
        return None
    return Decimal(raw) if raw or not above_zero else None


def _wrong(raw: object, above_zero: bool) -> str:
    """What is wrong with a number that is not good."""
    if type(raw) is not int and (type(raw) is not Decimal or not raw.is_finite()):
        return "must be a number"
    if raw < 0 or (above_zero and not raw):
        return "must be above 0" if above_zero else "must be 0 or more"
    return "is too large" if raw > LARGEST else "has too many digits"


def _too_long(value: Decimal) -> bool:
    text = str(value)
    if len(text) < 30 and "E" not in text:
        return False
    _, digits, exponent = value.as_tuple()
    return len(digits) > LONGEST or not (isinstance(exponent, int) and abs(exponent) <= LONGEST)


def _number(above_zero: bool) -> Reader:
    return lambda raw, loc, errors: number(raw, loc, errors, above_zero)


def _day(word: str | None) -> Reader:
    wanted = "must be a day, YYYY-MM-DD" + (f', or "{word}"' if word is not None else "")

    def read(raw: object, loc: Loc, errors: Errors) -> int | str | None:
        if type(raw) is str:
            if raw == word:
                return word
            day = _ordinal(raw) if len(raw) == _DAY_LENGTH else None
            if day is not None:
                return day
            if _DAY(raw):
                errors.append((loc, "there is no such day"))
                return None
        errors.append((loc, wanted))
        return None

    return read


@lru_cache(maxsize=4096)
def _ordinal(text: str) -> int | None:
    """The day that the text is; the same few years of days come again and again."""
    try:
        return date.fromisoformat(text).toordinal() if _DAY(text) else None
    except ValueError:
        return None


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
    parts = ("value", "unit", *(["uln"] if spec.uln else []), *(["lln"] if spec.lln else []))
    canonical, known = spec.unit, frozenset(parts)
    above_zero, with_uln, with_lln = spec.above_zero, spec.uln, spec.lln
    wanted = "must have " + ", ".join(parts[:-1]) + " and " + parts[-1]

    def read(raw: object, loc: Loc, errors: Errors) -> Quantity | None:
        if type(raw) is not dict:
            errors.append((loc, wanted))
            return None
        # Most are so, and are read at once.
        if raw.keys() == known and raw["unit"] == canonical and not with_lln:
            value = _good(raw["value"], above_zero)
            uln = _good(raw["uln"], True) if with_uln else None
            if value is not None and (uln is not None or not with_uln):
                return Quantity(value, value, uln, None, None)
        return spelled_out(raw, loc, errors)

    def spelled_out(raw: dict[str, object], loc: Loc, errors: Errors) -> Quantity | None:
        before = len(errors)
        members(raw, parts, loc, errors)
        value = uln = lln = line = None
        if "value" in raw:
            value = number(raw["value"], (*loc, "value"), errors, above_zero)
        if with_uln and "uln" in raw:
            uln = number(raw["uln"], (*loc, "uln"), errors, True)
        if with_lln and "lln" in raw:
            lln = number(raw["lln"], (*loc, "lln"), errors, True)
        if "unit" in raw:
            line = _line(raw["unit"], spec, (*loc, "unit"), errors)
        if uln is not None and lln is not None and uln < lln:
            errors.append(((*loc, "lln"), "must not be above the upper limit"))
        if len(errors) != before or value is None:
            return None
        if line is None:
            return Quantity(value, value, uln, lln, None)
        converted = line.of(value)
        if converted < 0 or (above_zero and not converted):
            least = "above 0" if above_zero else "0 or more"
            errors.append(((*loc, "value"), f"must be {least} in {canonical}"))
            return None
        return Quantity(converted, value, uln, lln, line)

    return read


def members(raw: dict[str, object], parts: tuple[str, ...], loc: Loc, errors: Errors) -> None:
    """Adds an error for each member that is missing or unknown."""
    errors.extend(((*loc, part), "is missing") for part in parts if part not in raw)
    errors.extend(
        ((*loc, name), "is not a part of this field") for name in raw if name not in parts
    )


def _line(code: object, spec: QuantityField, loc: Loc, errors: Errors) -> units.Line | None:
    canonical, by = spec.unit, spec.by()
    if code == canonical:
        return None
    if type(code) is not str:
        errors.append((loc, "must be text"))
        return None
    try:
        found = units.line(code, canonical, by)
        if found is not None and found.offset and spec.in_multiples:
            raise units.OtherDimension
    except units.UnknownUnit:
        errors.append((loc, f"is not a UCUM unit; {canonical} is expected"))
    except units.OtherDimension:
        errors.append((loc, f"cannot be converted to {canonical}"))
    else:
        return found
    return None

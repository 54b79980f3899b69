"""The limits of a rule, read in the unit of what is compared with them."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Final, TypeVar

from services.screening import units
from services.screening.fields import IntField, NumberField, QuantityField
from services.screening.scope import Path, RuleError, each
from services.screening.statements import Limit
from services.screening.words import Limited, Limits

NUMBERS: Final = (IntField, NumberField, QuantityField)
NumberSpec = IntField | NumberField | QuantityField
Bridge = units.Same | units.Scale | None
Made = TypeVar("Made")


def read(
    words: Limits, take: Callable[[str, Limited, Path], Limit], path: Path
) -> tuple[Limit, ...]:
    """The limits that are there, as ``take`` reads each; raises ``RuleError``."""
    return tuple(
        each(partial(take, word, limit, (*path, word)) for word, limit in words.given(path))
    )


def multiple(word: str, limit: Limited, path: Path) -> Limit:
    """A multiple, which has no unit; raises ``RuleError``."""
    if isinstance(limit, str):
        raise RuleError(path, "a multiple has no unit")
    return Limit(word, Decimal(limit), limit)


def in_unit(unit: str | None, by: Bridge, word: str, limit: Limited, path: Path) -> Limit:
    """The limit in ``unit``, None for a whole number's; raises ``RuleError``."""
    if not isinstance(limit, str):
        if unit not in (None, "1"):
            raise RuleError(path, f"needs its unit, like {limit} {unit}")
        return Limit(word, limit, limit)
    try:
        value, code = units.measure(limit)
    except ValueError as error:
        raise RuleError(path, "must be a whole number" if unit is None else str(error)) from None
    if unit is None:
        raise RuleError(path, "is compared with a whole number, which has no unit")
    line = _told(units.line, code, unit, by)
    if isinstance(line, str):
        raise RuleError(path, line)
    return Limit(word, value if line is None else line.of(value), value, code)


def factor(code: str | None, unit: str | None, by: Bridge) -> Fraction | str | None:
    """What ``code`` is multiplied by to be in ``unit``, None where they are equal; else what is
    wrong.
    """
    return _told(units.factor, code or "1", unit or "1", by)


def _told(
    convert: Callable[[str, str, Bridge], Made], code: str, unit: str, by: Bridge
) -> Made | str:
    try:
        return convert(code, unit, by)
    except units.UnknownUnit:
        return "is not in a UCUM unit"
    except units.OtherDimension:
        return f"cannot be converted to {unit}"


def unit_of(spec: NumberSpec) -> str | None:
    """The field's unit, None for a whole number."""
    return None if isinstance(spec, IntField) else spec.unit


def bridge(spec: object) -> Bridge:
    """What converts the units of what the field holds, beside UCUM."""
    return spec.by() if isinstance(spec, QuantityField) else None


def true_zero(spec: NumberSpec) -> bool:
    """Whether twice the number is twice the thing: not of a temperature in Cel, nor on a scale."""
    if isinstance(spec, IntField):
        return True
    scaled = isinstance(spec, QuantityField) and spec.scale is not None
    return not scaled and not units.unit(spec.unit).offset


def above_zero(spec: NumberSpec) -> bool:
    """Whether the field refuses 0."""
    return spec.min > 0 if isinstance(spec, IntField) else spec.above_zero

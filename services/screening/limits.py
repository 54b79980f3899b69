"""The limits of a rule, read in the unit of what is compared with them."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Final

from services.screening import units
from services.screening.fields import IntField, NumberField, QuantityField
from services.screening.scope import Path, RuleError, each
from services.screening.statements import Limit
from services.screening.words import Limited, Limits

NUMBERS: Final = (IntField, NumberField, QuantityField)
NumberSpec = IntField | NumberField | QuantityField


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


def in_unit(
    unit: str | None, by: units.Same | None, word: str, limit: Limited, path: Path
) -> Limit:
    """The limit in ``unit``, None for a whole number's; raises ``RuleError``."""
    if not isinstance(limit, str):
        if unit not in (None, "1"):
            raise RuleError(path, f"needs its unit, like {limit} {unit}")
        return Limit(word, limit, limit)
    if unit is None:
        raise RuleError(path, "is compared with a whole number, which has no unit")
    try:
        value, code = units.measure(limit)
    except ValueError as error:
        raise RuleError(path, str(error)) from None
    by_which = factor(code, unit, by)
    if isinstance(by_which, str):
        raise RuleError(path, by_which)
    return Limit(word, value if by_which is None else Fraction(value) * by_which, value, code)


def factor(code: str | None, unit: str | None, by: units.Same | None) -> Fraction | str | None:
    """What brings ``code`` into ``unit``, None where they are equal; else what is wrong."""
    try:
        return units.factor(code or "1", unit or "1", by)
    except units.UnknownUnit:
        return "is not in a UCUM unit"
    except units.OtherDimension:
        return f"cannot be converted to {unit or 1}"


def unit_of(spec: NumberSpec) -> str | None:
    """The field's unit, None for a whole number."""
    return None if isinstance(spec, IntField) else spec.unit


def bridge(spec: object) -> units.Same | None:
    """The measures that bridge mass and amount of what the field holds."""
    return spec.by() if isinstance(spec, QuantityField) else None


def above_zero(spec: NumberSpec) -> bool:
    """Whether the field refuses 0."""
    return spec.min > 0 if isinstance(spec, IntField) else spec.above_zero

"""The values around each limit of a statement about a number or a day."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.screening.examples import HUNDRED, Raw, raw, spec_of, written
from services.screening.fields import IntField, QuantityField
from services.screening.levers import moved
from services.screening.points import Point
from services.screening.regions import REFERENCE, edges
from services.screening.saying import ENDS, measure, named
from services.screening.statements import (
    Before,
    Computed,
    End,
    Leaf,
    Limit,
    Measured,
    NotAfter,
    Operand,
    Within,
    XField,
    XNormal,
)
from services.screening.units import as_decimal


def around(leaf: Leaf, fields: Mapping[str, Any]) -> Iterator[Iterable[Point]]:
    """The points of each limit of a statement about a number or a day."""
    match leaf:
        case Measured(operand, limits):
            for limit in limits:
                yield _values(operand, limit, spec_of(fields, operand))
        case XNormal(operand, limits, end):
            spec = spec_of(fields, operand)
            for limit in limits:
                yield _multiples(operand, limit, spec, ENDS[end], {}, end=end)
        case XField(operand, other, limits, factor):
            spec, of = spec_of(fields, operand), spec_of(fields, other)
            for limit in limits:
                by = factor or Fraction(1)
                told = named(other, fields)
                yield _multiples(operand, limit, spec, told, {other: raw(of, HUNDRED)}, by)
        case Computed(_, _, limits):
            for limit in limits:
                yield moved(leaf, limit, fields)
        case Within(operand, reference):
            for edge in edges(leaf, REFERENCE.toordinal()):
                yield _days(operand, reference, edge, fields)
        case Before(operand, reference) | NotAfter(operand, reference):
            for edge in edges(leaf, REFERENCE.toordinal()):
                yield _days(operand, reference, edge, fields)


def step(written: int | Decimal, spec: Any) -> Decimal:
    """One place more than the limit is written with; 1 for a whole number."""
    if isinstance(spec, IntField):
        return Decimal(1)
    exponent = Decimal(written).as_tuple().exponent
    return Decimal(1).scaleb(min(int(exponent), 0) - 1)


def _beside(value: Decimal, by: Decimal) -> Iterator[tuple[Decimal, bool]]:
    yield value - by, False
    yield value, True
    yield value + by, False


def _values(operand: Operand, limit: Limit, spec: Any) -> Iterator[Point]:
    for value, on in _beside(Decimal(limit.written), step(limit.written, spec)):
        yield Point(measure(value, limit.unit), {operand: raw(spec, value, limit.unit)}, on)


def _multiples(
    operand: Operand,
    limit: Limit,
    spec: Any,
    of: str,
    others: Raw,
    by: Fraction = Fraction(1),
    end: End = "uln",
) -> Iterator[Point]:
    for value, on in _beside(Decimal(limit.written) * HUNDRED, step(limit.written, spec)):
        number = Fraction(value) * by
        unit = spec.unit if isinstance(spec, QuantityField) else None
        says = f"{measure(as_decimal(number), unit)} ({of}: {HUNDRED})"
        yield Point(says, {operand: raw(spec, number, end=end), **others}, on)


def _days(
    operand: Operand, reference: Operand, edge: int, fields: Mapping[str, Any]
) -> Iterator[Point]:
    for day in (edge - 1, edge, edge + 1):
        says = f"{date.fromordinal(day)} ({named(reference, fields)}: {REFERENCE})"
        form = {operand: written(fields, operand, day), reference: str(REFERENCE)}
        yield Point(says, form, day == edge)

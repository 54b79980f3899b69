"""A line of numbers cut by limits: a value on each limit, and one in every gap between."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor

from services.screening.statements import Number
from services.screening.units import as_decimal


def cells(limits: Iterable[Number], low: Number, high: Number, *, whole: bool) -> list[Number]:
    """The limits within the span and a value of every gap between, in order."""
    if whole:
        near = {value for limit in limits for value in (floor(limit), ceil(limit))}
        found = {low, high, *near, *(n + 1 for n in near), *(n - 1 for n in near)}
        return sorted(value for value in found if low <= value <= high)
    inside = sorted(limit for limit in limits if low <= limit <= high)
    if not inside:
        return [between(low, high)]
    values: list[Number] = []
    for before, limit in zip([low, *inside], inside, strict=False):
        if before < limit:
            values.append(between(before, limit))
        values.append(limit)
    if inside[-1] < high:
        values.append(between(inside[-1], high))
    return values


def between(low: Number, high: Number) -> Number:
    """A short decimal between two numbers, near the lower one."""
    places = 0
    while True:
        step = Fraction(1, 10**places)
        value = (floor(Fraction(low) / step) + 1) * step
        if value < high:
            return as_decimal(value)
        places += 1

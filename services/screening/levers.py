"""Patients at a limit of a formula: the formula's example, with one number moved."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.screening import units
from services.screening.examples import Raw, raw, spec_of
from services.screening.fields import IntField, QuantityField
from services.screening.formulas import FORMULAS, Formula
from services.screening.points import Point
from services.screening.regions import keeps
from services.screening.saying import measure
from services.screening.statements import Argument, Computed, Leaf, Limit, Number

_FARTHEST: Final = 10**8


def moved(leaf: Computed, limit: Limit, fields: Mapping[str, Any]) -> Iterator[Point]:
    """The neighbouring values of the lever between which the result passes the limit."""
    which = FORMULAS[leaf.formula]
    lever = next(one for one in leaf.of if one.name == which.lever)
    spec = spec_of(fields, lever.operand)
    grain = Decimal(1) if isinstance(spec, IntField) else Decimal("0.01")

    def over(count: int) -> bool:
        return bool(which.compute({**which.example, which.lever: count * grain}) >= limit.value)

    low, high = 1, _FARTHEST
    if over(low) is over(high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        if over(middle) is over(low):
            low = middle
        else:
            high = middle
    hit = [count for count in (low, high) if _is(which, count * grain, limit)]
    rest = {one.operand: _written(one, which.example[one.name], fields) for one in leaf.of}
    told = ", ".join(f"{one.name} {which.example[one.name]}" for one in leaf.of if one != lever)
    for count in sorted({low, high, *(n + by for n in hit for by in (-1, 1))}):
        value = count * grain
        says = f"{lever.name} {measure(value, which.numbers[lever.name])} ({told})"
        yield Point(says, {**rest, lever.operand: _written(lever, value, fields)}, count in hit)


def _is(which: Formula, lever: Decimal, limit: Limit) -> bool:
    result: Any = which.compute({**which.example, which.lever: lever})
    return bool(result >= limit.value) and bool(result <= limit.value)


def example(truths: Mapping[Leaf, bool], known: Raw, fields: Mapping[str, Any]) -> Raw:
    """Values of the formulas' arguments that are not known yet, such that these truths hold.

    Nothing where no such values are found.
    """
    for leaf, truth in truths.items():
        if not isinstance(leaf, Computed):
            continue
        which = FORMULAS[leaf.formula]
        of: dict[str, Any] = {
            one.name: _number(one, known[one.operand], which.numbers.get(one.name), fields)
            if one.operand in known
            else which.example[one.name]
            for one in leaf.of
        }
        start = Fraction(of[which.lever])
        for by in (Fraction(1), Fraction(10), Fraction(1, 10), Fraction(100), Fraction(1, 100)):
            of[which.lever] = start * by
            result: Any = which.compute(of)
            if all(keeps(result, limit) for limit in leaf.limits) is truth:
                return {
                    one.operand: _written(one, of[one.name], fields)
                    for one in leaf.of
                    if one.operand not in known
                }
    return {}


def _written(argument: Argument, value: Any, fields: Mapping[str, Any]) -> object:
    """An argument, given in the formula's unit, as a form holds it."""
    if isinstance(value, str):
        return value
    spec = spec_of(fields, argument.operand)
    number: Number = value if argument.factor is None else Fraction(value) / argument.factor
    return raw(spec, number)


def _number(argument: Argument, value: Any, unit: str | None, fields: Mapping[str, Any]) -> object:
    """An argument of a form, in the formula's unit."""
    if unit is None:
        return value
    spec = spec_of(fields, argument.operand)
    if isinstance(spec, QuantityField):
        by = units.factor(value["unit"], unit, spec.by())
        return value["value"] if by is None else Fraction(value["value"]) * by
    return value if argument.factor is None else Fraction(value) * argument.factor

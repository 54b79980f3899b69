"""Patients at a limit of a formula: the formula's example, with one number moved."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.screening import units
from services.screening.examples import HUNDRED, Raw, raw, spec_of
from services.screening.fields import IntField, QuantityField
from services.screening.formulas import FORMULAS, Formula
from services.screening.points import Point
from services.screening.regions import keeps
from services.screening.saying import measure, times_named
from services.screening.statements import (
    Argument,
    Computed,
    End,
    Leaf,
    Limit,
    Number,
    Operand,
)

_FARTHEST: Final = 10**8


def moved(leaf: Computed, limit: Limit, fields: Mapping[str, Any]) -> Iterator[Point]:
    """The neighbouring values of the lever between which the result passes the limit."""
    which = FORMULAS[leaf.formula]
    lever = next(one for one in leaf.of if one.name == which.lever)
    spec = spec_of(fields, lever.operand)
    grain = Decimal(1) if isinstance(spec, IntField) else Decimal("0.01")
    if _of_itself(leaf):
        return
    beside = _beside(leaf, fields)
    goal = Fraction(limit.value) * _base(leaf, beside, fields)

    def over(count: int) -> bool:
        return bool(which.compute({**which.example, which.lever: count * grain}) >= goal)

    low, high = 1, _FARTHEST
    if over(low) is over(high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        if over(middle) is over(low):
            low = middle
        else:
            high = middle
    hit = [count for count in (low, high) if _is(which, count * grain, goal)]
    end = _end(leaf)
    rest = {one.operand: _written(one, which.example[one.name], fields, end) for one in leaf.of}
    told = ", ".join(f"{one.name} {which.example[one.name]}" for one in leaf.of if one != lever)
    if leaf.times is not None:
        told += f", {times_named(leaf.times, fields)} {HUNDRED}"
    for count in sorted({low, high, *(n + by for n in hit for by in (-1, 1))}):
        value = count * grain
        says = f"{lever.name} {measure(value, which.numbers[lever.name])} ({told})"
        moved_to = {lever.operand: _written(lever, value, fields, end)}
        yield Point(says, {**beside, **rest, **moved_to}, count in hit)


def _is(which: Formula, lever: Decimal, goal: Number) -> bool:
    result: Any = which.compute({**which.example, which.lever: lever})
    return bool(result >= goal) and bool(result <= goal)


def _of_itself(leaf: Computed) -> bool:
    """Whether limits are multiples of a number that the formula is of, and move with it."""
    times = leaf.times
    if times is None or times.end is not None:
        return False
    return times.operand in [one.operand for one in leaf.of]


def _end(leaf: Computed) -> End:
    """The limit of normal that is 100; either would do where none is read."""
    times = leaf.times
    return "uln" if times is None or times.end is None else times.end


def _beside(leaf: Computed, fields: Mapping[str, Any]) -> dict[Operand, object]:
    """What limits are multiples of, as a form holds it: 100."""
    if leaf.times is None:
        return {}
    operand = leaf.times.operand
    return {operand: raw(spec_of(fields, operand), HUNDRED, end=_end(leaf))}


def _base(leaf: Computed, known: Raw, fields: Mapping[str, Any]) -> Fraction:
    """What limits are multiples of, in the formula's unit."""
    times = leaf.times
    if times is None:
        return Fraction(1)
    spec, value = spec_of(fields, times.operand), known[times.operand]
    number: Any = value
    if isinstance(spec, QuantityField) and isinstance(value, dict):
        by = units.factor(value["unit"], spec.unit, spec.by())
        number = Fraction(value[times.end or "value"]) * (by or 1)
    return Fraction(number) * (times.factor or 1)


def example(truths: Mapping[Leaf, bool | None], known: Raw, fields: Mapping[str, Any]) -> Raw:
    """Values of the formulas' arguments that are not known yet, such that these truths hold.

    Nothing where no such values are found.
    """
    for leaf, truth in truths.items():
        if not isinstance(leaf, Computed) or _of_itself(leaf):
            continue
        which = FORMULAS[leaf.formula]
        of: dict[str, Any] = {
            one.name: _number(one, known[one.operand], which.numbers.get(one.name), fields)
            if one.operand in known
            else which.example[one.name]
            for one in leaf.of
        }
        beside = _beside(leaf, fields)
        base = _base(leaf, {**beside, **known}, fields)
        limits = [replace(limit, value=Fraction(limit.value) * base) for limit in leaf.limits]
        start = Fraction(of[which.lever])
        for by in (Fraction(1), Fraction(10), Fraction(1, 10), Fraction(100), Fraction(1, 100)):
            of[which.lever] = start * by
            result: Any = which.compute(of)
            if all(keeps(result, limit) for limit in limits) is truth:
                made = {
                    one.operand: _written(one, of[one.name], fields, _end(leaf)) for one in leaf.of
                }
                made = {**beside, **made}
                return {operand: made[operand] for operand in made.keys() - known.keys()}
    return {}


def _written(argument: Argument, value: Any, fields: Mapping[str, Any], end: End) -> object:
    """An argument, given in the formula's unit, as a form holds it."""
    if isinstance(value, str):
        return value
    spec = spec_of(fields, argument.operand)
    number: Number = value if argument.factor is None else Fraction(value) / argument.factor
    return raw(spec, number, end=end)


def _number(argument: Argument, value: Any, unit: str | None, fields: Mapping[str, Any]) -> object:
    """An argument of a form, in the formula's unit."""
    if unit is None:
        return value
    spec = spec_of(fields, argument.operand)
    if isinstance(spec, QuantityField):
        by = units.factor(value["unit"], unit, spec.by())
        return value["value"] if by is None else Fraction(value["value"]) * by
    return value if argument.factor is None else Fraction(value) * argument.factor

"""The regions into which statements cut the values that they read: in each, all of them stay as
they are.

Statements about the same values share an *axis*: a field, a field in multiples of its upper or
lower limit of normal, the result of a formula, a pair of days. One region an axis tells the truth
of every statement. Axes count as free of each other, and so does each statement about a list or
about what was attested; that is exact unless a rule reads one field in two of these ways. Whether a
field holds a word in place of its number is told on every axis of that field.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from services.screening import limits
from services.screening.cells import cells
from services.screening.compiling import compiled
from services.screening.examples import HUNDRED, Raw, raw, spec_of, written
from services.screening.fields import (
    ChoiceField,
    IntField,
)
from services.screening.formulas import FORMULAS
from services.screening.leaves import COMPARE
from services.screening.readers import LARGEST
from services.screening.statements import (
    AnyItem,
    Attested,
    Before,
    Computed,
    IsTrue,
    Leaf,
    Limit,
    Measured,
    NotAfter,
    Number,
    OneOf,
    Operand,
    Says,
    Times,
    Within,
    XField,
    XNormal,
)
from services.screening.units import as_decimal
from services.screening.windows import less_months

#: A day from which months differ: the last one of a long month.
REFERENCE: Final = date(2025, 8, 31)
#: From any of these days, days and months lie as they can lie from any day of 1901 to 2099.
_CYCLE: Final = tuple(date(2024, 1, 1) + timedelta(days=number) for number in range(1461))

Truths = Mapping[Leaf, bool | None]


@dataclass(frozen=True, slots=True)
class Region:
    """How the values of an axis can be: in words, what is then true of its statements, and such
    values by fact, as a form holds them (none for a formula, whose arguments are many).

    A truth is None where a word in place of the number leaves a comparison unknown.
    """

    says: str
    truths: Truths
    form: Raw


def axes(leaves: Iterable[Leaf], fields: Mapping[str, Any]) -> list[tuple[Region, ...]]:
    """The axes of these statements, each with all its regions."""
    return [tuple(_regions(those, fields)) for those in together(leaves)]


def together(leaves: Iterable[Leaf]) -> list[list[Leaf]]:
    """The statements, each once, those of an axis together."""
    by_axis: dict[Hashable, list[Leaf]] = {}
    pairs: dict[Operand, Hashable] = {}
    every = dict.fromkeys(leaves)
    for leaf in every:
        if isinstance(leaf, Within | Before):
            pair = (leaf.operand, leaf.reference)
            by_axis.setdefault(pair, []).append(leaf)
            pairs.setdefault(leaf.operand, pair)
    for leaf in every:
        axis: Hashable
        match leaf:
            case Within() | Before():
                continue
            case NotAfter(operand, day):
                axis = (day, operand) if (day, operand) in by_axis else (operand, day)
            case Says(operand):
                axis = pairs.get(operand, operand)
            case IsTrue(operand) | OneOf(operand):
                axis = operand
            case Measured(operand):
                axis = ("number", operand)
            case XNormal(operand, _, end):
                axis = (end, operand)
            case XField(operand, other):
                axis = ("x", operand, other)
            case Computed(name, of, _, times):
                axis = (name, of, times)
            case AnyItem() | Attested():
                axis = leaf
        by_axis.setdefault(axis, []).append(leaf)
    return list(by_axis.values())


def _regions(leaves: Sequence[Leaf], fields: Mapping[str, Any]) -> Iterator[Region]:
    first = leaves[0]
    match first:
        case Says(operand) if isinstance(spec := spec_of(fields, operand), limits.NUMBERS):
            return _line(
                (),
                operand[0],
                limits.unit_of(spec),
                span(spec),
                lambda value: {operand: raw(spec, value)},
                first,
            )
        case Within() | Before() | NotAfter() | Says():
            return _days(leaves, fields)
        case IsTrue(operand):
            return _either(leaves, operand[0], {operand: True}, {operand: False})
        case OneOf(operand):
            return _words(leaves, operand, spec_of(fields, operand))
        case Measured(operand, _, unit):
            spec = spec_of(fields, operand)
            return _line(
                leaves,
                operand[0],
                unit,
                span(spec),
                lambda value: {operand: raw(spec, value)},
                _word(operand, spec),
            )
        case XNormal(operand, _, end):
            spec = spec_of(fields, operand)
            return _line(
                leaves,
                operand[0],
                f"x {end.upper()}",
                (0, LARGEST, False),
                lambda value: {operand: raw(spec, value * HUNDRED, end=end)},
                _word(operand, spec),
            )
        case XField(operand, other, _, factor):
            spec, of = spec_of(fields, operand), spec_of(fields, other)
            by = HUNDRED * (factor or Fraction(1))
            return _line(
                leaves,
                operand[0],
                f"x {other[0]}",
                (0, LARGEST, False),
                lambda value: {operand: raw(spec, Fraction(value) * by), other: raw(of, HUNDRED)},
                _word(operand, spec),
            )
        case Computed(name, _, _, times):
            unit = FORMULAS[name].unit if times is None else _of(times)
            return _line(leaves, name, unit, (-LARGEST, LARGEST, False), lambda _: {})
        case AnyItem(name):
            return _either(leaves, f"{name}: such an entry", {}, {(name, name): []})
        case Attested(operand, criterion):
            words = fields[operand[1]].of
            yes, no = ({operand: {criterion: word}} for word in words)
            return _either(leaves, f"{operand[0]} {criterion}", yes, no)


def span(spec: Any) -> tuple[Number, Number, bool]:
    """The least value, the largest, and whether only whole numbers are."""
    if isinstance(spec, IntField):
        return spec.min, LARGEST if spec.max is None else spec.max, True
    return Fraction(1, LARGEST) if spec.above_zero else 0, LARGEST, False


def _either(leaves: Sequence[Leaf], what: str, yes: Raw, no: Raw) -> Iterator[Region]:
    yield Region(f"{what} true", dict.fromkeys(leaves, True), yes)
    yield Region(f"{what} false", dict.fromkeys(leaves, False), no)


def _words(leaves: Sequence[Leaf], operand: Operand, spec: Any) -> Iterator[Region]:
    said = [word for leaf in leaves if isinstance(leaf, OneOf) for word in leaf.words]
    for word in spec.of if isinstance(spec, ChoiceField) else dict.fromkeys([*said, "another"]):
        truths = {leaf: isinstance(leaf, OneOf) and word in leaf.words for leaf in leaves}
        yield Region(f"{operand[0]} {word}", truths, {operand: word})


def _line(
    leaves: Sequence[Leaf],
    name: str,
    unit: str | None,
    reach: tuple[Number, Number, bool],
    form: Callable[[Number], Raw],
    word: Says | None = None,
) -> Iterator[Region]:
    """The limits, a value between each two neighbours, and the word that may stand instead."""
    known = {limit.value: limit for leaf in leaves for limit in limits_of(leaf)}
    low, high, whole = reach
    no_word: dict[Leaf, bool] = {} if word is None else {word: False}
    for value in cells(known, low, high, whole=whole):
        truths = {leaf: all(keeps(value, limit) for limit in limits_of(leaf)) for leaf in leaves}
        yield Region(
            f"{name} {_shown(value, unit, known.get(value))}", truths | no_word, form(value)
        )
    if word is not None:
        says: dict[Leaf, bool | None] = {**dict.fromkeys(leaves), word: True}
        yield Region(f"{name} {word.word}", says, {word.operand: word.word})


def _word(operand: Operand, spec: Any) -> Says | None:
    return None if spec.word is None else Says(operand, spec.word)


def _of(times: Times) -> str:
    return (
        f"x {times.operand[0]}"
        if times.end is None
        else f"x {times.end.upper()} of {times.operand[0]}"
    )


def limits_of(leaf: Leaf) -> tuple[Limit, ...]:
    """The limits that a statement about a number sets."""
    return leaf.limits if isinstance(leaf, Measured | XNormal | XField | Computed) else ()


def keeps(value: Number, limit: Limit) -> bool:
    """Whether the value keeps to the limit, compared as rules compare."""
    return COMPARE[limit.word](value, limit.value)


def _shown(value: Number, unit: str | None, limit: Limit | None) -> str:
    number: object = value
    if limit is not None and limit.unit is not None:
        number, unit = limit.written, limit.unit
    elif isinstance(value, Fraction):
        number = as_decimal(value)
    text = f"{number:f}" if isinstance(number, Decimal) else str(number)
    return text if unit in (None, "1") else f"{text} {unit}"


def _days(leaves: Sequence[Leaf], fields: Mapping[str, Any]) -> Iterator[Region]:
    tests = {leaf: compiled(leaf).test for leaf in leaves}
    found: dict[tuple[bool, ...], Region] = {}
    operand, other = _pair(leaves)
    word = spec_of(fields, operand).word
    for start in (REFERENCE, *_CYCLE) if _mixed(leaves) else (REFERENCE,):
        day = start.toordinal()
        spots = {spot + by for leaf in leaves for spot in edges(leaf, day) for by in (-1, 0, 1)}
        for spot in (*sorted(spots or {day}), *(() if word is None else (word,))):
            facts = {operand[0]: spot} if other is None else {operand[0]: spot, other[0]: day}
            truths = {leaf: bool(test(facts)) for leaf, test in tests.items()}
            form = {operand: written(fields, operand, spot)}
            if other is not None:
                form[other] = str(start)
            says = ", ".join(f"{key} {form[key, owner]}" for key, owner in form)
            found.setdefault(tuple(truths.values()), Region(says, truths, form))
    return iter(found.values())


def _pair(leaves: Sequence[Leaf]) -> tuple[Operand, Operand | None]:
    """The day that is told of, and the reference day, if there is one."""
    for leaf in leaves:
        if isinstance(leaf, Within | Before):
            return leaf.operand, leaf.reference
    for leaf in leaves:
        if isinstance(leaf, NotAfter):
            return leaf.operand, leaf.day
    (operand,) = {leaf.operand for leaf in leaves if isinstance(leaf, Says)}
    return operand, None


def _mixed(leaves: Sequence[Leaf]) -> bool:
    """Whether days and months are both counted, so that their order depends on the day."""
    return len({leaf.span.months for leaf in leaves if isinstance(leaf, Within | Before)}) > 1


def edges(leaf: Leaf, reference: int) -> list[int]:
    """The days at which a statement about a day changes, as ordinals."""
    match leaf:
        case Within(_, _, span, after):
            counts = {span.least, span.most}
            return [_moved(reference, -n if after else n, span.months) for n in sorted(counts)]
        case Before(_, _, span):
            return [_moved(reference, span.most, span.months)]
        case NotAfter():
            return [reference]
        case _:
            return []


def _moved(day: int, count: int, months: bool) -> int:
    return less_months(day, count) if months else day - count

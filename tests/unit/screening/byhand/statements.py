"""Statements of a protocol in plain Python, each over known values alone.

Nothing of the product is imported: own fractions, own months, own units. What is unknown is not the
statement's matter: it names the values worth trying in its place, and ``completing`` tries them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

Values = Sequence[Any]
DAY = timedelta(days=1)

#: What one of each unit is of the field's own one.
UNITS: Mapping[str, Mapping[str, Fraction]] = {
    "primary_tumour_size": {"cm": Fraction(1), "mm": Fraction(1, 10), "m": Fraction(100)},
    # a month is the twelfth part of 365.25 days
    "life_expectancy": {"mo": Fraction(1), "a": Fraction(12), "d": Fraction(12) / Fraction(1461, 4)}
    | {"wk": 7 * Fraction(12) / Fraction(1461, 4)},
    "weight": {"kg": Fraction(1), "g": Fraction(1, 1000)},
    "creatinine": {"mg/dL": Fraction(1), "umol/L": Fraction(100, 8842), "g/L": Fraction(100)},
    "platelets": {"/mm3": Fraction(1), "10*9/L": Fraction(1000), "10*3/uL": Fraction(1000)},
    "haemoglobin": {"g/dL": Fraction(1), "g/L": Fraction(1, 10), "mmol/L": Fraction("1.6114")},
    "neutrophils": {"/mm3": Fraction(1), "10*9/L": Fraction(1000), "/uL": Fraction(1)},
    "psa": {"ng/mL": Fraction(1), "ug/L": Fraction(1), "ng/L": Fraction(1, 1000)},
    "resting_pulse": {"/min": Fraction(1), "Hz": Fraction(60), "/h": Fraction(1, 60)},
}


@dataclass(frozen=True)
class Statement:
    """One thing that a criterion says of some fields.

    ``holds`` takes their values; ``tries``, given what is known of them, lists for each field
    values that lead to every answer; ``sides`` are the places beside a boundary where a case must
    stand; ``open`` says of a value that it, or a part of it, is unknown. ``of_list``: one entry of
    the first field is enough.
    """

    fields: tuple[str, ...]
    holds: Callable[..., bool]
    tries: Callable[..., Sequence[Values]]
    sides: Mapping[str, Callable[..., bool]]
    open: Callable[[Any], bool] = field(default=lambda value: value is None)
    of_list: bool = False


def flag(name: str) -> Statement:
    """The field is true."""
    return word(name, True, among=(True, False))


def word(name: str, *words: object, among: Values) -> Statement:
    """The field says one of the words, ``among`` all that it can say."""
    return Statement(
        (name,),
        lambda said: said in words,
        lambda _: [among],
        {f"{name} {one}": lambda said, one=one: said == one for one in among},
    )


def whole(name: str, holds: Callable[[int], bool], *about: int) -> Statement:
    """A whole number; ``about`` are the two on both sides of each boundary."""
    return Statement(
        (name,),
        holds,
        lambda _: [about],
        {f"{name} {one}": lambda number, one=one: number == one for one in about},
    )


def part(name: str, member: str, other: str, holds: Callable[[Any], bool], edge: int) -> Statement:
    """A number that is one of the two members of a field."""
    return Statement(
        (name,),
        lambda both: holds(both[member]),
        lambda _: [[{member: edge + step, other: 0} for step in (0, 1)]],
        {
            f"{name}.{member} {edge + step}": lambda both, step=step: both[member] == edge + step
            for step in (0, 1)
        },
    )


def amount(name: str, quantity: Mapping[str, Any]) -> Fraction:
    """A quantity in its field's own unit."""
    return Fraction(quantity["value"]) * UNITS[name][quantity["unit"]]


def measured(name: str, holds: Callable[[Fraction], bool], edge: str) -> Statement:
    """A quantity beside one boundary, in the field's own unit."""
    at, unit = Fraction(edge), next(iter(UNITS[name]))
    near = [Decimal(edge) * Decimal(times) for times in ("0.999", "1", "1.001")]

    def beyond(quantity: Mapping[str, Any]) -> bool:
        found = amount(name, quantity)
        return abs(found - at) <= at / 50 and holds(found) is not holds(at)

    return Statement(
        (name,),
        lambda quantity: holds(amount(name, quantity)),
        lambda _: [[{"value": one, "unit": unit} for one in near]],
        {
            f"{name} {edge}": lambda quantity: amount(name, quantity) == at,
            f"{name} just beyond {edge}": beyond,
        },
    )


def multiple(name: str, times: str, unit: str) -> Statement:
    """A value of at most so many times its own upper limit of normal."""

    def ratio(quantity: Mapping[str, Any]) -> Fraction:
        return Fraction(quantity["value"]) / Fraction(quantity["uln"]) / Fraction(times)

    near = [Decimal(times) * 10 + Decimal(step) for step in ("-0.1", "0", "0.1")]
    return Statement(
        (name,),
        lambda quantity: ratio(quantity) <= 1,
        lambda _: [[{"value": one, "unit": unit, "uln": 10} for one in near]],
        {
            f"{name} {times} x ULN": lambda q: ratio(q) == 1,
            f"{name} just over {times} x ULN": lambda quantity: (
                1 < ratio(quantity) <= Fraction("1.02")
            ),
        },
    )


def less(day: date, months: int) -> date:
    """``day`` less calendar months, found by walking back a day until the month has it."""
    count = day.year * 12 + day.month - 1 - months
    for last in range(day.day, 0, -1):
        try:
            return date(count // 12, count % 12 + 1, last)
        except ValueError:
            continue
    raise AssertionError


Reach = Callable[[date], date]


def days(count: int) -> Reach:
    """So many days before a day."""
    return lambda day: day - count * DAY


def months(count: int) -> Reach:
    """So many calendar months before a day."""
    return lambda day: less(day, count)


def window(
    name: str, reference: str, first: Reach | None, last: Reach | None, *words: str
) -> Statement:
    """The day is from ``first`` to ``last``, both included, counted from the reference day; one of
    them None leaves that end open. ``words`` may stand instead of a day, and are in no window.
    """

    def holds(said: str, end: str) -> bool:
        if said in words:
            return False
        day, until = date.fromisoformat(said), date.fromisoformat(end)
        return (first is None or first(until) <= day) and (last is None or day <= last(until))

    def edges(end: str) -> list[date]:
        until = date.fromisoformat(end)
        found = [] if first is None else [first(until) - DAY, first(until)]
        return found + ([] if last is None else [last(until), last(until) + DAY])

    def tries(said: str | None, end: str | None) -> list[Values]:
        ends: list[str] = ["2024-05-31", "2031-01-01"] if end is None else [end]
        if said is not None and said not in words and end is None:
            day = date.fromisoformat(said)
            ends = [(day + n * DAY).isoformat() for n in (-1, 0, 1, 30, 90, 180, 400, 3000)]
        near = [day.isoformat() for one in ends for day in edges(one)]
        return [[*near, *words], ends]

    def at(index: int) -> Callable[[str, str], bool]:
        return lambda said, end: said not in words and said == edges(end)[index].isoformat()

    ends = [("before", "first")] * (first is not None) + [("last", "after")] * (last is not None)
    names = [f"{name} {side} of the window" for pair in ends for side in pair]
    sides: dict[str, Callable[..., bool]] = {one: at(index) for index, one in enumerate(names)}
    sides |= {f"{name} {one}": lambda said, _, one=one: said == one for one in words}
    return Statement((name, reference), holds, tries, sides)

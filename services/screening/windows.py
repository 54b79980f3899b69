"""Statements about days: windows before or after a reference day, exact at both ends.

Days are ordinals. A day that does not exist (``none``, still active) is in no window and earlier
than no other.
"""

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, date

from services.screening.rules import Facts, Rule, leaf
from services.screening.statements import Operand, Span


def less_months(day: int, months: int) -> int:
    """The ordinal of ``day`` less calendar months: 2025-08-31 less 6 months is 2025-02-28.

    What would lie before the calendar's first day is day 0, before all others; ``months`` below 0
    are added, and what would lie after its last day is after all others.
    """
    start = date.fromordinal(day)
    year, month = divmod(start.year * 12 + start.month - 1 - months, 12)
    if year < MINYEAR:
        return 0
    if year > MAXYEAR:
        return date.max.toordinal() + 1
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last)).toordinal()


def within(operand: Operand, reference: Operand, span: Span, after: bool) -> Rule:
    """The day is ``span`` before the reference day (or after it), both ends included, but for an
    open far end. A day on the other side of the reference, or no day (``none``), is outside.

    Months are counted from the reference day.
    """
    key, other = operand[0], reference[0]
    least, most, months, open_end = span.least, span.most, span.months, span.open_end

    def test(facts: Facts) -> bool | None:
        day = facts.get(key)
        if type(day) is str:
            return False
        end = facts.get(other)
        if day is None or end is None:
            return None
        if after:
            near = less_months(end, -least) if months else end + least
            far = less_months(end, -most) if months else end + most
            return bool(near <= day and (day < far if open_end else day <= far))
        near = less_months(end, least) if months else end - least
        far = less_months(end, most) if months else end - most
        return bool((far < day if open_end else far <= day) and day <= near)

    return leaf(test, [operand, reference])


def earlier_than(operand: Operand, reference: Operand, span: Span, or_on: bool) -> Rule:
    """The day is before (the reference day less the span), or on it too; no day (``none``) is
    not."""
    key, other = operand[0], reference[0]
    most, months = span.most, span.months

    def test(facts: Facts) -> bool | None:
        day = facts.get(key)
        if type(day) is str:
            return False
        end = facts.get(other)
        if day is None or end is None:
            return None
        last = less_months(end, most) if months else end - most
        return bool(day <= last if or_on else day < last)

    return leaf(test, [operand, reference])


def on_or_before(operand: Operand, day: Operand) -> Rule:
    """The one day is not after the other."""
    first, second = operand[0], day[0]

    def test(facts: Facts) -> bool | None:
        one, other = facts.get(first), facts.get(second)
        return None if one is None or other is None else bool(one <= other)

    return leaf(test, [operand, day])


def says(operand: Operand, word: str) -> Rule:
    """The field says the word in place of a day or a number."""
    key = operand[0]

    def test(facts: Facts) -> bool | None:
        fact = facts.get(key)
        return None if fact is None else fact == word

    return leaf(test, [operand])

"""Statements about days: windows before a reference day, exact at both ends.

Days are ordinals. A day that does not exist (``none``, still active) is in no window and earlier
than no other.
"""

from calendar import monthrange
from datetime import date

from services.screening.leaves import Operand
from services.screening.rules import Facts, Rule, leaf


def less_months(day: int, months: int) -> int:
    """The ordinal of ``day`` less calendar months: 2025-08-31 less 6 months is 2025-02-28.

    What would lie before the calendar's first day is day 0, before all others.
    """
    start = date.fromordinal(day)
    year, month = divmod(start.year * 12 + start.month - 1 - months, 12)
    if year < 1:
        return 0
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last)).toordinal()


def within(
    operand: Operand, before: Operand, span: tuple[int, int], months: bool, open_end: bool
) -> Rule:
    """The day is ``span`` (least, most) days or months before the reference day, both ends
    included; ``open_end``: the far end is not. A day after the reference, or no day (``none``), is
    outside.
    """
    key, reference = operand[0], before[0]
    least, most = span

    def test(facts: Facts) -> bool | None:
        day = facts.get(key)
        if type(day) is str:
            return False
        end = facts.get(reference)
        if day is None or end is None:
            return None
        if months:
            first, last = less_months(end, most), less_months(end, least)
        else:
            first, last = end - most, end - least
        return bool((first < day if open_end else first <= day) and day <= last)

    return leaf(test, [operand, before])


def earlier_than(operand: Operand, before: Operand, span: int, months: bool) -> Rule:
    """The day is before (the reference day less ``span``); no day (``none``) is not."""
    key, reference = operand[0], before[0]

    def test(facts: Facts) -> bool | None:
        day = facts.get(key)
        if type(day) is str:
            return False
        end = facts.get(reference)
        if day is None or end is None:
            return None
        return bool(day < (less_months(end, span) if months else end - span))

    return leaf(test, [operand, before])


def on_or_before(operand: Operand, day: Operand) -> Rule:
    """The one day is not after the other."""
    first, second = operand[0], day[0]

    def test(facts: Facts) -> bool | None:
        one, other = facts.get(first), facts.get(second)
        return None if one is None or other is None else bool(one <= other)

    return leaf(test, [operand, day])


def says(operand: Operand, word: str) -> Rule:
    """The field says the word in place of a day."""
    key = operand[0]

    def test(facts: Facts) -> bool | None:
        fact = facts.get(key)
        return None if fact is None else fact == word

    return leaf(test, [operand])

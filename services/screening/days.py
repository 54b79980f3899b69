"""Words about days, read as statements: windows, distances, and words in place of a day."""

from services.screening import limits
from services.screening.fields import DateField, ItemDateField
from services.screening.scope import Path, RuleError, Scope, both
from services.screening.statements import (
    TODAY,
    Before,
    NotAfter,
    Operand,
    Says,
    Statement,
    Within,
)
from services.screening.words import DayWords, Reach, SaysWords


def within(said: object, scope: Scope, path: Path) -> Statement:
    """The day is in a span before or after another."""
    words = Reach.model_validate(said)
    operand, reference, side = _days(words, scope, path)
    return Within(operand, reference, words.span(path), side == "after")


def earlier_than(said: object, scope: Scope, path: Path) -> Statement:
    """The day is more than a span before another."""
    return _before(said, scope, path, or_on=False)


def no_later_than(said: object, scope: Scope, path: Path) -> Statement:
    """The day is a span or more before another."""
    return _before(said, scope, path, or_on=True)


def _before(said: object, scope: Scope, path: Path, *, or_on: bool) -> Statement:
    words = Reach.model_validate(said)
    operand, reference, side = _days(words, scope, path)
    span = words.span(path)
    if side == "after":
        raise RuleError((*path, "after"), "is not for this word; before is")
    if not isinstance(span.count, int) or span.open_end:
        raise RuleError(path, "needs one number of days, weeks, months or years")
    return Before(operand, reference, span, or_on)


def on_or_before(said: object, scope: Scope, path: Path) -> Statement:
    """The day is not after another, or today."""
    words = DayWords.model_validate(said)

    def found() -> Operand:
        spec, operand = scope.find(words.field, (*path, "field"), DateField, ItemDateField)
        if spec.word is not None:
            raise RuleError((*path, "field"), f"{words.field} may be no day")
        return operand

    def day() -> Operand:
        return (TODAY, "") if words.day == TODAY else _day(words.day, scope, (*path, "day"))

    return NotAfter(*both(found, day))


def says(said: object, scope: Scope, path: Path) -> Statement:
    """A word stands in place of the day or the number."""
    words = SaysWords.model_validate(said)
    spec, operand = scope.find(
        words.field, (*path, "field"), DateField, ItemDateField, *limits.NUMBERS
    )
    if spec.word != words.word:
        raise RuleError((*path, "word"), f"{words.field} never says {words.word}")
    return Says(operand, words.word)


def _days(words: Reach, scope: Scope, path: Path) -> tuple[Operand, Operand, str]:
    def reference() -> tuple[Operand, str]:
        side, day = words.reference(path)
        return _day(day, scope, (*path, side)), side

    found, (day, side) = both(
        lambda: scope.find(words.field, (*path, "field"), DateField, ItemDateField), reference
    )
    return found[1], day, side


def _day(key: str, scope: Scope, path: Path) -> Operand:
    spec, operand = scope.find(key, path, DateField)
    if spec.word is not None:
        raise RuleError(path, f"{key} may be no day, so nothing can be counted from it")
    return operand

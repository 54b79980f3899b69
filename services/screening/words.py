"""The words of a rule as a protocol file writes them, typed; ``vocabulary`` gives them their
meaning.
"""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field

from services.screening.fields import Strict
from services.screening.leaves import COMPARE
from services.screening.scope import Path, RuleError
from services.screening.statements import Span

#: No protocol counts farther, and the calendar has room for it on both sides of today.
_MONTHS: Final = 1000 * 12
_DAYS: Final = 1000 * 366

Limited = int | Decimal | str
Count = Annotated[int, Field(ge=0)]
Counts = Count | Annotated[list[Count], Field(min_length=2, max_length=2)]


class Limits(Strict):
    """One limit, or two for a range; with the unit where the field has one."""

    above: Limited | None = None
    at_least: Limited | None = None
    at_most: Limited | None = None
    below: Limited | None = None

    def given(self, path: Path) -> list[tuple[str, Limited]]:
        """The limits that are there; raises ``RuleError`` without any."""
        found = [(word, limit) for word in COMPARE if (limit := getattr(self, word)) is not None]
        if not found:
            raise RuleError(path, "needs a limit: " + ", ".join(COMPARE))
        return found


class NumberWords(Limits):
    """``number: {field: creatinine, below: 2.5 mg/dL}``."""

    field: str


class NormalWords(Limits):
    """``x_uln: {field: bilirubin, at_most: 1.5}``, and so ``x_lln``."""

    field: str


class XFieldWords(Limits):
    """``x_field: {field: weight, of: weight_before, at_least: 0.95, at_most: 1.05}``."""

    field: str
    of: str


class FormulaWords(Limits):
    """``formula: {name: cockcroft_gault, of: {age: age, ...}, above: 30 mL/min}``, or in multiples
    of a field, ``x_uln: calcium, at_most: 1``.
    """

    name: str
    of: dict[str, str]
    x_uln: str | None = None
    x_lln: str | None = None
    x_field: str | None = None

    def times(self, path: Path) -> tuple[str, str] | None:
        """The word and the field of which limits are multiples, if any; raises ``RuleError``."""
        found = [
            (word, name)
            for word in ("x_uln", "x_lln", "x_field")
            if (name := getattr(self, word)) is not None
        ]
        if len(found) > 1:
            raise RuleError((*path, found[1][0]), f"is one too many beside {found[0][0]}")
        return found[0] if found else None


class OneOfWords(Strict):
    """``one_of: {field: histology, words: [clear_cell]}``."""

    field: str
    words: Annotated[list[str], Field(min_length=1)]


class Reach(Strict):
    """How far before or after which day: one of the spans, ``before`` or ``after``."""

    field: str
    before: str | None = None
    after: str | None = None
    days: Counts | None = None
    weeks: Counts | None = None
    months: Counts | None = None
    years: Counts | None = None
    less_than_months: Count | None = None

    def reference(self, path: Path) -> tuple[str, str]:
        """``before`` or ``after``, and the day it names; raises ``RuleError``."""
        if self.before is not None and self.after is None:
            return "before", self.before
        if self.after is not None and self.before is None:
            return "after", self.after
        raise RuleError(path, "needs a day: before or after")

    def span(self, path: Path) -> Span:
        """The one span that is given; raises ``RuleError``."""
        times = {"days": 1, "weeks": 7, "months": 1, "years": 12, "less_than_months": 1}
        found = [word for word in times if getattr(self, word) is not None]
        if len(found) != 1:
            raise RuleError(path, "needs one of " + ", ".join(times))
        word = found[0]
        count = getattr(self, word)
        least, most = count if isinstance(count, list) else (0, count)
        if least > most:
            raise RuleError((*path, word), "the smaller number comes first")
        if most * times[word] > (_MONTHS if word not in ("days", "weeks") else _DAYS):
            raise RuleError((*path, word), "is farther than 1000 years")
        return Span(
            least=least * times[word],
            most=most * times[word],
            months=word not in ("days", "weeks"),
            open_end=word == "less_than_months",
            word=word,
            count=(least, most) if isinstance(count, list) else count,
        )


class DayWords(Strict):
    """``on_or_before: {field: informed_consent_date, day: today}``."""

    field: str
    day: str


class SaysWords(Strict):
    """``says: {field: item.last_active, word: still_active}``, of a day or a number."""

    field: str
    word: str


class AnyItemWords(Strict):
    """``any_item: {list: other_cancers, where: <rule over item...>}``."""

    list: str
    where: Any

"""The words of a rule as a protocol file writes them, typed; ``vocabulary`` gives them their
meaning.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from services.screening.fields import Strict
from services.screening.leaves import COMPARE
from services.screening.scope import Path, RuleError

Limited = int | Decimal | str
Count = Annotated[int, Field(ge=0)]
Span = Count | Annotated[list[Count], Field(min_length=2, max_length=2)]


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


class UlnWords(Limits):
    """``x_uln: {field: bilirubin, at_most: 1.5}``."""

    field: str


class FormulaWords(Limits):
    """``formula: {name: cockcroft_gault, of: {age: age, ...}, above: 30 mL/min}``."""

    name: str
    of: dict[str, str]


class OneOfWords(Strict):
    """``one_of: {field: histology, words: [clear_cell]}``."""

    field: str
    words: Annotated[list[str], Field(min_length=1)]


class Reach(Strict):
    """How far back: one of these."""

    field: str
    before: str
    days: Span | None = None
    weeks: Span | None = None
    months: Span | None = None
    years: Span | None = None
    less_than_months: Count | None = None

    def reach(self, path: Path) -> tuple[int, int, bool, bool]:
        """Least, most, whether in months (else days), whether the far end is left out."""
        times = {"days": 1, "weeks": 7, "months": 1, "years": 12, "less_than_months": 1}
        found = [word for word in times if getattr(self, word) is not None]
        if len(found) != 1:
            raise RuleError(path, "needs one of " + ", ".join(times))
        word = found[0]
        span = getattr(self, word)
        least, most = span if isinstance(span, list) else (0, span)
        if least > most:
            raise RuleError((*path, word), "the smaller number comes first")
        by = times[word]
        return least * by, most * by, word not in ("days", "weeks"), word.startswith("less")


class DayWords(Strict):
    """``on_or_before: {field: informed_consent_date, day: today}``."""

    field: str
    day: str


class SaysWords(Strict):
    """``says: {field: item.last_active, word: still_active}``."""

    field: str
    word: str


class AnyItemWords(Strict):
    """``any_item: {list: other_cancers, where: <rule over item...>}``."""

    list: str
    where: Any

"""The criteria of a protocol: each with its words, compiled once, and decided with its evidence."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from services.screening.fields import Strict
from services.screening.form import Read
from services.screening.rules import Rule

Category = Literal["inclusion", "exclusion"]


class CriterionWords(Strict):
    """A criterion as the protocol file writes it; ``shows`` are fields that are evidence alone."""

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(\.[0-9]{1,3})?$")]
    category: Category
    text: Annotated[str, Field(pattern=r"\S")]
    rule: Any
    shows: list[str] = Field(default_factory=list)
    note: str | None = None


class Outcome(NamedTuple):
    """One criterion of one form.

    ``outcome`` is the criterion's own truth: true on an exclusion says that it applies.
    ``evidence`` is every known field that it reads, as submitted; ``converted`` those that came in
    another unit, in the canonical one; ``missing`` the unknown fields that can still change it.
    """

    id: str
    category: Category
    outcome: bool | None
    text: str
    evidence: dict[str, object]
    converted: dict[str, object]
    missing: tuple[str, ...]

    @property
    def met(self) -> bool | None:
        """Whether the subject may enter as far as this criterion goes."""
        if self.outcome is None or self.category == "inclusion":
            return self.outcome
        return not self.outcome

    def answer(self) -> dict[str, object]:
        """The outcome as JSON."""
        return {
            "id": self.id,
            "category": self.category,
            "outcome": self.outcome,
            "text": self.text,
            "evidence": self.evidence,
            "converted": self.converted,
            "missing": self.missing,
        }


class Criterion:
    """One criterion, compiled."""

    def __init__(self, words: CriterionWords, rule: Rule, order: Mapping[str, int]) -> None:
        """``order`` is the data dictionary's: evidence and missing fields are listed by it."""
        self.id = words.id
        self.category: Category = words.category
        self.text = words.text
        self.reads = tuple(sorted(rule.reads | {*words.shows}, key=order.__getitem__))
        self._rule = rule
        self._test = rule.test
        self._order = order

    def decide(self, read: Read) -> Outcome:
        """The outcome on a form that was read."""
        facts, known, converted = read.facts, read.known, read.converted
        outcome = self._test(facts)
        return Outcome(
            self.id,
            self.category,
            outcome,
            self.text,
            {name: known[name] for name in self.reads if name in known},
            {name: converted[name] for name in self.reads if name in converted}
            if converted
            else {},
            self.missing(facts) if outcome is None else (),
        )

    def missing(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """The unknown fields that can still change an outcome which is unknown."""
        return tuple(sorted(self._rule.asks(facts), key=self._order.__getitem__))

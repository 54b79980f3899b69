"""The criteria of a protocol: each with its words, compiled once, and decided with its evidence."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from services.screening.fields import Strict
from services.screening.form import Read, written
from services.screening.rules import Rule
from shared.contracts import jsontext

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


class Criterion:
    """One criterion, compiled."""

    def __init__(self, words: CriterionWords, rule: Rule, order: Mapping[str, int]) -> None:
        """``order`` is the data dictionary's: evidence and missing fields are listed by it."""
        self.id = words.id
        self.category: Category = words.category
        self.text = words.text
        self.reads = tuple(sorted(rule.reads | {*words.shows}, key=order.__getitem__))
        self.test = rule.test
        self.wanted = words.category == "inclusion"
        self._rule = rule
        self._order = order
        self._begins = {truth: self._begin(truth) for truth in (True, False, None)}

    def outcome(self, truth: bool | None, missing: tuple[str, ...], read: Read) -> Outcome:
        """What is to be said of a form on which ``test`` gave this truth."""
        return Outcome(
            self.id,
            self.category,
            truth,
            self.text,
            {name: read.known[name] for name in self.reads if name in read.known},
            {name: read.converted[name] for name in self.reads if name in read.converted},
            missing,
        )

    def missing(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """The unknown fields that can still change an outcome which is unknown."""
        return tuple(sorted(self._rule.asks(facts), key=self._order.__getitem__))

    def written(
        self,
        truth: bool | None,
        missing: tuple[str, ...],
        known: Mapping[str, bytes],
        converted: Mapping[str, bytes],
    ) -> bytes:
        """The outcome's answer as JSON; ``known`` and ``converted`` are members, written."""
        shown = b",".join([known[name] for name in self.reads if name in known])
        if not converted and not missing:
            return b'%b%b},"converted":{},"missing":[]}' % (self._begins[truth], shown)
        others = b",".join([converted[name] for name in self.reads if name in converted])
        names = jsontext.dumps(missing)
        return b'%b%b},"converted":{%b},"missing":%b}' % (self._begins[truth], shown, others, names)

    def _begin(self, truth: bool | None) -> bytes:
        """The answer up to its evidence, which is the same for every form."""
        head = {"id": self.id, "category": self.category, "outcome": truth, "text": self.text}
        return jsontext.dumps(head)[:-1] + b',"evidence":{'


class Outcomes(NamedTuple):
    """Every criterion of one form, in the protocol's order.

    ``missing`` is by the id of a criterion that is unknown.
    """

    criteria: tuple[Criterion, ...]
    truths: tuple[bool | None, ...]
    missing: Mapping[str, tuple[str, ...]]
    read: Read

    def each(self) -> tuple[Outcome, ...]:
        """The criteria one by one."""
        return tuple(
            one.outcome(truth, self.missing.get(one.id, ()), self.read)
            for one, truth in zip(self.criteria, self.truths, strict=True)
        )

    def written(self) -> jsontext.Written:
        """Their answers as JSON."""
        known, converted = self.read.members, written(self.read.converted)
        missing = self.missing
        every = [
            one.written(truth, missing[one.id] if truth is None else (), known, converted)
            for one, truth in zip(self.criteria, self.truths, strict=True)
        ]
        return jsontext.Written(b"[" + b",".join(every) + b"]")

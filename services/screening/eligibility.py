"""Eligibility: a protocol's form and criteria, compiled once, and the verdict on a form.

Ineligible when one inclusion is false or one exclusion true; else incomplete when one is unknown or
the stratum is; else eligible. The stratum is told whatever the verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from services.screening.criteria import Criterion, CriterionWords, Outcome
from services.screening.fields import AnyField, ItemField, ListField, MapField, Name, Strict
from services.screening.form import Form, Refused
from services.screening.rules import Rule
from services.screening.scope import RuleError, Scope, fault_of
from services.screening.vocabulary import TODAY, compiled
from shared.contracts.study import Protocol
from shared.contracts.subjects import SubjectId, site_of

Verdict = Literal["eligible", "ineligible", "incomplete"]
SECTION: Final = "eligibility"


class EligibilityWords(Strict):
    """The eligibility section as the protocol file writes it."""

    fields: Annotated[dict[Name, AnyField], Field(min_length=1)]
    criteria: Annotated[list[CriterionWords], Field(min_length=1)]
    carry: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one form, with every criterion.

    ``unmet`` and ``unknown`` are ids of criteria; ``missing`` are the fields that would settle an
    incomplete verdict, the stratum's among them; ``carry`` the values that the protocol lets leave.
    """

    verdict: Verdict
    stratum: str | None
    criteria: tuple[Outcome, ...]
    unmet: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    carry: dict[str, object]

    def answer(self) -> dict[str, object]:
        """The decision as JSON, without the subject."""
        return {
            "verdict": self.verdict,
            "stratum": self.stratum,
            "missing": self.missing,
            "criteria": [one.answer() for one in self.criteria],
        }


class Eligibility:
    """What one protocol says about who may enter; built once, used for every form."""

    def __init__(
        self,
        form: Form,
        criteria: tuple[Criterion, ...],
        strata: tuple[tuple[str, Rule], ...] | None,
        carry: tuple[str, ...],
        order: Mapping[str, int],
    ) -> None:
        self._form = form
        self._criteria = criteria
        self._strata = strata
        self._carry = carry
        self._order = order

    @classmethod
    def of(cls, protocol: Protocol) -> "Eligibility":
        """Compiles a protocol's section; raises ``ProtocolError`` with file, line and place."""
        raw = protocol.sections.get(SECTION)
        try:
            words = EligibilityWords.model_validate(raw)
        except ValidationError as error:
            path, msg = fault_of(error, raw)
            raise protocol.fault((SECTION, *path), msg) from None
        return _Builder(protocol, words).build()

    def decide(self, subject: SubjectId, form: Mapping[str, object], today: date) -> Decision:
        """The decision on a form as ``jsontext.loads`` gave it; raises ``FormErrors``.

        ``today`` is the day at the site.
        """
        read = self._form.read(form)
        read.facts[TODAY] = today.toordinal()
        outcomes = tuple(criterion.decide(read) for criterion in self._criteria)
        stratum, stratum_asks = self._stratum(subject, read.facts)
        unmet, unknown, missing = [], [], set(stratum_asks)
        for one in outcomes:
            if one.outcome is None:
                unknown.append(one.id)
                missing.update(one.missing)
            elif one.outcome is (one.category == "exclusion"):
                unmet.append(one.id)
        verdict: Verdict = "eligible"
        if unmet:
            verdict = "ineligible"
        elif unknown or stratum is None:
            verdict = "incomplete"
        return Decision(
            verdict,
            stratum,
            outcomes,
            tuple(unmet),
            tuple(unknown),
            tuple(sorted(missing, key=self._order.__getitem__)) if verdict == "incomplete" else (),
            {name: form.get(name) for name in self._carry},
        )

    def _stratum(
        self, subject: SubjectId, facts: Mapping[str, Any]
    ) -> tuple[str | None, frozenset[str]]:
        if self._strata is None:
            return site_of(subject), frozenset()
        asks: frozenset[str] = frozenset()
        for name, rule in self._strata:
            outcome = rule.test(facts)
            if outcome:
                return name, frozenset()
            if outcome is None:
                asks |= rule.asks(facts)
        return None, asks


class _Builder:
    """Turns the words of a section into what decides, and errors into places of the file."""

    def __init__(self, protocol: Protocol, words: EligibilityWords) -> None:
        self.protocol = protocol
        self.words = words
        self.fields = words.fields

    def build(self) -> Eligibility:
        order = {name: index for index, name in enumerate(self.fields)}
        criteria: list[Criterion] = []
        for index, one in enumerate(self.words.criteria):
            at = (SECTION, "criteria", index)
            if one.id in (known.id for known in criteria):
                raise self.protocol.fault((*at, "id"), f"{one.id} is listed twice")
            for place, name in enumerate(one.shows):
                self._known(name, (*at, "shows", place))
            rule = self._rule(one.rule, Scope.of(self.fields, one.id), (*at, "rule"))
            criteria.append(Criterion(one, rule, order))
        for place, name in enumerate(self.words.carry):
            self._known(name, (SECTION, "carry", place))
        return Eligibility(
            Form(self.fields, self._attested(), self._refused()),
            tuple(criteria),
            self._strata(),
            tuple(self.words.carry),
            order,
        )

    def _known(self, name: str, path: tuple[str | int, ...]) -> None:
        if name not in self.fields:
            raise self.protocol.fault(path, f"{name} is not a field of the form")

    def _rule(self, raw: object, scope: Scope, path: tuple[str | int, ...]) -> Rule:
        try:
            return compiled(raw, scope)
        except RuleError as error:
            raise self.protocol.fault((*path, *error.path), error.msg) from None

    def _attested(self) -> tuple[str, ...]:
        if not any(isinstance(spec, MapField) for spec in self.fields.values()):
            return ()
        return tuple(one.id for one in self.words.criteria if _attests(one.rule))

    def _refused(self) -> dict[str, tuple[Refused, ...]]:
        found: dict[str, tuple[Refused, ...]] = {}
        for name, spec in self.fields.items():
            if not isinstance(spec, ListField) or not isinstance(spec.of, ItemField):
                continue
            at = (SECTION, "fields", name, "of", "refuse")
            scope = Scope({}).inside(name, spec)
            made = []
            for index, one in enumerate(spec.of.refuse):
                if one.at not in spec.of.members:
                    raise self.protocol.fault((*at, index, "at"), f"{one.at} is no member")
                rule = self._rule(one.when, scope, (*at, index, "when"))
                made.append(Refused(rule.test, one.at, one.say))
            found[name] = tuple(made)
        return found

    def _strata(self) -> tuple[tuple[str, Rule], ...] | None:
        if self.protocol.strata_by_site:
            return None
        scope = Scope.of(self.fields)
        return tuple(
            (stratum.id, self._rule(stratum.when, scope, ("strata", index, "when")))
            for index, stratum in enumerate(self.protocol.strata)
        )


def _attests(raw: object) -> bool:
    if isinstance(raw, dict):
        return "attested_in" in raw or any(_attests(said) for said in raw.values())
    return isinstance(raw, list) and any(_attests(said) for said in raw)

"""The eligibility section of a protocol, read whole: its form, criteria and strata as statements.

Everything that is wrong is found in one reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from services.screening.criteria import CriterionWords
from services.screening.fields import AnyField, ItemField, ListField, Name, Strict
from services.screening.scope import RuleError, Scope, faults_of, meant
from services.screening.statements import Attested, Statement, leaves
from services.screening.vocabulary import statement
from shared.contracts.study import Protocol, ProtocolError

SECTION: Final = "eligibility"
Path = tuple[str | int, ...]


class EligibilityWords(Strict):
    """The eligibility section as the protocol file writes it; each of the criteria is typed apart,
    so that one at fault hides nothing about the others."""

    fields: Annotated[dict[Name, AnyField], Field(min_length=1)]
    criteria: Annotated[list[Any], Field(min_length=1)]
    carry: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What no item of a list may be: its rule, the member to name, what to say."""

    when: Statement
    at: str
    say: str


@dataclass(frozen=True, slots=True)
class Section:
    """What the section says; ``strata`` is None where they are the sites, ``attested`` are the
    criteria that an investigator attests, ``refused`` is by list field.
    """

    fields: Mapping[str, AnyField]
    criteria: tuple[tuple[CriterionWords, Statement], ...]
    strata: tuple[tuple[str, Statement], ...] | None
    carry: tuple[str, ...]
    attested: tuple[str, ...]
    refused: Mapping[str, tuple[Refusal, ...]]

    @classmethod
    def of(cls, protocol: Protocol) -> "Section":
        """The section of a protocol; raises one ``ProtocolError`` with all faults."""
        raw = protocol.sections.get(SECTION)
        try:
            words = EligibilityWords.model_validate(raw)
        except ValidationError as error:
            found = faults_of(error, raw)
            faults = (protocol.fault((SECTION, *path), msg) for path, msg in found)
            raise ProtocolError.of(faults) from None
        reader = _Reader(protocol, words)
        made = reader.section()
        if reader.faults:
            raise ProtocolError.of(reader.faults)
        return made


class _Reader:
    """Reads what pydantic found well formed, and gathers what is wrong in meaning."""

    def __init__(self, protocol: Protocol, words: EligibilityWords) -> None:
        self.protocol = protocol
        self.words = words
        self.fields = words.fields
        self.faults: list[ProtocolError] = []

    def section(self) -> Section:
        criteria = []
        seen: set[str] = set()
        for index, raw in enumerate(self.words.criteria):
            at = (SECTION, "criteria", index)
            one = self._criterion(raw, at)
            rule = raw.get("rule") if isinstance(raw, dict) else None
            known = Scope.of(self.fields, None if one is None else one.id)
            said = None if rule is None else self._statement(rule, known, (*at, "rule"))
            if one is None:
                continue
            if one.id in seen:
                self._fault((*at, "id"), f"{one.id} is listed twice")
            seen.add(one.id)
            for place, name in enumerate(one.shows):
                self._known(name, (*at, "shows", place))
            if said is not None:
                criteria.append((one, said))
        for place, name in enumerate(self.words.carry):
            self._known(name, (SECTION, "carry", place))
        return Section(
            fields=self.fields,
            criteria=tuple(criteria),
            strata=self._strata(),
            carry=tuple(self.words.carry),
            attested=self._attested(criteria),
            refused=self._refused(),
        )

    def _fault(self, path: Path, msg: str) -> None:
        self.faults.append(self.protocol.fault(path, msg))

    def _known(self, name: str, path: Path) -> None:
        if name not in self.fields:
            near = meant(name, self.fields)
            self._fault(path, f"{name} is not a field of the form{near}")

    def _criterion(self, raw: object, path: Path) -> CriterionWords | None:
        try:
            words = CriterionWords.model_validate(raw)
        except ValidationError as error:
            for place, msg in faults_of(error, raw):
                self._fault((*path, *place), msg)
            return None
        if words.rule is None:
            self._fault((*path, "rule"), "a rule is a map with one key")
        return words

    def _statement(self, raw: object, scope: Scope, path: Path) -> Statement | None:
        try:
            return statement(raw, scope)
        except RuleError as error:
            for place, msg in error.faults:
                self._fault((*path, *place), msg)
        return None

    def _attested(self, criteria: list[tuple[CriterionWords, Statement]]) -> tuple[str, ...]:
        return tuple(
            words.id
            for words, said in criteria
            if any(isinstance(leaf, Attested) for leaf in leaves(said))
        )

    def _refused(self) -> dict[str, tuple[Refusal, ...]]:
        found: dict[str, tuple[Refusal, ...]] = {}
        for name, spec in self.fields.items():
            if not isinstance(spec, ListField) or not isinstance(spec.of, ItemField):
                continue
            at = (SECTION, "fields", name, "of", "refuse")
            scope = Scope({}).inside(name, spec)
            made = []
            for index, one in enumerate(spec.of.refuse):
                if one.at not in spec.of.members:
                    near = meant(one.at, spec.of.members)
                    self._fault((*at, index, "at"), f"{one.at} is no member{near}")
                when = self._statement(one.when, scope, (*at, index, "when"))
                if when is not None:
                    made.append(Refusal(when, one.at, one.say))
            found[name] = tuple(made)
        return found

    def _strata(self) -> tuple[tuple[str, Statement], ...] | None:
        if self.protocol.strata_by_site:
            return None
        scope = Scope.of(self.fields)
        found = (
            (stratum.id, self._statement(stratum.when, scope, ("strata", index, "when")))
            for index, stratum in enumerate(self.protocol.strata)
            if stratum.when is not None
        )
        return tuple((name, said) for name, said in found if said is not None)

"""Eligibility: a protocol's form and criteria, compiled once, and the verdict on a form.

Ineligible when one inclusion is false or one exclusion true; else incomplete when one is unknown or
the stratum is; else eligible. The stratum is told whatever the verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from services.screening import strata
from services.screening.compiling import compiled
from services.screening.criteria import Criterion, Outcome, Outcomes
from services.screening.form import Form, Refused
from services.screening.rules import Rule
from services.screening.section import SECTION, Section
from services.screening.statements import TODAY
from shared.contracts.study import Protocol, ProtocolError
from shared.contracts.subjects import SubjectId, site_of

__all__ = ["SECTION", "Decision", "Eligibility", "Verdict"]

Verdict = Literal["eligible", "ineligible", "incomplete"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one form, with every criterion.

    ``unmet`` and ``unknown`` are ids of criteria; ``missing`` are the fields that would settle an
    incomplete verdict, the stratum's among them; ``carry`` the values that the protocol lets leave.
    """

    verdict: Verdict
    stratum: str | None
    outcomes: Outcomes
    unmet: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    carry: dict[str, object]

    @property
    def criteria(self) -> tuple[Outcome, ...]:
        """Every criterion with its evidence."""
        return self.outcomes.each()

    def answer(self) -> dict[str, object]:
        """The decision as JSON, without the subject."""
        return {
            "verdict": self.verdict,
            "stratum": self.stratum,
            "missing": self.missing,
            "criteria": self.outcomes.written(),
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
        self._tests = tuple(one.test for one in criteria)
        self._strata = strata
        self._carry = carry
        self._order = order

    @classmethod
    def of(cls, protocol: Protocol) -> "Eligibility":
        """Compiles a protocol's section; raises one ``ProtocolError`` with all faults."""
        section = Section.of(protocol)
        faults = strata.faults(protocol, section)
        if faults:
            raise ProtocolError.of(protocol.fault(path, msg) for path, msg in faults)
        order = {name: index for index, name in enumerate(section.fields)}
        refused = {
            name: tuple(Refused(compiled(one.when).test, one.at, one.say) for one in those)
            for name, those in section.refused.items()
        }
        return cls(
            Form(section.fields, section.attested, refused),
            tuple(Criterion(words, compiled(said), order) for words, said in section.criteria),
            None
            if section.strata is None
            else tuple((name, compiled(when)) for name, when in section.strata),
            section.carry,
            order,
        )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria in the protocol's order."""
        return self._criteria

    def decide(self, subject: SubjectId, form: Mapping[str, object], today: date) -> Decision:
        """The decision on a form as ``jsontext.loads`` gave it; raises ``FormErrors``.

        ``today`` is the day at the site.
        """
        read = self._form.read(form)
        read.facts[TODAY] = today.toordinal()
        facts = read.facts
        truths = tuple([test(facts) for test in self._tests])
        stratum, stratum_asks = self._stratum(subject, facts)
        unmet: list[str] = []
        asked: dict[str, tuple[str, ...]] = {}
        for one, truth in zip(self._criteria, truths, strict=True):
            if truth is None:
                asked[one.id] = one.missing(facts)
            elif truth is not one.wanted:
                unmet.append(one.id)
        verdict: Verdict = "eligible"
        if unmet:
            verdict = "ineligible"
        elif asked or stratum is None:
            verdict = "incomplete"
        missing = stratum_asks.union(*asked.values()) if verdict == "incomplete" else ()
        return Decision(
            verdict,
            stratum,
            Outcomes(self._criteria, truths, asked, read),
            tuple(unmet),
            tuple(asked),
            tuple(sorted(missing, key=self._order.__getitem__)),
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

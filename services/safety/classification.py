"""Whether an event is serious, and whether an authority would call it a SUSAR, with the reasons.

Serious: a seriousness criterion (ICH E2A, II.B). Unexpected for a component: the sponsor says so;
while the sponsor says nothing, the reference safety information in force at onset decides, and
without any it is unexpected. SUSAR: serious, and one component both related and unexpected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.safety.authorities import AUTHORITIES, Name
from services.safety.form import Report
from services.safety.judgements import Judgements
from services.safety.reference import Reference, in_force
from services.safety.rules import SafetyRules


@dataclass(frozen=True, slots=True)
class Judged:
    """What one authority's rules make of an event; components in the protocol's order."""

    susar: bool
    related: tuple[str, ...]
    unexpected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """An event as it is judged; ``susar``: by any of the authorities. No free text in ``why``."""

    serious: bool
    susar: bool
    authorities: Mapping[Name, Judged]
    why: tuple[str, ...]

    def answer(self) -> dict[str, object]:
        """The classification as JSON."""
        return {
            "serious": self.serious,
            "susar": self.susar,
            "authorities": {
                name: {
                    "susar": judged.susar,
                    "related": judged.related,
                    "unexpected": judged.unexpected,
                }
                for name, judged in self.authorities.items()
            },
            "why": self.why,
        }


def classify(
    rules: SafetyRules,
    report: Report,
    judgements: Judgements,
    components: Sequence[str],
    authorities: Sequence[Name] | None = None,
) -> Classification:
    """The event for each authority, the protocol's unless others are given.

    ``components`` are those that the subject has or may have; what is said of others counts not.
    """
    why = [_seriousness(report)]
    unexpected: list[str] = []
    for component in components:
        holds, reason = _unexpected(rules.reference, report, judgements, component)
        if holds:
            unexpected.append(component)
        word = "unexpected" if holds else "expected"
        why.append(f"{word} for {component}: {reason}")
    found: dict[Name, Judged] = {}
    for name in rules.authorities if authorities is None else authorities:
        related: list[str] = []
        for component in components:
            said = AUTHORITIES[name].related(
                report.causality.get(component), judgements.causality.get(component)
            )
            if said.holds:
                related.append(component)
            word = "related" if said.holds else "not related"
            why.append(f"{name}: {word} to {component}: {said.why}")
        both = [component for component in components if component in related]
        both = [component for component in both if component in unexpected]
        why.append(f"{name}: {_verdict(report.serious, both)}")
        found[name] = Judged(report.serious and bool(both), tuple(related), tuple(unexpected))
    susar = any(judged.susar for judged in found.values())
    return Classification(report.serious, susar, found, tuple(why))


def _seriousness(report: Report) -> str:
    if report.serious:
        return f"serious (ICH E2A): {', '.join(report.seriousness)}"
    return "not serious (ICH E2A): no seriousness criterion"


def _verdict(serious: bool, both: Sequence[str]) -> str:
    if not both:
        return "no SUSAR: no component is both related and unexpected"
    if not serious:
        return "no SUSAR: not serious"
    return f"SUSAR: serious, and both related to and unexpected for {', '.join(both)}"


def _unexpected(
    reference: Sequence[Reference], report: Report, judgements: Judgements, component: str
) -> tuple[bool, str]:
    expected = judgements.expected.get(component)
    if expected is not None:
        return not expected, f"the sponsor says {'expected' if expected else 'unexpected'}"
    versions = in_force(reference, report.onset)
    if not any(version is not None for version in versions):
        return True, "no reference safety information in force at onset"
    if None in versions:
        return True, "the onset may lie before the first reference safety information"
    term = report.term if report.ctcae_term is None else report.ctcae_term
    for version in versions:
        if version is not None and not version.lists(component, term):
            where = f"reference safety information {version.version}"
            return True, f"the term is not listed in {where}"
    listed = ", ".join(version.version for version in versions if version is not None)
    return False, f"the term is listed in reference safety information {listed}"

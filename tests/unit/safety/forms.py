"""Adverse event forms and rules for the tests."""

import copy
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.safety.classification import Classification, classify
from services.safety.form import FormErrors, Report, read
from services.safety.judgements import Judgements
from services.safety.rules import SafetyRules, known
from shared.contracts import protocol_file, study

PROTOCOLS = Path(__file__).parents[3] / "protocols"
NCT = SafetyRules.of(protocol_file.load(PROTOCOLS / "NCT06903312.yaml"))
PILOT = SafetyRules.of(protocol_file.load(PROTOCOLS / "CDISCPILOT01.yaml"))
AUTHORITIES = ("EU-CTR", "UK", "FDA-312.32")

Form = dict[str, Any]


def rules_with(old: str, new: str, file: str = "NCT06903312.yaml") -> SafetyRules:
    """The rules of a protocol file in which one text stands in place of another."""
    return SafetyRules.of(protocol_with(old, new, file))


def protocol_with(old: str, new: str, file: str = "NCT06903312.yaml") -> study.Protocol:
    """A protocol file in which one text stands in place of another."""
    text = (PROTOCOLS / file).read_text()
    assert old in text
    return protocol_file.parse(text.replace(old, new).encode(), file)


REFERENCE = rules_with(
    "  reference_safety_information: []",
    """
  reference_safety_information:
    - {version: "1", from: 2025-06-15, expected: {nivolumab: [Colitis, Rash], surgery: [Pain]}}
    - {version: "2", from: 2026-03-10, expected: {nivolumab: [colitis], surgery: [pain, Fever]}}
""",
)
"""NCT06903312 with two versions of invented reference safety information."""


def at(text: str) -> datetime:
    """An instant as `2026-03-01 12:00`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_GOOD: Form = {
    "term": "Bauchschmerzen, stark",
    "ctcae_term": "Abdominal pain",
    "grade": 3,
    "onset_date": "2026-02-27",
    "end_date": None,
    "site_aware_at": "2026-03-01T09:00:00+01:00",
    "sponsor_aware_at": "2026-03-01T12:30:00Z",
    "outcome": "recovering",
    "seriousness": ["hospitalisation"],
    "causality": {"surgery": "not_related", "nivolumab": "related"},
    "action_taken": {"nivolumab": "interrupted"},
}


def good(**changes: Any) -> Form:
    """A form of NCT06903312, arm DCN, with some fields changed; ``...`` leaves a field out."""
    form = copy.deepcopy(_GOOD)
    for name, value in changes.items():
        if value is ...:
            form.pop(name, None)
        else:
            form[name] = value
    return form


HAD = ("surgery", "cabozantinib", "nivolumab")


def report(rules: SafetyRules = NCT, had: Sequence[str] = HAD, **changes: Any) -> Report:
    """The form as it is read offline."""
    return read(rules, good(**changes), None, had)


def errors_of(form: object, rules: SafetyRules = NCT, had: Sequence[str] = HAD) -> list[Any]:
    """The places at which a form is refused; none where it is taken."""
    try:
        read(rules, form, None, had)
    except FormErrors as error:
        return [list(loc) if msg else msg for loc, msg in error.errors]
    return []


def judged(
    authority: str,
    investigator: str | None,
    sponsor: str | None,
    expected: bool | None = None,
    **changes: Any,
) -> Classification:
    """One component, `nivolumab`, as it was judged, for one authority."""
    name = known(authority)
    assert name is not None
    told = report(causality={"nivolumab": investigator}, action_taken=None, **changes)
    said = Judgements({"nivolumab": sponsor}, {"nivolumab": expected})  # type: ignore[dict-item]
    return classify(NCT, told, said, ("nivolumab",), (name,))

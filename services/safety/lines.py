"""A line of `trialops classify`: an adverse event with its subject's treatment, judged offline.

``{"subject", "arm", "regimen", "form", "assessment"}`` as bytes; the now is the form's
`sponsor_aware_at`. Places in the form count from the form, others from the line.
"""

from collections.abc import Mapping, Sequence

from services.safety.authorities import Name
from services.safety.classification import classify
from services.safety.clocks import at_once
from services.safety.components import Components
from services.safety.form import FormErrors, read
from services.safety.judgements import Judgements, read_assessment
from services.safety.rules import SafetyRules
from services.safety.values import Errors
from shared.contracts import lines
from shared.contracts.lines import BadLine, Line

_BESIDE = ("arm", "regimen", "assessment")


def answer(
    rules: SafetyRules, authorities: Sequence[Name], line: bytes | None
) -> Mapping[str, object]:
    """The classification and the clocks of a line, or ``{"subject", "errors"}``.

    None is a line that is too long.
    """
    try:
        said = lines.read(line, _BESIDE)
        return {"subject": said.subject, **_classified(rules, authorities, said)}
    except BadLine as error:
        return error.answer()


def _classified(
    rules: SafetyRules, authorities: Sequence[Name], said: Line
) -> Mapping[str, object]:
    errors: Errors = []
    arm, regimen = _treatment(rules.components, said, errors)
    # Of a treatment that cannot be read any component may be named: one fault is told once.
    components = (
        rules.components.of(arm, regimen) if not errors else rules.components.of(None, None)
    )
    report, judgements = None, Judgements()
    try:
        report = read(rules, said.form, None, components)
    except FormErrors as error:
        errors += error.errors
    try:
        judgements = read_assessment(said.beside.get("assessment"), components, reason_needed=False)
    except FormErrors as error:
        errors += [(("assessment", *loc), msg) for loc, msg in error.errors]
    if report is None or errors:
        raise BadLine(said.subject, errors)
    found = classify(rules, report, judgements, components, authorities)
    told = found.answer()
    why = told.pop("why")
    return {**told, "clocks": [duty.answer() for duty in at_once(report, found)], "why": why}


def _treatment(components: Components, said: Line, errors: Errors) -> tuple[str | None, str | None]:
    """Arm, which is needed, and regimen, None where it is not known."""
    arm, regimen = said.beside.get("arm"), said.beside.get("regimen")
    if arm is None:
        errors.append((("arm",), "is needed"))
    elif not isinstance(arm, str) or arm not in components.by_arm:
        errors.append((("arm",), f"must be one of {', '.join(components.by_arm)}"))
    if regimen is not None and not components.by_regimen:
        errors.append((("regimen",), "is not known in this trial"))
    elif regimen is not None and (
        not isinstance(regimen, str) or regimen not in components.by_regimen
    ):
        errors.append((("regimen",), f"must be one of {', '.join(components.by_regimen)}"))
    if errors:
        return None, None
    return str(arm), None if regimen is None else str(regimen)

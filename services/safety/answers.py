"""Cases and clocks as HTTP shows them: pure."""

from datetime import datetime

from services.safety import form
from services.safety.archive import Filed
from services.safety.case import Case
from services.safety.clocks import Clock
from services.safety.facts import Assessment, Submission, Version

Object = dict[str, object]


def case(of: Case, now: datetime) -> Object:
    """How a case stands."""
    return {
        "case": of.id,
        "subject": of.subject,
        "site": of.site,
        "version": of.version,
        "matched": of.matched,
        **of.classification.answer(),
        "set_aside": of.set_aside,
        "clocks": [clock(one, of.id, now) for one in of.clocks],
    }


def clock(one: Clock, case: str, now: datetime) -> Object:
    """A clock of a case."""
    return {**one.answer(now), "case": case}


def history(filed: Filed, now: datetime) -> Object:
    """A case with all that was ever said of it, and by whom."""
    versions: list[Object] = []
    assessments: list[Object] = []
    submissions: list[Object] = []
    before: form.Form = {}
    for fact, person in zip(filed.case.facts, filed.people, strict=True):
        by: Object = {"at": fact.at, "person": person}
        match fact:
            case Version(number=number, report=report):
                aware_at = {"sponsor_aware_at": report.sponsor_aware_at}
                changes = _changes(before, report.form) if number > 1 else []
                versions.append(
                    {"version": number, **by, **aware_at, "form": report.form, "changes": changes}
                )
                before = report.form
            case Assessment(judgements=said):
                told = {"causality": said.causality, "expected": said.expected}
                assessments.append({**by, **told, "reason": said.reason})
            case Submission(sent=sent):
                submissions.append(
                    {
                        **by,
                        "authority": sent.authority,
                        "kind": sent.kind,
                        "submitted_at": sent.submitted_at,
                    }
                )
    newest = filed.case.newest.report
    return {
        **case(filed.case, now),
        "grade": newest.grade,
        "severity": newest.severity,
        "seriousness": newest.seriousness,
        "outcome": newest.outcome,
        "form": newest.form,
        "components": filed.case.components,
        "versions": versions,
        "assessments": assessments,
        "submissions": submissions,
    }


def _changes(old: form.Form, new: form.Form) -> list[Object]:
    """What one version has otherwise than the one before it."""
    return [
        {"field": one.field, "old": one.old, "new": one.new}
        for one in form.changed(old, new)
        if one.old != one.new
    ]

"""The events of a case: what other services, and the audit log, hear of it."""

from collections.abc import Mapping
from typing import Any, Literal

from services.safety.case import Case
from services.safety.clocks import Clock
from services.safety.form import Change
from services.safety.judgements import Judgements
from services.safety.submissions import Sent
from shared.contracts.events.safety import (
    AdverseEventAssessed,
    AdverseEventFollowedUp,
    AdverseEventReported,
    AdverseEventSubmitted,
    AdverseEventUpdated,
    FieldChanged,
    ReportingClockCancelled,
    ReportingClockOverdue,
    ReportingClockStarted,
    ReportingClockStopped,
    ReportingClockWarned,
    ReportSubmitted,
    ReportUnmatched,
)


def _of(case: Case) -> dict[str, Any]:
    return {"case": case.id, "subject": case.subject, "site": case.site}


def _of_clock(case: Case, clock: Clock) -> dict[str, Any]:
    duty = clock.duty
    told = {"clock": clock.id, "kind": duty.kind, "authority": duty.authority, "due": duty.due}
    return {**_of(case), **told}


def stands(case: Case) -> dict[str, Any]:
    """How a case stands, as `AdverseEventReported` and `AdverseEventUpdated` say it."""
    report = case.newest.report
    return {
        **_of(case),
        "version": case.version,
        "grade": report.grade,
        "severity": report.severity,
        "serious": case.serious,
        "seriousness": report.seriousness,
        "susar": case.susar,
        "outcome": report.outcome,
        "matched": case.matched,
    }


def reported(case: Case) -> AdverseEventReported:
    """The report."""
    return AdverseEventReported(**stands(case))


def updated(
    case: Case, because: Literal["follow_up", "assessment", "subject"]
) -> AdverseEventUpdated:
    """The case as it stands after what was learned."""
    return AdverseEventUpdated(**stands(case), because=because)


def submitted(case: Case, form: Mapping[str, object]) -> AdverseEventSubmitted:
    """The form as it came."""
    return AdverseEventSubmitted(**_of(case), form=dict(form))


def followed_up(case: Case, changes: tuple[Change, ...]) -> AdverseEventFollowedUp:
    """What a follow-up changed."""
    told = tuple(FieldChanged(field=one.field, old=one.old, new=one.new) for one in changes)
    return AdverseEventFollowedUp(**_of(case), version=case.version, changes=told)


def assessed(case: Case, judgements: Judgements) -> AdverseEventAssessed:
    """What the sponsor judged this time."""
    return AdverseEventAssessed(
        **_of(case),
        causality=dict(judgements.causality),
        expected=dict(judgements.expected),
        reason=judgements.reason or "",
    )


def sent(case: Case, sent: Sent) -> ReportSubmitted:
    """What was sent to an authority."""
    return ReportSubmitted(
        **_of(case), authority=sent.authority, kind=sent.kind, submitted_at=sent.submitted_at
    )


def unmatched(case: Case) -> ReportUnmatched:
    """Nothing has named the subject."""
    return ReportUnmatched(**_of(case))


def started(case: Case, clock: Clock) -> ReportingClockStarted:
    """A duty began."""
    return ReportingClockStarted(**_of_clock(case, clock), day_zero=clock.duty.day_zero)


def stopped(case: Case, clock: Clock) -> ReportingClockStopped:
    """What was owed was sent."""
    told: dict[str, Any] = {"state": clock.settled, "stopped_at": clock.stopped_at}
    return ReportingClockStopped(**_of_clock(case, clock), **told)


def cancelled(case: Case, clock: Clock) -> ReportingClockCancelled:
    """The duty fell away."""
    return ReportingClockCancelled(**_of_clock(case, clock), reason="not_susar")


def half_left(case: Case, clock: Clock) -> ReportingClockWarned:
    """Half of the clock's length is left."""
    return ReportingClockWarned(**_of_clock(case, clock), left="half")


def tenth_left(case: Case, clock: Clock) -> ReportingClockWarned:
    """A tenth of the clock's length is left."""
    return ReportingClockWarned(**_of_clock(case, clock), left="tenth")


def overdue(case: Case, clock: Clock) -> ReportingClockOverdue:
    """The due instant passed."""
    return ReportingClockOverdue(**_of_clock(case, clock))

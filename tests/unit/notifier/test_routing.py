"""Which alert an event raises: severity, roles and cause, by the protocols of the repository."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifier.contacts import on_call
from shared.contracts.subjects import TrialId
from tests.unit.notifier.made import NOON, OTHER, TRIAL, contact, heard, routes

ROUTES = routes()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPORT: dict[str, Any] = {"case": "c1", "serious": True, "susar": False, "seriousness": ()}
URGENT = REPORT | {"susar": True, "seriousness": ("hospitalisation", "life_threatening")}


@pytest.mark.parametrize(
    ("name", "members", "rule", "severity"),
    [
        ("AdverseEventReported", REPORT, "safety_report", "high"),
        ("AdverseEventReported", REPORT | {"serious": False}, None, None),
        ("AdverseEventReported", URGENT, "urgent_safety_report", "critical"),
        ("AdverseEventReported", URGENT | {"susar": False}, "safety_report", "high"),
        (
            "AdverseEventReported",
            URGENT | {"seriousness": ("disability",)},
            "safety_report",
            "high",
        ),
        ("AdverseEventUpdated", REPORT | {"because": "follow_up"}, "safety_follow_up", "high"),
        ("AdverseEventUpdated", REPORT | {"because": "assessment"}, None, None),
        (
            "AdverseEventUpdated",
            URGENT | {"because": "subject"},
            "urgent_safety_report",
            "critical",
        ),
        ("ReportingClockOverdue", {"clock": "c1.1"}, "clock_overdue", "critical"),
        ("ReportingClockWarned", {"clock": "c1.1", "left": "half"}, "clock_warned", "high"),
        ("ReportingClockStarted", {"clock": "c1.1"}, None, None),
        ("KeyWaiting", {"letter": "x"}, "key_waiting", "critical"),
        ("DeadLettered", {"letter": "x"}, "dead_letter", "high"),
        ("LogGapFound", {"topic": "t", "key": "k", "first": 1}, "log_gap", "critical"),
        ("SubjectWithdrawn", {"from": "consent"}, "consent_withdrawn", "info"),
        ("SubjectWithdrawn", {"from": "treatment"}, None, None),
        ("PatientRandomized", {"arm": "DCN"}, None, None),
        ("SubjectUnblinded", {"purpose": "emergency"}, "unblinding", "critical"),
    ],
)
@pytest.mark.parametrize("trial", [TRIAL, OTHER])
def test_rules_of_the_protocols(
    trial: TrialId, name: str, members: Any, rule: str | None, severity: str | None
) -> None:
    raising = ROUTES.raised(heard(name, trial, **members), NOON)
    found = (raising.rule, raising.severity) if raising else (None, None)
    assert found == (rule, severity)


def test_two_warnings_of_a_clock_are_two_causes_and_one_matter() -> None:
    half, tenth = (
        ROUTES.raised(heard("ReportingClockWarned", clock="c1.1", left=left), NOON)
        for left in ("half", "tenth")
    )
    assert half
    assert tenth
    assert half.cause != tenth.cause
    assert half.matter == tenth.matter
    stopped = heard("ReportingClockStopped", clock="c1.1")
    assert ROUTES.settled(stopped, NOW) == [half.matter]
    assert ROUTES.settled(heard("ReportingClockStopped", clock="c1.2"), NOW) != [half.matter]
    assert ROUTES.settled(heard("ReportingClockStopped", OTHER, clock="c1.1"), NOW) != [half.matter]


def test_a_fact_of_no_known_trial_is_one_alert_for_all() -> None:
    for trial in (None, "NOWHERE"):
        raising = ROUTES.raised(heard("DeadLettered", trial, letter="x"), NOON)
        assert raising
        assert (raising.trial, raising.subject, raising.site) == (None, None, None)
        assert ROUTES.settled(heard("DeadLetterResolved", trial, letter="x"), NOW) == [
            raising.matter
        ]


def test_who_is_on_call() -> None:
    people = [
        contact("late", 2),
        contact("manager", 1, role="trial_manager"),
        contact("early", 1),
        contact("elsewhere", 1, sites=("IT002",)),
        contact("here", 3, sites=("IT001",)),
        contact("twin", 4, sub="one", trial=OTHER),
        contact("one", 3, sub="one"),
    ]
    called = on_call(people, ("trial_manager", "safety_officer"), "IT001")
    assert [one.id for one in called] == ["manager", "early", "late", "here", "one"]
    everywhere = on_call(people, ("safety_officer",), None)
    assert [one.id for one in everywhere][:2] == ["early", "elsewhere"]

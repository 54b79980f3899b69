"""An amendment of the notification section: alerts by the version in force, settled by either."""

from datetime import UTC, datetime, timedelta

from services.notifier.routing import Routes
from services.notifier.rules import NotificationRules
from shared.contracts.subjects import TrialId
from shared.contracts.versions import ByTime
from tests.unit.notifier.made import heard, protocol

SINCE = datetime(2026, 5, 1, tzinfo=UTC)
BEFORE = SINCE - timedelta(seconds=1)


def section(severity: str, settled: str) -> str:
    return f"""
notification:
  critical: {{next_after: 15m, again_after: 4h}}
  high: {{next_after: 1h, again_after: 24h}}
  info: {{gathered_at: "08:00"}}
  rules:
    - id: clock
      on: ReportingClockOverdue
      severity: {severity}
      call: [safety_officer]
      cause: clock
      settled_by: [{{on: {settled}, by: clock}}]
"""


FIRST = NotificationRules.of(protocol(section("high", "ReportingClockStopped")))
SECOND = NotificationRules.of(protocol(section("critical", "ReportingClockCancelled")))
ROUTES = Routes({TrialId("T1"): ByTime(FIRST, [(SINCE, SECOND)])})


def test_the_newest_version_in_force_raises() -> None:
    overdue = heard("ReportingClockOverdue", "T1", clock="c1.1")
    for now, severity in ((BEFORE, "high"), (SINCE, "critical")):
        raising = ROUTES.raised(overdue, now)
        assert raising is not None
        assert raising.severity == severity


def test_what_the_version_before_settled_is_settled_still() -> None:
    stopped = heard("ReportingClockStopped", "T1", clock="c1.1")
    cancelled = heard("ReportingClockCancelled", "T1", clock="c1.1")
    assert ROUTES.settled(stopped, SINCE) == ROUTES.settled(stopped, BEFORE) != []
    assert ROUTES.settled(cancelled, BEFORE) == []
    assert ROUTES.settled(cancelled, SINCE) != []
    assert ROUTES.names >= {"ReportingClockStopped", "ReportingClockCancelled"}

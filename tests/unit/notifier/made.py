"""Rules, contacts and alerts for tests that need no server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from services.notifier.contacts import Channel, Contact
from services.notifier.escalation import Alert
from services.notifier.routing import Heard, Position, Routes
from services.notifier.rules import NotificationRules, Pace
from shared.contracts import protocol_file, versions
from shared.contracts.study import Protocol
from shared.contracts.subjects import TrialId
from shared.contracts.versions import ByTime

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PROTOCOLS = Path(__file__).parents[3] / "protocols"
TRIAL = TrialId("NCT06903312")
OTHER = TrialId("CDISCPILOT01")

_HEAD = """\
study:
  id: T1
  version: "1.0"
  title: A tiny trial
  phase: I
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: false
  severity_scale: ctcae
sites: [{id: IT001, time_zone: Europe/Rome}]
arms: [{id: A, title: One}]
strata: {by: site, ratio: {A: 1}}
"""

SECTION = """\
notification:
  critical: {next_after: 15m, again_after: 4h}
  high: {next_after: 1h, again_after: 1d}
  info: {gathered_at: "08:00"}
  rules:
    - id: rule
      on: ReportingClockOverdue
      severity: critical
      call: [safety_officer]
      cause: clock
      settled_by: [{on: ReportingClockStopped, by: clock}]
"""


def protocol(section: str = SECTION) -> Protocol:
    """A tiny trial with this section."""
    return protocol_file.parse((_HEAD + section).encode(), "T1.yaml")


def routes() -> Routes:
    """The rules of the repository's protocols."""
    protocols = versions.load_all(PROTOCOLS)
    return Routes(
        {trial: ByTime.of(file, NotificationRules.of) for trial, file in protocols.items()}
    )


def heard(name: str, trial: str | None = TRIAL, sequence: int = 1, **members: Any) -> Heard:
    """An event of a subject."""
    key = f"{trial}:IT001-0007"
    at = Position("trialops.safety", key, sequence, UUID(int=sequence))
    named = TrialId(trial) if trial else None
    return Heard(name, named, "IT001-0007", "IT001", members, at)


def contact(name: str, order: int = 1, **more: Any) -> Contact:
    """Somebody on call."""
    given = {
        "id": name,
        "trial": TRIAL,
        "name": name,
        "sub": None,
        "role": "safety_officer",
        "sites": None,
        "order": order,
        "channels": (Channel("mail", f"{name}@trial.example"),),
    }
    return Contact(**(given | more))


def alert(**more: Any) -> Alert:
    """An alert, just raised."""
    given: dict[str, Any] = {
        "id": UUID(int=1),
        "cause": "cause",
        "matter": None,
        "trial": TRIAL,
        "subject": "IT001-0007",
        "site": "IT001",
        "severity": "critical",
        "event": "AdverseEventReported",
        "rule": "rule",
        "roles": ("safety_officer",),
        "pace": Pace(15 * MINUTE, 4 * HOUR),
        "due": None,
        "raised_at": NOON,
        "last_event_at": NOON,
        "next_step_at": NOON,
    }
    return Alert(**(given | more))

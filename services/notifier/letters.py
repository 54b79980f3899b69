"""What a contact gets to read: enough to know how urgent it is and where to look, nothing clinical.

No term, grade, arm, outcome or seriousness, and no subject: a letter leaves the platform, and
pseudonyms stay in it. What happened is told in the words below, never by an event's data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notifier.escalation import Alert
from shared.contracts.envelope import rfc3339

_LOOK: Final = "Look at it and acknowledge that you take it up"

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "AdverseEventReported": ("a safety report has come in", "Read the report and assess it"),
    "AdverseEventUpdated": ("a safety report stands otherwise", "Read the report and assess it"),
    "ReportUnmatched": (
        "a safety report's subject is not known for a day",
        "Ask the site which subject it is",
    ),
    "ReportingClockWarned": (
        "a reporting clock runs out",
        "Send the report to the authority before it is due",
    ),
    "ReportingClockOverdue": (
        "a reporting clock is overdue",
        "Send the report to the authority now",
    ),
    "KeyWaiting": (
        "safety cannot read events of a subject",
        "Replay or drop the dead letter that they wait for",
    ),
    "DeadLettered": ("an event could not be applied", "Replay or drop the dead letter"),
    "RandomizationRefused": ("a randomization was refused", "Look at why, and tell the site"),
    "RandomizationPaused": ("randomization is paused", "Resume it once it may go on"),
    "RandomizationClosed": ("randomization is closed", _LOOK),
    "EnrolmentMilestone": ("enrolment reached a milestone", _LOOK),
    "SafetyBoundaryCrossed": (
        "a stopping boundary was crossed",
        "Look at the safety data, and decide whether randomization may go on",
    ),
    "SubjectUnblinded": ("a subject was unblinded", _LOOK),
    "EligibilityDeviation": ("a correction changed a randomized subject's screening", _LOOK),
    "SubjectWithdrawn": ("a subject withdrew", _LOOK),
    "LogConflictFound": ("the audit log found a contradiction", "Have the record looked into"),
    "LogGapFound": ("the audit log misses records", "Have the gap looked into"),
    "ContactUnreached": (
        "a contact cannot be reached",
        "Correct the contact's channels, then test them",
    ),
    "NobodyOnCall": (
        "an alert reached nobody",
        "Name contacts for the roles that are called, and test them",
    ),
}
_OTHERWISE: Final = ("something happened that the protocol asks to be told of", _LOOK)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as mail (subject and text) and as a webhook's JSON object."""

    subject: str
    text: str
    data: dict[str, object]


def called(alert: Alert, step: int, portal: str | None) -> Letter:
    """A call about one alert."""
    kind, todo = _WORDS.get(alert.event, _OTHERWISE)
    place = alert.trial or "the platform"
    lines = [
        *_about(alert, kind),
        f"To do: {todo}.",
        *_where(alert, portal),
        "",
        "The calls go on until somebody acknowledges the alert.",
    ]
    return Letter(
        subject=f"[{alert.severity}] {place}: {kind}",
        text="\n".join(lines) + "\n",
        data={"type": "alert.called", "step": step, "alert": _data(alert, portal)},
    )


def gathered(alerts: Sequence[Alert], now: datetime, portal: str | None) -> Letter:
    """One day's news in one message."""
    place = alerts[0].trial or "the platform"
    lines = [f"News of {place}, gathered {rfc3339(now)}.", ""]
    for alert in alerts:
        kind, _ = _WORDS.get(alert.event, _OTHERWISE)
        lines += [*_about(alert, kind), *_where(alert, portal), ""]
    return Letter(
        subject=f"[info] {place}: news of the day ({len(alerts)})",
        text="\n".join(lines),
        data={"type": "alerts.gathered", "alerts": [_data(alert, portal) for alert in alerts]},
    )


def test(trial: str) -> Letter:
    """A call that only tries whether a contact can be reached."""
    text = f"Test: you are on call for {trial}, and this message reached you. Nothing to do.\n"
    return Letter(f"[test] {trial}: you can be reached", text, {"type": "contact.tested"})


def _about(alert: Alert, kind: str) -> list[str]:
    return [
        f"Severity: {alert.severity}",
        f"Trial: {alert.trial or 'none, it concerns the platform'}",
        *([f"Site: {alert.site}"] if alert.site else []),
        f"What: {kind}",
        *([f"Due: {rfc3339(alert.due)}"] if alert.due else []),
        f"Raised: {rfc3339(alert.raised_at.replace(microsecond=0))}",
    ]


def _where(alert: Alert, portal: str | None) -> list[str]:
    return [f"Alert: {alert.id}", *([f"Open it: {_link(alert, portal)}"] if portal else [])]


def _link(alert: Alert, portal: str) -> str:
    return f"{portal.rstrip('/')}/alerts/{alert.id}"


def _data(alert: Alert, portal: str | None) -> dict[str, object]:
    return {
        "id": str(alert.id),
        "trial": alert.trial,
        "site": alert.site,
        "severity": alert.severity,
        "event": alert.event,
        "raised_at": rfc3339(alert.raised_at),
        "due": rfc3339(alert.due) if alert.due else None,
        "url": _link(alert, portal) if portal else None,
    }

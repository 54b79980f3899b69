"""Events as the other services say them."""

from datetime import date, datetime
from typing import Any

from shared.contracts.events import notification, randomization, safety, screening
from tests.integration.portal.house import NOON

_SHA = "0" * 64


def screened(subject: str = "T1-001", **others: Any) -> screening.PatientScreened:
    given: dict[str, Any] = {
        "subject": subject,
        "site": subject.partition("-")[0],
        "screening": f"of-{subject}",
        "attempt": 1,
        "revision": 1,
        "signed": False,
        "verdict": "eligible",
        "stratum": "young",
        "unmet": (),
        "unknown": (),
        "protocol_version": "1.0",
        "form_sha256": _SHA,
        "carry": {},
    }
    return screening.PatientScreened(**(given | others))


def randomized(subject: str = "T1-001", **others: Any) -> randomization.PatientRandomized:
    given: dict[str, Any] = {
        "subject": subject,
        "site": subject.partition("-")[0],
        "stratum": "young",
        "number": 1,
        "arm": "ARM_MAPLE",
        "protocol_version": "1.0",
    }
    return randomization.PatientRandomized(**(given | others))


def refused(subject: str = "T1-001", **others: Any) -> randomization.RandomizationRefused:
    given: dict[str, Any] = {
        "subject": subject,
        "site": subject.partition("-")[0],
        "screening": f"of-{subject}",
        "attempt": 1,
        "revision": 1,
        "stratum": "young",
        "reason": "site_closed",
        "protocol_version": "1.0",
    }
    return randomization.RandomizationRefused(**(given | others))


def reported(subject: str = "T1-001", case: str = "c1", **others: Any) -> Any:
    given: dict[str, Any] = {
        "case": case,
        "subject": subject,
        "site": subject.partition("-")[0],
        "version": 1,
        "grade": 3,
        "severity": None,
        "serious": True,
        "seriousness": ("death",),
        "susar": True,
        "outcome": "fatal",
        "matched": True,
    }
    given |= others
    if "because" in given:
        return safety.AdverseEventUpdated(**given)
    return safety.AdverseEventReported(**given)


def clock(kind: type[Any] = safety.ReportingClockStarted, **others: Any) -> Any:
    given: dict[str, Any] = {
        "case": "c1",
        "subject": "T1-001",
        "site": "T1",
        "clock": "k1",
        "kind": "expedited_7",
        "authority": "EU-CTR",
        "due": datetime(2026, 3, 9, tzinfo=NOON.tzinfo),
    }
    if kind is safety.ReportingClockStarted:
        given["day_zero"] = date(2026, 3, 1)
    return kind(**(given | others))


def raised(alert: str = "a1", **others: Any) -> notification.AlertRaised:
    given: dict[str, Any] = {
        "alert": alert,
        "severity": "critical",
        "event": "AdverseEventReported",
        "subject": "T1-001",
        "site": "T1",
        "rule": "urgent_safety_report",
        "roles": ("safety_officer",),
    }
    return notification.AlertRaised(**(given | others))


def acknowledged(alert: str = "a1", *, settled: bool = True) -> notification.AlertAcknowledged:
    return notification.AlertAcknowledged(
        alert=alert,
        severity="critical",
        event="AdverseEventReported",
        subject="T1-001",
        site="T1",
        person="olga",
        settled=settled,
    )

"""Events of other services that call for people."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.contracts.events.access import DeadLetterResolved
from shared.contracts.events.randomization import (
    RandomizationClosed,
    RandomizationPaused,
    RandomizationResumed,
)
from shared.contracts.events.safety import (
    AdverseEventReported,
    ReportingClockOverdue,
    ReportingClockStopped,
    ReportingClockWarned,
)
from tests.integration.notifier.house import SUBJECT, TRIAL, record
from tests.integration.runtime.records import NOON, Sent

CLOCK: dict[str, Any] = {
    "case": "c1",
    "subject": SUBJECT,
    "site": "IT001",
    "clock": "c1.1",
    "kind": "expedited_7",
    "authority": "EU-CTR",
    "due": NOON + timedelta(days=7),
}


def reported(sequence: int = 1, *, case: str = "c1", urgent: bool = False, **more: Any) -> Sent:
    """A serious adverse event, urgent or not."""
    event = AdverseEventReported(
        case=case,
        subject=SUBJECT,
        site="IT001",
        version=1,
        grade=5 if urgent else 3,
        severity=None,
        serious=True,
        seriousness=("death",) if urgent else ("hospitalisation",),
        susar=urgent,
        outcome="fatal" if urgent else "recovering",
        matched=True,
    )
    return record(event, sequence, **more)


def warned(sequence: int, left: Any = "half") -> Sent:
    return record(ReportingClockWarned(left=left, **CLOCK), sequence)


def overdue(sequence: int, clock: str = "c1.1") -> Sent:
    return record(ReportingClockOverdue(**(CLOCK | {"clock": clock})), sequence)


def stopped(sequence: int) -> Sent:
    return record(ReportingClockStopped(state="late", stopped_at=NOON, **CLOCK), sequence)


def paused(sequence: int) -> Sent:
    return record(RandomizationPaused(), sequence, subject=None)


def resumed(sequence: int) -> Sent:
    return record(RandomizationResumed(), sequence, subject=None)


def closed(sequence: int, trial: str = TRIAL) -> Sent:
    event = RandomizationClosed(cause="closed", randomized=3)
    return record(event, sequence, subject=None, trial=trial)


def dead(letter: UUID, sequence: int, trial: str | None = TRIAL) -> Sent:
    """`DeadLettered`, with bytes that are no JSON."""
    made = record(
        RandomizationPaused(),
        sequence,
        subject=SUBJECT if trial else None,
        trial=trial,
        ce_id=letter,
    )
    made = made.with_header("ce_type", b"trialops.DeadLettered.v1")
    made = made.with_header("dead_topic", b"trialops.screening")
    return Sent("trialops.randomizer.dead", 0, sequence, made.key, b"\x00{", made.headers)


def resolved(letter: UUID, sequence: int) -> Sent:
    """A person replayed it."""
    made = record(DeadLetterResolved(letter=str(letter), outcome="replayed"), sequence)
    return Sent("trialops.randomizer.dead", 0, sequence, made.key, made.value, made.headers)

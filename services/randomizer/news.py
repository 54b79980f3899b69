"""What a decision says to the world: its events in their envelopes."""

from collections.abc import Sequence
from datetime import datetime

from services.randomizer.book import Decision
from shared.contracts.envelope import Envelope
from shared.contracts.subjects import TrialId
from shared.runtime.outbox import NewEvent


def news(
    trial: TrialId,
    decision: Decision,
    now: datetime,
    causes: Sequence[Envelope] = (),
    actor: str | None = None,
) -> list[NewEvent]:
    """The decision's events, each caused by the event whose fact it came from, or by a person."""
    return [
        NewEvent(
            event,
            now,
            trial=trial,
            subject=getattr(event, "subject", None),
            site=getattr(event, "site", None),
            actor=actor,
            cause=causes[index] if causes else None,
        )
        for index, event in decision.events
    ]

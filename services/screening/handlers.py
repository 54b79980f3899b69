"""What the randomizer says of a subject decides whether another attempt may begin."""

from collections.abc import Sequence
from datetime import datetime

from services.screening import domain, store
from shared.contracts.events.randomization import PatientRandomized, RandomizationRefused
from shared.contracts.subjects import SubjectId, TrialId
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received


async def on_patient_randomized(
    db: Connection, now: datetime, batch: Sequence[Received[PatientRandomized]]
) -> list[NewEvent]:
    """The subject has an allocation for ever: no other attempt."""
    for trial, subjects in _by_trial(batch).items():
        await store.lock(db, trial, subjects)
        await store.mark_randomized(db, trial, subjects)
    return []


async def on_randomization_refused(
    db: Connection, now: datetime, batch: Sequence[Received[RandomizationRefused]]
) -> list[NewEvent]:
    """Refused on this revision: while it is the newest, another attempt may begin."""
    said = {(TrialId(r.envelope.trial or ""), r.data.subject): r.data for r in batch}
    for trial, subjects in _by_trial(batch).items():
        await store.lock(db, trial, subjects)
        newest = await store.newest(db, trial, subjects)
        refused = [
            domain.refuse(screening, data.attempt, data.revision, data.reason)
            for screening in newest.values()
            for data in [said[trial, screening.subject]]
        ]
        await store.update(db, refused)
    return []


def _by_trial(
    batch: Sequence[Received[PatientRandomized | RandomizationRefused]],
) -> dict[TrialId, list[SubjectId]]:
    """The batch's subjects by trial, trials in sorted order: so locks are taken in one order."""
    found: dict[TrialId, list[SubjectId]] = {}
    for received in sorted(batch, key=lambda received: received.envelope.key):
        trial = TrialId(received.envelope.trial or "")
        found.setdefault(trial, []).append(SubjectId(received.data.subject))
    return found

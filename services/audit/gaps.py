"""Finds what is missing: numbers of a key that have not come although later ones have.

A gap is told once, after it has stood for a while: records of one key come in order, but a
redelivery or a dead letter on its way may be late.
"""

import asyncio
from datetime import datetime, timedelta

from services.audit import store
from services.audit.store import Gap
from shared.contracts.events.audit import LogGapFound
from shared.runtime import outbox
from shared.runtime.clock import wall
from shared.runtime.database import Connection
from shared.runtime.deadletters import trial_of
from shared.runtime.outbox import NewEvent
from shared.runtime.work import Work

INTERVAL_S = 10.0
PATIENCE = timedelta(seconds=30)


async def watch(work: Work) -> None:
    """Look every interval of the wall's clock, until cancelled."""
    while True:
        await work.transact(find)
        await asyncio.sleep(INTERVAL_S)


async def find(db: Connection, now: datetime) -> list[Gap]:
    """Note new gaps, tell those that stood too long; returns the ones told."""
    await store.lock(db)
    await store.note_gaps(db, wall())
    gaps = await store.tell_gaps(db, wall() - PATIENCE)
    await outbox.add(db, "audit", [_told(gap, now) for gap in gaps])
    return gaps


def _told(gap: Gap, now: datetime) -> NewEvent:
    fact = LogGapFound(topic=gap.topic, key=gap.key, first=gap.first, last=gap.last)
    return NewEvent(fact, now, trial=trial_of(gap.key))

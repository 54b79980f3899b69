"""Finds what is missing: numbers of a key that have not come although later ones have.

A gap is told once, after it has stood for a while: records of one key come in order, but a
redelivery or a dead letter on its way may be late.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.audit import store
from shared.contracts.events.audit import LogGapFound
from shared.runtime import outbox
from shared.runtime.clock import wall
from shared.runtime.database import Connection
from shared.runtime.deadletters import trial_of
from shared.runtime.outbox import NewEvent
from shared.runtime.work import Work

INTERVAL_S = 10.0
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing sequence numbers of one key, `first` to `last`, both included."""

    topic: str
    key: str
    first: int
    last: int


async def watch(work: Work) -> None:
    """Look every interval of the wall's clock, until cancelled."""
    while True:
        await work.transact(find)
        await asyncio.sleep(INTERVAL_S)


async def find(db: Connection, now: datetime) -> list[Gap]:
    """Note new gaps, tell those that stood too long; returns the ones told."""
    await store.lock(db)
    await _note(db, wall())
    gaps = await _tell(db, wall() - PATIENCE)
    await outbox.add(db, "audit", [_told(gap, now) for gap in gaps])
    return gaps


async def _note(db: Connection, now: datetime) -> None:
    """Remembers, from now on, what is missing between each watermark and what came above it."""
    await db.execute(
        """
        insert into gap (topic, key, first, last, seen_at)
        select topic, key, w.sequence + 1, min(a.sequence) - 1, $1
        from watermark as w join above_watermark as a using (topic, key)
        where w.above group by topic, key, w.sequence
        on conflict do nothing
        """,
        now,
    )


async def _tell(db: Connection, before: datetime) -> list[Gap]:
    """The gaps noted before a time that still stand and were not told; they are told now."""
    rows = await db.fetch(
        """
        update gap set told = true from watermark as w
        where not told and seen_at <= $1 and w.topic = gap.topic and w.key = gap.key
        and w.sequence < gap.last
        returning gap.topic, gap.key, gap.first, gap.last
        """,
        before,
    )
    return [Gap(**dict(row)) for row in rows]


def _told(gap: Gap, now: datetime) -> NewEvent:
    fact = LogGapFound(topic=gap.topic, key=gap.key, first=gap.first, last=gap.last)
    return NewEvent(fact, now, trial=trial_of(gap.key))

"""Timers: what a service has to do when the platform's time comes, kept in its database.

A timer is a hint, the state decides: its handler locks what the timer is about and looks again,
since the command that made it needless may have won the race. So a timer set twice or left behind
does no harm, and a due one is never lost: it goes in the transaction that did what it was for.
One replica at a time works a service's timers off, in the order in which they are due.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.runtime import database, logs, outbox, telemetry
from shared.runtime.clock import wall
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.work import Work

_log = logs.logger("timers")

_LOOK_EVERY = 0.02  # seconds between two looks at the clock, which may be moved
_READ_EVERY = 1.0  # seconds between two looks at the table, which another replica may write
_FAILED_FOR = timedelta(seconds=30)
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Timer:
    """What `kind` of thing is due for `id`, and when, by the platform's clock."""

    kind: str
    id: str
    due: datetime


Due = Callable[[Connection, datetime, Sequence[Timer]], Awaitable[Sequence[NewEvent]]]
"""Works timers of one kind and one due instant off, at a now not before it, and says what follows.

The timers given are removed afterwards, but for those that the handler put again for later.
"""


async def put(db: Connection, timers: Iterable[Timer]) -> None:
    """Set timers, or move those that are set."""
    rows = sorted((timer.kind, timer.id, timer.due) for timer in timers)
    if rows:
        kinds, ids, dues = zip(*rows, strict=True)
        await db.execute(
            """
            INSERT INTO timer (kind, id, due)
            SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
            ON CONFLICT (kind, id) DO UPDATE SET due = EXCLUDED.due, not_until = NULL
            """,
            kinds,
            ids,
            dues,
        )


async def cancel(db: Connection, kind: str, ids: Iterable[str]) -> None:
    """Remove timers; one that is not there is no matter."""
    await db.execute(
        "DELETE FROM timer WHERE kind = $1 AND id = ANY($2::text[])", kind, sorted(ids)
    )


class Timers:
    """A service's timers at work: earliest due instant first, each in one transaction."""

    def __init__(self, work: Work, handlers: Mapping[str, Due]) -> None:
        self._work = work
        self._handlers = handlers
        self._kinds = sorted(handlers)
        self._at_once = _AT_ONCE
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something was committed: there may be another timer."""
        self._changed.set()

    async def run(self) -> None:
        """Work timers off as they come due, until cancelled."""
        while True:
            self._changed.clear()
            due = await self._next()
            if due is None or due > self._work.now():
                await self._until_due(due)
            elif not await self._work_off():
                await asyncio.sleep(_LOOK_EVERY)  # another replica is at work

    async def _next(self) -> datetime | None:
        """When the next timer is due that need not wait out a fault."""
        found: datetime | None = await self._work.pool.fetchval(
            "SELECT min(due) FROM timer"
            " WHERE kind = ANY($1) AND (not_until IS NULL OR not_until <= $2)",
            self._kinds,
            wall(),
        )
        return found

    async def _until_due(self, due: datetime | None) -> None:
        """Until `due`, however the clock gets there, or until the table must be read again."""
        if due is None:  # nothing that a moved clock could bring nearer
            with suppress(TimeoutError):
                async with asyncio.timeout(_READ_EVERY):
                    await self._changed.wait()
                    await asyncio.sleep(_LOOK_EVERY)  # many commits at once ask for one look
            return
        read_again = time.monotonic() + _READ_EVERY
        while time.monotonic() < read_again and not self._changed.is_set():
            if self._work.now() >= due:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _work_off(self) -> bool:
        """Work off what is due at the earliest instant; False where another replica does.

        What a handler fails on is found one by one and waits, so that the others go on.
        """
        try:
            worked = await self._work.transact(self._round)
        except _HandlerFailed as failed:
            if len(failed.timers) == 1:
                logs.warn(_log, "a timer waits after a fault", failed.fault, kind=failed.kind)
                await self._set_aside(failed.timers[0])
            self._at_once = 1
            return True
        self._at_once = _AT_ONCE
        return worked

    async def _round(self, db: Connection, now: datetime) -> bool:
        one_worker = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
        if not await db.fetchval(one_worker, f"timers of {self._work.service}"):
            return False
        rows = await db.fetch(
            """
            SELECT kind, id, due FROM timer
            WHERE due <= $1 AND kind = ANY($2) AND (not_until IS NULL OR not_until <= $3)
            ORDER BY due, kind, id LIMIT $4
            """,
            now,
            self._kinds,
            wall(),
            self._at_once,
        )
        if not rows:
            return True
        due = [Timer(*row) for row in rows]
        first = [one for one in due if (one.due, one.kind) == (due[0].due, due[0].kind)]
        try:
            async with db.transaction():
                events = await self._handlers[first[0].kind](db, now, first)
                traceparent = telemetry.traceparent()
                said = [outbox.outgoing(self._work.service, one, traceparent) for one in events]
        except Exception as fault:
            if database.passing(fault) or database.conflicting(fault):
                raise
            raise _HandlerFailed(first, fault) from fault
        await db.execute(
            """
            DELETE FROM timer USING unnest($1::text[], $2::text[], $3::timestamptz[])
                AS done (kind, id, due)
            WHERE timer.kind = done.kind AND timer.id = done.id AND timer.due = done.due
            """,
            [timer.kind for timer in first],
            [timer.id for timer in first],
            [timer.due for timer in first],
        )
        await outbox.put(db, said)
        return True

    async def _set_aside(self, failed: Timer) -> None:
        await self._work.pool.execute(
            "UPDATE timer SET not_until = $3 WHERE kind = $1 AND id = $2",
            failed.kind,
            failed.id,
            wall() + _FAILED_FOR,
        )


class _HandlerFailed(Exception):
    def __init__(self, timers: Sequence[Timer], fault: Exception) -> None:
        super().__init__("a timer's handler failed")
        self.timers = timers
        self.kind = timers[0].kind
        self.fault = fault

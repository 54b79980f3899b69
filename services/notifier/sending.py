"""Sends messages that are due: claim, send outside any transaction, record what came of it."""

import asyncio
import time
from datetime import datetime
from uuid import UUID, uuid4

from services.notifier import claims, seals
from services.notifier.answers import Answer
from services.notifier.deliveries import Delivery
from services.notifier.desk import Desk
from services.notifier.outcomes import record
from services.notifier.senders import SENDERS
from services.notifier.senders.message import Message
from shared.runtime import logs, outbox
from shared.runtime.database import Connection
from shared.runtime.settings import Settings
from shared.runtime.work import Work

_log = logs.logger("sending")

GRACE_S = 3.0
_SHARE = 8  # of so many messages one is the oldest, however many more urgent ones wait
_LOOK_EVERY = 0.02  # seconds between two looks at the clock, which may be moved
_READ_EVERY = 0.5  # seconds between two looks at the table, which another replica may write


class Sending:
    """The job that sends; one in each replica, each message at one of them at a time."""

    def __init__(self, desk: Desk, settings: Settings, key: bytes) -> None:
        self._desk = desk
        self._settings = settings
        self._key = key
        self._changed = asyncio.Event()
        self._told = False
        self._claimed = 0
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self, work: Work) -> None:
        """Send whatever is due, until cancelled."""
        if not self._told:
            work.when_committed(self._changed.set)
            self._told = True
        try:
            while True:
                self._changed.clear()
                free = self._settings.deliveries_at_once - len(self._busy)
                if not free:
                    await self._until(work, None)
                elif not await self._begin(work, free):
                    due = await claims.next_due(work.pool)
                    await self._until(work, due)
        finally:
            await self._end()

    async def _begin(self, work: Work, at_most: int) -> int:
        """How many messages are on their way now that were not before."""
        lease, urgent = uuid4(), _SHARE - 1 - self._claimed % _SHARE
        async with work.pool.acquire() as db, db.transaction():
            if urgent:
                claimed = await claims.claim(db, work.now(), lease, min(at_most, urgent))
            else:
                claimed = await claims.claim_oldest(db, work.now(), lease)
        self._claimed += len(claimed)
        for message in claimed:
            task = asyncio.create_task(self._deliver(work, message, lease))
            self._busy.add(task)
            task.add_done_callback(self._done)
        return len(claimed)

    async def _end(self) -> None:
        """What is on its way may still arrive and be written down, or it would be sent again."""
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=GRACE_S)
            for task in late:
                task.cancel()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._busy.discard(task)
        self._changed.set()

    async def _until(self, work: Work, due: datetime | None) -> None:
        """Until `due`, however the clock gets there, or until the table must be read again."""
        read_again = time.monotonic() + _READ_EVERY
        while time.monotonic() < read_again and not self._changed.is_set():
            await asyncio.sleep(_LOOK_EVERY)  # at least once: what is due another replica may hold
            if due is not None and work.now() >= due:
                return

    async def _deliver(self, work: Work, message: Delivery, lease: UUID) -> None:
        """One try. Where its outcome cannot be kept, the lease runs out and it goes again."""
        try:
            answer = await self._try(message)

            async def keep(db: Connection, now: datetime) -> None:
                said = await record(self._desk, db, now, message, lease, answer)
                await outbox.add(db, work.service, said)

            await work.transact(keep)
        except Exception as fault:
            logs.warn(_log, "what came of a message was not kept", fault, kind=message.channel)

    async def _try(self, message: Delivery) -> Answer:
        """One try. A fault of our own is one that failed: nobody would ever be told otherwise."""
        try:
            secret = (
                seals.unseal(message.secret, message.target, self._key) if message.secret else None
            )
            return await SENDERS[message.channel](
                self._settings,
                Message(
                    message.id,
                    message.target,
                    message.letter,
                    message.alerts,
                    message.written_at,
                    secret,
                ),
            )
        except seals.WrongKeyError as why:
            return Answer("never", str(why))
        except Exception as fault:
            logs.warn(_log, "a message could not be sent", fault, kind=message.channel)
            return Answer("later", type(fault).__name__)

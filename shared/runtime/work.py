"""Where requests become transactions: one command, one transaction, one answer, its events."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.contracts import jsontext
from shared.runtime import database, idempotency, outbox
from shared.runtime.database import Connection, Pool
from shared.runtime.idempotency import Kept, Key
from shared.runtime.outbox import NewEvent, TooLarge
from shared.runtime.problems import too_large
from shared.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says: to the caller, and, as events, to everyone."""

    body: object
    status: int = 200
    events: Sequence[NewEvent] = ()


Decide = Callable[[Connection, datetime], Awaitable[Answer]]


class Desk:
    """The service's database with its clock: commands written, questions read.

    `committed` tells the relay that there may be something to send.
    """

    def __init__(
        self,
        service: str,
        pool: Pool,
        settings: Settings,
        now: Callable[[], datetime],
        committed: Callable[[], None],
    ) -> None:
        self.service = service
        self.pool = pool
        self.now = now
        self._settings = settings
        self.committed = committed

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection with one unchanging view of the data."""
        async with (
            self.pool.acquire() as db,
            db.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield db

    async def write(self, decide: Decide, key: Key | None = None) -> Kept:
        """Run a command: when this returns it is committed and its events will go out.

        A transaction rolled back for another's sake is tried again; nothing else is, because
        whether a lost COMMIT was kept only the caller's Idempotency-Key can tell.
        """
        kept = await database.retried(
            lambda: self._once(decide, key), self._settings, database.conflicting
        )
        self.committed()
        return kept

    async def _once(self, decide: Decide, key: Key | None) -> Kept:
        async with self.pool.acquire() as db, db.transaction():
            return await self.within(db, decide, key)

    async def within(self, db: Connection, decide: Decide, key: Key | None) -> Kept:
        """Run a command inside a transaction that is open already."""
        if key and (first := await idempotency.claim(db, key)):
            return first
        answer = await decide(db, self.now())
        body = jsontext.dumps(answer.body)
        if key:
            await idempotency.keep(db, key, answer.status, body)
        try:
            await outbox.add(db, self.service, answer.events)
        except TooLarge as why:
            raise too_large("What this would keep is over 60 KiB.") from why
        return Kept(answer.status, body)

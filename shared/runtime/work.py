"""Where requests become transactions: one command, one transaction, one answer, its events."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shared.contracts import jsontext
from shared.runtime import database, idempotency, outbox
from shared.runtime.database import Connection, Pool
from shared.runtime.idempotency import Kept, Key
from shared.runtime.outbox import NewEvent, TooLarge
from shared.runtime.problems import too_large
from shared.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says: to the caller, and, as events, to everyone.

    A body of bytes is JSON already.
    """

    body: object
    status: int = 200
    events: Sequence[NewEvent] = ()


T = TypeVar("T")
Decide = Callable[[Connection, datetime], Awaitable[Answer]]


class Work:
    """The service's database with its clock: commands written, questions read.

    `committed` tells the relay, and whoever asked, that there may be something to do.
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
        self._told = [committed]

    def when_committed(self, tell: Callable[[], None]) -> None:
        """Call `tell` after every commit, too."""
        self._told.append(tell)

    def committed(self) -> None:
        """Something was committed."""
        for tell in self._told:
            tell()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection with one unchanging view of the data."""
        async with (
            self.pool.acquire() as db,
            db.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield db

    async def transact(self, work: Callable[[Connection, datetime], Awaitable[T]]) -> T:
        """Run work in one transaction: when this returns it is committed.

        A transaction rolled back for another's sake is tried again; nothing else is, because
        whether a lost COMMIT was kept only the caller's Idempotency-Key can tell.
        """

        async def once() -> T:
            async with self.pool.acquire() as db, db.transaction():
                return await work(db, self.now())

        try:
            result = await database.retried(once, self._settings, database.conflicting)
        except TooLarge as why:
            raise too_large("What this would keep is over 60 KiB.") from why
        self.committed()
        return result

    async def write(self, decide: Decide, key: Key | None = None) -> Kept:
        """Run a command: its answer is committed with its events, or is the first one again."""

        async def work(db: Connection, now: datetime) -> Kept:
            if key and (first := await idempotency.claim(db, key)):
                return first
            answer = await decide(db, now)
            said = answer.body
            kept = Kept(answer.status, said if isinstance(said, bytes) else jsontext.dumps(said))
            if key:
                await idempotency.keep(db, [(key, kept)])
            await outbox.add(db, self.service, answer.events)
            return kept

        return await self.transact(work)

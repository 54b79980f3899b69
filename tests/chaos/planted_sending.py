"""Known bugs of what is said to the world: the outbox and the relay. See `planted`."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.runtime import database, outbox
from shared.runtime.database import Connection, Pool
from shared.runtime.outbox import Outgoing
from shared.runtime.relay import Relay
from shared.runtime.sender import Sender
from shared.runtime.settings import Settings
from tests.chaos.replacing import replace

Rows = Sequence[asyncpg.Record]


# ---- the outbox


def sequence_outside() -> None:
    """Numbers are drawn before the work's own transaction has them: undone, it leaves a gap."""
    pools = _pools()

    async def put(db: Connection, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        numbers = [
            await pools[-1].fetchval(
                "INSERT INTO sequence AS s VALUES ($1, $2, 1)"
                " ON CONFLICT (topic, key) DO UPDATE SET last = s.last + 1 RETURNING last",
                record.topic,
                record.key,
            )
            for record in records
        ]
        await db.executemany(
            "INSERT INTO outbox (topic, key, sequence, headers, value) VALUES ($1, $2, $3, $4, $5)",
            [
                (record.topic, record.key, number, json.dumps(record.headers), record.value)
                for record, number in zip(records, numbers, strict=True)
            ],
        )

    replace(outbox, "put", put)


def outbox_outside() -> None:
    """What a transaction says goes out although it may still be undone."""
    put, pools = outbox.put, _pools()

    async def put_elsewhere(db: Connection, records: Sequence[Outgoing]) -> None:
        async with pools[-1].acquire() as other, other.transaction():
            await put(other, records)

    replace(outbox, "put", put_elsewhere)


def _pools() -> list[Pool]:
    """The pools that this process opens from here on."""
    opened: list[Pool] = []
    pool = database.pool

    @asynccontextmanager
    async def noted(settings: Settings, service: str) -> AsyncIterator[Pool]:
        async with pool(settings, service) as made:
            opened.append(made)
            yield made

    replace(database, "pool", noted)
    return opened


# ---- the relay


def relay_by_last_id() -> None:
    """Only rows after the last one that was sent are looked at: one that commits late is lost."""
    drain = Relay._drain

    async def drained(self: Relay, db: Any) -> None:
        await drain(self, AfterLast(db))  # type: ignore[arg-type]  # it stands in for a connection

    replace(Relay, "_drain", drained)


class AfterLast:
    """A connection that shows the outbox from the last row on."""

    last = 0

    def __init__(self, db: Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows, without those that are held to be sent."""
        rows = await self._db.fetch(statement, *arguments)
        after = [row for row in rows if row["id"] > AfterLast.last]
        AfterLast.last = max([AfterLast.last, *(row["id"] for row in after)])
        return after


def relays_skip_locked() -> None:
    """Each replica's relay takes rows that no other has locked, so that one key has two senders."""
    drain = Relay._drain

    async def leads(self: Relay, db: Connection) -> bool:
        return True

    async def drained(self: Relay, db: Connection) -> None:
        await drain(self, SkipsLocked(db, self._settings.relay_rows))  # type: ignore[arg-type]

    replace(Relay, "_lease", leads)
    replace(Relay, "_drain", drained)


class SkipsLocked:
    """A connection that locks the rows it reads, until it deletes them."""

    def __init__(self, db: Connection, rows: int) -> None:
        self._db = db
        self._rows = rows
        self._transaction: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def fetch(self, *_: object) -> list[asyncpg.Record]:
        """The first rows that nobody has locked."""
        self._transaction = self._db.transaction()
        await self._transaction.start()
        rows = await self._db.fetch(
            "SELECT id, topic, key, sequence, headers, value FROM outbox"
            " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
            self._rows,
        )
        if not rows:
            await self._transaction.rollback()
        return rows

    async def execute(self, statement: str, *arguments: object) -> str:
        """The DELETE, and with it the end of the locks."""
        done = await self._db.execute(statement, *arguments)
        await self._transaction.commit()
        return done


def delete_before_ack() -> None:
    """Rows count as sent when they are in the producer's hands."""
    send = Sender.send
    under_way: set[asyncio.Task[Any]] = set()

    async def sent(self: Sender, rows: Rows) -> tuple[list[int], Exception | None]:
        task = asyncio.create_task(send(self, rows))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return [row["id"] for row in rows], None

    replace(Sender, "send", sent)

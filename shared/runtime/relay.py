"""The relay: takes the outbox to Kafka. Sent, acknowledged by the broker, and only then deleted.

One relay of a service works at a time, by a lease in its database. A stopped one that wakes after
a take-over can only send again what was sent before: the consumers' watermarks make that harmless.
It reads what is there, never "what is after the last id": a row that commits late is not lost.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.runtime import database, kafka, logs, telemetry
from shared.runtime.database import Connection, Pool
from shared.runtime.settings import Settings

_log = logs.logger("relay")


class Relay:
    """One service's relay; `wake` tells it that something was committed."""

    def __init__(self, service: str, pool: Pool, settings: Settings, owner: str) -> None:
        self._service = service
        self._pool = pool
        self._settings = settings
        self._owner = owner
        self._woken = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self._pause = database.pauses(settings)
        self._leased_until = 0.0
        self.leads = False

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    async def settled(self) -> None:
        """Give what is committed a last chance to go out before the process ends."""
        with suppress(Exception):
            async with asyncio.timeout(self._settings.shutdown_s / 2):
                while self.leads and await self._pool.fetchval(
                    "SELECT EXISTS (SELECT FROM outbox)"
                ):
                    self.wake()
                    await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Relay until cancelled; a fault is waited out with backoff."""
        faults = 0
        try:
            while True:
                try:
                    async with self._pool.acquire() as db:
                        await self._listening(db)
                        faults = 0
                except Exception as fault:
                    logs.warn(_log, "relay starts again", fault)
                    await self._drop_producer()
                    await asyncio.sleep(self._pause(faults))
                    faults += 1
        finally:
            await self._drop_producer()

    async def _listening(self, db: Connection) -> None:
        """Relay on one connection while it holds; who does not lead tells the one that does."""
        channel = f"outbox_{self._service}"

        def heard(*_: object) -> None:
            if self.leads:
                self.wake()

        await db.add_listener(channel, heard)
        try:
            while True:
                self._woken.clear()
                self.leads = await self._lease(db)
                if self.leads:
                    await self._drain(db)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._settings.relay_poll_s)
                    if not self.leads:
                        await db.execute(f"NOTIFY {channel}")
        finally:
            self.leads = False
            self._leased_until = 0.0
            if not db.is_closed():
                await db.remove_listener(channel, heard)

    async def _lease(self, db: Connection) -> bool:
        """Whether this relay leads; the lease is renewed when a third of it is gone.

        Free for the taking: a lease that ran out, or whose connection has ended.
        """
        length, now = self._settings.relay_lease_s, time.monotonic()
        if self.leads and now < self._leased_until - length * 2 / 3:
            return True
        epoch = await db.fetchval(
            """
            INSERT INTO relay_lease AS held (owner, backend, until)
            VALUES ($1, pg_backend_pid(), now() + make_interval(secs => $2))
            ON CONFLICT (single) DO UPDATE
            SET owner = EXCLUDED.owner, backend = EXCLUDED.backend, until = EXCLUDED.until,
                epoch = held.epoch + (held.owner <> EXCLUDED.owner)::int
            WHERE held.owner = EXCLUDED.owner OR held.until < now()
               OR NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = held.backend)
            RETURNING epoch
            """,
            self._owner,
            length,
        )
        self._leased_until = now + length
        return epoch is not None

    async def _drain(self, db: Connection) -> None:
        """Send until the outbox is empty or the lease is due."""
        while self.leads:
            rows = await db.fetch(
                "SELECT id, topic, key, sequence, headers, value FROM outbox ORDER BY id LIMIT $1",
                self._settings.relay_rows,
            )
            if not rows:
                return
            await self._send(rows)
            await db.execute(
                "DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows]
            )
            telemetry.records_relayed.add(len(rows))
            self.leads = await self._lease(db)

    async def _send(self, rows: Sequence[asyncpg.Record]) -> None:
        """Every row is acknowledged when this returns; otherwise none is deleted."""
        if self._producer is None:
            self._producer = await kafka.producer(self._settings, self._service)
        async with asyncio.timeout(self._settings.send_timeout_s):
            acknowledged = [
                await self._producer.send(
                    row["topic"],
                    value=row["value"],
                    key=row["key"].encode(),
                    headers=_headers(row["headers"], row["sequence"]),
                )
                for row in rows
            ]
            await asyncio.gather(*acknowledged)

    async def _drop_producer(self) -> None:
        """A producer that failed once is not used again: its state is unknown."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                await asyncio.wait_for(producer.stop(), self._settings.shutdown_s)


def _headers(kept: str, sequence: int) -> list[tuple[str, bytes]]:
    headers: dict[str, str] = json.loads(kept)
    headers["ce_sequence"] = str(sequence)
    return [(name, value.encode()) for name, value in headers.items()]

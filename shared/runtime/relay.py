"""The relay: takes the outbox to Kafka. Sent, acknowledged by the broker, and only then deleted.

One relay of a service works at a time, by a lease in its database. A stopped one that wakes after
a take-over can only send again what was sent before: the consumers' watermarks make that harmless.
It reads what is there, never "what is after the last id": a row that commits late is not lost.
How far the broker acknowledged is kept with the delete, for the check at start (`restored`): a
sequence is drawn before its row is sent: whoever sent them, this database knows all records below.
"""

import asyncio
import time
from contextlib import suppress

from shared.runtime import database, logs, telemetry
from shared.runtime.database import Connection, Pool
from shared.runtime.detour import Detour
from shared.runtime.sender import Sender, TopicShrunk
from shared.runtime.settings import Settings

_log = logs.logger("relay")

_NEXT = """
-- The sender takes the columns in this order.
SELECT id, topic, key, sequence, headers, value FROM (
    SELECT *, sum(octet_length(value)) OVER (ORDER BY id) - octet_length(value) AS before
    FROM (SELECT * FROM outbox ORDER BY id LIMIT $1) AS first
) AS round WHERE before < $2 ORDER BY id
"""


_BEYOND = """
WITH kept AS MATERIALIZED (
    -- Kept back, or committed late: what follows it in its key waits for it.
    SELECT DISTINCT topic, key FROM outbox WHERE id <= $3
)
SELECT id, topic, key, sequence, headers, value FROM (
    SELECT *, sum(octet_length(value)) OVER (ORDER BY id) - octet_length(value) AS before
    FROM (
        SELECT * FROM outbox WHERE id > $3 AND (topic, key) NOT IN (SELECT topic, key FROM kept)
        ORDER BY id LIMIT $1
    ) AS first
) AS round WHERE before < $2 ORDER BY id
"""


_DONE = """
WITH told AS (
    INSERT INTO sent_up_to AS s (topic, "partition", "offset")
    SELECT * FROM unnest($2::text[], $3::int[], $4::bigint[])
    ON CONFLICT (topic, "partition") DO UPDATE SET "offset" = EXCLUDED."offset"
    WHERE s."offset" < EXCLUDED."offset"
)
DELETE FROM outbox WHERE id = ANY($1::bigint[])
"""


class Relay:
    """One service's relay; `wake` tells it that something was committed."""

    def __init__(self, service: str, pool: Pool, settings: Settings, owner: str) -> None:
        self._service = service
        self._pool = pool
        self._settings = settings
        self._owner = owner
        self._woken = asyncio.Event()
        self._sender = Sender(service, settings)
        self._pause = database.pauses(settings)
        self._leased_until = 0.0
        self._faults = 0
        self._detour = Detour(self._pause)
        self.leads = False

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    async def settled(self) -> None:
        """Return when what is committed has gone out, or when that is another relay's to do."""
        while self.leads and await self._pool.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
            self.wake()
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Relay until cancelled; a fault is waited out with backoff.

        TopicShrunk is none to wait out: the check at the next start will refuse to work.
        """
        try:
            while True:
                try:
                    async with self._pool.acquire() as db:
                        await self._listening(db)
                except TopicShrunk as fault:
                    logs.warn(_log, "Kafka has lost what it acknowledged, the process ends", fault)
                    raise
                except Exception as fault:
                    logs.warn(_log, "relay starts again", fault)
                    await self._sender.drop()
                    await asyncio.sleep(self._pause(self._faults))
                    self._faults += 1
        finally:
            await self._sender.drop()

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
                self._faults = 0
                if await self._called() and not self.leads:
                    await db.execute(f"NOTIFY {channel}")
        finally:
            led, self.leads = self.leads, False
            with suppress(Exception):  # a lost connection must not hide that we were cancelled
                await db.remove_listener(channel, heard)
                if led:
                    await self._resign(db)
            with suppress(Exception):  # as above: the pool may have taken it back already
                if db.is_closed():
                    # It still has its listener: the pool would complain, and keep its place.
                    db.terminate()

    async def _called(self) -> bool:
        """Wait for the next look at the outbox; whether it was a wake, or only the poll."""
        try:
            async with asyncio.timeout(self._settings.relay_poll_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

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

    async def _resign(self, db: Connection) -> None:
        """Let another relay lead: where this one cannot reach the broker, that one may."""
        await db.execute("UPDATE relay_lease SET until = now() WHERE owner = $1", self._owner)

    async def _drain(self, db: Connection) -> None:
        """Send until the outbox is empty or the lease is due."""
        room = self._settings.relay_rows, self._settings.relay_bytes
        while self.leads:
            behind = self._detour.begin()
            rows = await (db.fetch(_BEYOND, *room, behind) if behind else db.fetch(_NEXT, *room))
            if not rows:
                self._detour.nothing()
                return
            sent, fault = await self._sender.send(rows)
            reached = sorted(self._sender.reached().items())
            topics, partitions = [at[0] for at, _ in reached], [at[1] for at, _ in reached]
            await db.execute(_DONE, sent, topics, partitions, [end for _, end in reached])
            telemetry.records_relayed.add(len(sent))
            self._detour.end(rows[-1]["id"], failed=fault is not None)
            if fault:
                raise fault
            self.leads = await self._lease(db)

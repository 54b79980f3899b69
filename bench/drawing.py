"""Subjects in, draws out: the randomizer's own process, and the loops beside it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from uuid_utils.compat import uuid7

from bench.ground import Ground, Stuck
from bench.topics import IN, OUT, PATIENCE_S, Begin, Sent
from bench.workload import TRIALS, Raw, screened
from deploy.embedded.process import Child

EVENTS = 10_000
ONE_BY_ONE = 400
WITH_OUTBOX = 200
VAST_ROWS = 10_000_000
GROUP = "randomizer"

_VAST = f"""
BEGIN;
SET LOCAL maintenance_work_mem = '512MB';
TRUNCATE randomizer.watermark;
ALTER TABLE randomizer.watermark DROP CONSTRAINT watermark_pkey;
INSERT INTO randomizer.watermark (topic, key, sequence, ce_id)
SELECT '{IN}', trial || ':IT' || lpad((n % 20)::text, 3, '0') || '-' || lpad(n::text, 6, '0'),
       2, gen_random_uuid()
FROM (SELECT CASE WHEN t < 500 THEN 'A' ELSE 'C' END || lpad(t::text, 4, '0') AS trial
      FROM generate_series(0, 999) AS t) AS trials,
     generate_series(1, {VAST_ROWS // 1000}) AS n;
ALTER TABLE randomizer.watermark ADD PRIMARY KEY (topic, key);
COMMIT
"""  # noqa: S608 - our own numbers
_FORGET = """
BEGIN;
SET LOCAL session_replication_role = replica;
TRUNCATE randomizer.subject, randomizer.allocation, randomizer.outbox, randomizer.cell,
         randomizer.stratum, randomizer.part;
DELETE FROM randomizer.sequence WHERE key LIKE 'BENCH%:%';
UPDATE randomizer.trial SET randomized = 0;
DELETE FROM randomizer.watermark WHERE key LIKE 'BENCH%';
COMMIT
"""


@dataclass
class Drawing:
    """The measurements; all take their records from one preloaded stretch of the input topic."""

    ground: Ground
    records: list[Raw] = field(default_factory=list)
    begin: Begin = field(default_factory=dict)
    top_rate: float = 0

    async def stretch(self) -> Begin:
        """Where the stretch of one trial's subjects begins; put there again where it is not whole,
        or not the last.
        """
        topics, begin = self.ground.topics, sum(self.begin.values())
        whole = sum((await topics.begins(IN)).values()) <= begin
        if not whole or sum((await topics.ends(IN)).values()) != begin + EVENTS:
            self.records = self.records or list(screened(TRIALS[:1], 0, EVENTS))
            self.begin = await topics.preload(self.records)
        return self.begin

    async def pipeline(self) -> float:
        """The service's process on an empty database: events out a second."""
        self.top_rate = await self._service(await self.ground.fresh("fresh"))
        return self.top_rate

    async def _service(self, into: str, **settings: str) -> float:
        ground, begin = self.ground, await self.stretch()
        await ground.topics.rewind(GROUP, begin)
        out = await ground.topics.ends(OUT)
        child = await ground.serving("randomizer", into, settings=settings)
        await ground.grown(out, EVENTS, child)
        await ground.stop(child)
        return rate(await ground.topics.sent(out, EVENTS))

    async def silent(self) -> float:
        """The same with OpenTelemetry switched off."""
        return await self._service(await self.ground.fresh("fresh"), OTEL_SDK_DISABLED="true")

    async def traced(self) -> float:
        """The same with traces and metrics on their way to a collector."""
        port = self.ground.ports["collector"]
        collector = await self.ground.start(self.ground.tool("collector", "--port", port), _at_once)
        into, address = await self.ground.fresh("fresh"), f"http://127.0.0.1:{port}"
        found = await self._service(into, OTEL_EXPORTER_OTLP_ENDPOINT=address)
        await self.ground.stop(collector)
        return found

    async def vast(self) -> float:
        """The same among ten million watermarks of a thousand other trials."""
        return await self._kept("vast", _VAST)

    async def sparse(self) -> float:
        """The same without them, its database kept and made ready in the same way."""
        return await self._kept("sparse")

    async def _kept(self, name: str, *prepare: str) -> float:
        ground = self.ground
        if not await ground.there(name):
            await ground.fresh(name)
            await ground.sql(name, *prepare)
        await ground.sql(name, _FORGET, "VACUUM ANALYZE randomizer.watermark", "CHECKPOINT")
        return await self._service(name)

    async def replay(self) -> float:
        """Events already seen, a second, by the offsets that are committed."""
        ground, begin = self.ground, await self.stretch()
        if not await ground.there("seen"):
            await self._service(await ground.fresh("seen"))
        await ground.topics.rewind(GROUP, begin)
        child = await ground.serving("randomizer", "seen")
        found = await self._committed(child, sum(begin.values()))
        await ground.stop(child)
        return found

    async def _committed(self, child: Child, begin: int) -> float:
        first: tuple[float, int] | None = None
        deadline = time.monotonic() + PATIENCE_S
        while True:
            at, now = await self.ground.topics.committed(GROUP), time.perf_counter()
            if first is None and at > begin:
                first = now, at
            if at >= begin + EVENTS:
                break
            if child.exit_code() is not None or time.monotonic() > deadline:
                raise Stuck(f"the replay came to {at - begin} of {EVENTS}")
            await asyncio.sleep(0.01)
        if first is None or first[1] == at:
            raise Stuck("the replay was over before it could be timed")
        return (at - first[1]) / (now - first[0])

    async def bare(self) -> float:
        """The bare loop: events out a second."""
        return await self._loop("bare", EVENTS)

    async def one_by_one(self) -> float:
        """FastStream with a handler call, a transaction and a publish a message."""
        return await self._loop("faststream_one", ONE_BY_ONE)

    async def with_outbox(self) -> float:
        """The same with faststream-outbox between the transaction and the publish."""
        grant = "GRANT CREATE ON SCHEMA randomizer TO trialops_randomizer"
        return await self._loop("faststream_outbox", WITH_OUTBOX, grant)

    async def _loop(self, module: str, count: int, *prepare: str) -> float:
        ground, begin = self.ground, await self.stretch()
        group = f"{module}-{uuid7()}"
        await ground.topics.rewind(group, begin)
        out = await ground.topics.ends(OUT)
        into = await ground.fresh("fresh")
        await ground.sql(into, *prepare)
        program = ground.loop(module, into, "--group", group)
        child = await ground.start(program, _at_once)
        await ground.grown(out, count, child)
        await ground.stop(child)
        return rate((await ground.topics.sent(out, count))[:count])

    async def postgres_alone(self) -> float:
        """The bare loop's part in PostgreSQL: batches of records that are in memory."""
        program = self.ground.loop(
            "postgres_alone", await self.ground.fresh("fresh"), "--count", EVENTS
        )
        return (await self.ground.said(program))["rate"]


def rate(sent: Sequence[Sent]) -> float:
    """Records a second from the first sent to the last."""
    return (len(sent) - 1) / max(sent[-1][0] - sent[0][0], 1) * 1000


async def _at_once() -> bool:
    """Ready as soon as it runs: what it does is seen by what it leaves."""
    return True

"""How long one event takes, and how long a killed service keeps its events waiting."""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg
from uuid_utils.compat import uuid7

from bench.drawing import EVENTS, GROUP, Drawing
from bench.ground import Ground, Stuck
from bench.topics import IN, OUT, PATIENCE_S
from bench.workload import TRIALS, screened
from deploy.embedded.process import Child

SECONDS = 3.0
WARM_UP_S = 1.0
TICK_S = 0.01
SESSION_S = 6


@dataclass
class Waiting:
    """The measurements; both sides of a latency get the same load: half the platform's top rate."""

    ground: Ground
    drawing: Drawing
    next_subject: int = field(default=1_000_000)

    async def service_p99(self) -> float:
        """The service's 99th percentile from a record sent to its answer sent, ms."""
        await self._load()
        ground = self.ground
        await ground.topics.rewind(GROUP, await ground.topics.empty(IN))
        child = await ground.serving("randomizer", await ground.fresh("fresh"))
        return await self._p99(child)

    async def bare_p99(self) -> float:
        """The bare loop's."""
        await self._load()
        ground, group = self.ground, f"bare-{uuid7()}"
        await ground.topics.rewind(group, await ground.topics.empty(IN))
        ready = ground.state.folder / group
        into = await ground.fresh("fresh")
        program = ground.loop("bare", into, "--group", group, "--ready", ready)

        async def joined() -> bool:
            return ready.exists()

        child = await ground.start(program, joined)
        return await self._p99(child)

    async def _load(self) -> None:
        if not self.drawing.top_rate:
            await self.drawing.pipeline()

    async def _p99(self, child: Child) -> float:
        ground, rate = self.ground, self.drawing.top_rate / 2
        records = screened(TRIALS[:1], self.next_subject, round(rate * SECONDS))
        self.next_subject += round(rate * SECONDS)
        into, out = await ground.topics.ends(IN), await ground.topics.ends(OUT)
        waiting = []
        started = time.perf_counter()
        for count, (key, value, headers) in enumerate(records):
            while count > (time.perf_counter() - started) * rate:
                await asyncio.sleep(TICK_S)
            waiting.append(
                await ground.topics.producer.send(IN, key=key, value=value, headers=headers)
            )
        await asyncio.gather(*waiting)
        await ground.grown(out, len(waiting), child)
        await ground.stop(child)
        begun = {key: at for at, key in await ground.topics.sent(into, len(waiting))}
        ended = {key: at for at, key in await ground.topics.sent(out, len(waiting))}
        first = min(begun.values()) + WARM_UP_S * 1000
        took = sorted(ended[key] - at for key, at in begun.items() if at >= first)
        return float(took[len(took) * 99 // 100])

    async def back_after_kill(self) -> float:
        """Seconds from kill -9 to the next draw, the process started again at once."""
        ground = self.ground
        await ground.topics.rewind(GROUP, await self.drawing.stretch())
        into = await ground.fresh("fresh")
        session = {"TRIALOPS_SESSION_TIMEOUT_S": str(SESSION_S)}
        child = await ground.serving("randomizer", into, settings=session)
        db = await asyncpg.connect(ground.address(into))
        try:
            await self._drawn(db, 0)
            child.kill()
            killed = time.perf_counter()
            await ground.stop(child)
            drawn = await db.fetchval("SELECT count(*) FROM randomizer.allocation")
            if drawn >= EVENTS:
                raise Stuck("everything was drawn before the kill")
            child = await ground.serving("randomizer", into, settings=session)
            await self._drawn(db, drawn)
            seconds = time.perf_counter() - killed
        finally:
            await db.close()
        await ground.stop(child)
        return seconds

    async def _drawn(self, db: asyncpg.Connection, more_than: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while await db.fetchval("SELECT count(*) FROM randomizer.allocation") <= more_than:
            if time.monotonic() > deadline:
                raise Stuck("no draw came")
            await asyncio.sleep(0.02)

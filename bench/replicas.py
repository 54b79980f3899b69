"""What a thousand events cost in CPU with one, two and four processes beside each other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.drawing import GROUP
from bench.ground import Ground
from bench.topics import IN, OUT
from bench.workload import TRIALS, screened
from deploy.embedded.process import Child

EVENTS = 8_000
"""As many again go before, uncounted."""


@dataclass
class Replicas:
    """The measurements: events of eight trials, put into the topic while everybody waits for them.

    Of start and stop nothing is counted, of PostgreSQL everything. To the start belong the first
    batches, too: each process makes its connections by them, and each connection its first plans.
    """

    ground: Ground
    next_subject: int = field(default=5_000_000)

    async def cpu(self, number: int) -> float:
        """Seconds of CPU a thousand events, of the services and PostgreSQL."""
        ground = self.ground
        await ground.topics.rewind(GROUP, await ground.topics.empty(IN))
        into = await ground.fresh("fresh")
        children = [await ground.serving("randomizer", into, at) for at in range(number)]
        await asyncio.sleep(1.5)  # the last to come has moved the others' partitions by then
        await self._work_off(children)
        before = ground.cpu_s(*children)
        await self._work_off(children)
        used = ground.cpu_s(*children) - before
        await ground.stop(*children)
        return used / EVENTS * 1000

    async def _work_off(self, children: Sequence[Child]) -> None:
        records = list(screened(TRIALS, self.next_subject, EVENTS))
        self.next_subject += EVENTS
        out = await self.ground.topics.ends(OUT)
        await self.ground.topics.preload(records)
        await self.ground.grown(out, EVENTS, children[0])

    async def one(self) -> float:
        """One process."""
        return await self.cpu(1)

    async def two(self) -> float:
        """Two."""
        return await self.cpu(2)

    async def four(self) -> float:
        """Four."""
        return await self.cpu(4)

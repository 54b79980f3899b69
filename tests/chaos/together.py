"""Faults at random together, from the seed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from tests.chaos import kills, servers
from tests.chaos.kills import TOO_LONG
from tests.chaos.scene import Act, Scene, fault

_PLAIN: tuple[Act, ...] = (
    kills.killed_at_random,
    kills.zombie_randomizer,
    kills.terminated,
    servers.postgres_killed,
    servers.back_ends_terminated,
    servers.kafka_killed,
    servers.kafka_still,
)


async def _together(scene: Scene, number: int) -> None:
    """Some at once, each beginning when the seed says."""
    chosen = scene.random.sample(_PLAIN, number)
    scene.notes.append(", ".join(getattr(act, "__name__", "") for act in chosen))
    async with AsyncExitStack() as stack:

        async def act(one: Act) -> None:
            await asyncio.sleep(scene.random.uniform(0, 3))
            await stack.enter_async_context(one(scene))

        async with asyncio.TaskGroup() as group:
            for one in chosen:
                group.create_task(act(one))
    # A service that stands still itself hears of SIGTERM only when it goes on.
    scene.wrong = [text for text in scene.wrong if TOO_LONG not in text]


@fault("two faults at random together")
async def two_together(scene: Scene) -> AsyncIterator[None]:
    """Twice two."""
    for _ in range(2):
        await _together(scene, 2)
    await scene.stage.ready()
    yield


@fault("four faults at random together")
async def four_together(scene: Scene) -> AsyncIterator[None]:
    """Servers and services at once."""
    await _together(scene, 4)
    await scene.stage.ready()
    yield

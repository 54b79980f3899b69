"""Faults of PostgreSQL and Kafka: ended at once, their back ends terminated, stopped."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg

from tests.chaos.scene import Scene, fault


@fault("kill -9 of PostgreSQL", "acknowledged commits survive", short=True)
async def postgres_killed(scene: Scene) -> AsyncIterator[None]:
    """The server and all its back ends end without a word."""
    await scene.stage.kill("postgres")
    await scene.stage.ready()
    yield


@fault("PostgreSQL stopped at once and restarted, twice", "acknowledged commits survive")
async def postgres_stopped(scene: Scene) -> AsyncIterator[None]:
    """SIGQUIT: its immediate shutdown."""
    for _ in range(2):
        pid = await scene.stage.signal("postgres", signal.SIGQUIT)
        await scene.stage.replaced("postgres", pid)
        await scene.stage.ready()
        await scene.work.inputs(20)
    yield


@fault("back ends of PostgreSQL terminated", "ambiguous commits are retried")
async def back_ends_terminated(scene: Scene) -> AsyncIterator[None]:
    """Every connection of a service, again and again."""
    for _ in range(10):
        # Beside another fault the server may be away just now: then nobody has a connection.
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(scene.stage.dsn)
            try:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename LIKE 'trialops_%' AND random() < 0.7"
                )
            finally:
                await connection.close()
        await asyncio.sleep(scene.random.uniform(0.1, 0.5))
    await scene.stage.ready()
    yield


@fault("kill -9 of Kafka")
async def kafka_killed(scene: Scene) -> AsyncIterator[None]:
    """The one broker ends without a word and comes back."""
    await scene.stage.kill("kafka")
    await scene.stage.ready()
    yield


@fault("Kafka stands still past the sessions (SIGSTOP, CONT)")
async def kafka_still(scene: Scene) -> AsyncIterator[None]:
    """Its connections stay open and nothing answers."""
    await scene.stage.signal("kafka", signal.SIGSTOP)
    await asyncio.sleep(10)
    await scene.stage.signal("kafka", signal.SIGCONT)
    await scene.stage.ready()
    yield

"""Faults of the services' lines: cut, slow, half open, an answer lost."""

import asyncio
from collections.abc import AsyncIterator

from tests.chaos.proxy import Proxy
from tests.chaos.scene import Scene, fault
from tests.chaos.world import SERVICES

COMMIT = b"COMMIT;"


@fault("COMMIT's answer lost, once in each service", "each lost one", "proxied")
async def commit_answer_lost(scene: Scene) -> AsyncIterator[None]:
    """The server has committed; the client cannot know it."""

    async def lose(service: str) -> None:
        proxy = scene.links.postgres[service]
        for _ in range(2):
            proxy.lose_answer_to(COMMIT)
            try:
                async with asyncio.timeout(20):
                    await proxy.robbed.wait()
            except TimeoutError:
                await proxy.mend()
                scene.wrong.append(f"no answer to {service} was lost")
                return

    await asyncio.gather(*(lose(service) for service in SERVICES))
    await scene.stage.ready()
    yield


@fault("each service's line to PostgreSQL cut", setting="proxied")
async def postgres_cut(scene: Scene) -> AsyncIterator[None]:
    """One after the other, each for a second or two."""
    for service in SERVICES:
        await scene.links.postgres[service].cut()
        await asyncio.sleep(scene.random.uniform(0.3, 1.5))
        await scene.links.postgres[service].mend()
    await scene.stage.ready()
    yield


@fault("all lines to PostgreSQL slow (50 ms a piece)", setting="proxied")
async def postgres_slow(scene: Scene) -> AsyncIterator[None]:
    """Everything goes on, only later."""
    for proxy in scene.links.postgres.values():
        proxy.slow(0.05)
    await scene.work.inputs(20)
    for proxy in scene.links.postgres.values():
        await proxy.mend()
    yield


@fault("all lines to PostgreSQL half open past the statements' time", setting="proxied")
async def postgres_half_open(scene: Scene) -> AsyncIterator[None]:
    """Connections stand and nothing arrives, until every statement has run out of time."""
    for proxy in scene.links.postgres.values():
        proxy.half_open()
    await asyncio.sleep(12)
    for proxy in scene.links.postgres.values():
        await proxy.mend()
    await scene.stage.ready()
    yield


def _kafka(scene: Scene) -> Proxy:
    assert scene.links.kafka is not None
    return scene.links.kafka


@fault("the line to Kafka cut", setting="proxied")
async def kafka_cut(scene: Scene) -> AsyncIterator[None]:
    """For less than a session, and again for longer."""
    for seconds in (2, 8):
        await _kafka(scene).cut()
        await asyncio.sleep(seconds)
        await _kafka(scene).mend()
        await scene.stage.ready()
    yield


@fault("the line to Kafka slow (100 ms a piece)", setting="proxied")
async def kafka_slow(scene: Scene) -> AsyncIterator[None]:
    """Sends and fetches take their time."""
    _kafka(scene).slow(0.1)
    await scene.work.inputs(60)
    await _kafka(scene).mend()
    yield


@fault("the line to Kafka half open past the sessions", setting="proxied")
async def kafka_half_open(scene: Scene) -> AsyncIterator[None]:
    """Heartbeats and sends go out and nothing comes back; later all of it arrives at once."""
    _kafka(scene).half_open()
    await asyncio.sleep(12)
    await _kafka(scene).mend()
    await scene.stage.ready()
    yield


@fault("the line to the mail server cut and half open", setting="proxied")
async def mail_cut(scene: Scene) -> AsyncIterator[None]:
    """Letters are late; nothing else minds."""
    assert scene.links.mail is not None
    await scene.links.mail.cut()
    await scene.work.inputs(30)
    await scene.links.mail.mend()
    scene.links.mail.half_open()
    await scene.work.inputs(30)
    await scene.links.mail.mend()
    yield

"""How long a service stands still once its broker has gone: its session, and some seconds."""

import time
from functools import partial
from pathlib import Path

import pytest

from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child
from tests.chaos import groups
from tests.chaos.bent import Bent
from tests.chaos.small import Small, asked, small
from tests.servers import kafka_in
from tests.waiting import until

SESSION_S = 6
AT_MOST_S = SESSION_S + 5


async def goes_on(service: Small, number: int) -> float:
    """Seconds from here until new inputs are consumed."""
    began = time.monotonic()
    await service.produce(asked([number]))

    async def consumed() -> bool:
        heard = await groups.acknowledged(service.kafka, service.hears)
        return heard == await groups.length(service.kafka, service.hears)

    await until(consumed, 60, every=0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("joining", [False, True], ids=["at rest", "while a member joins"])
async def test_a_broker_that_is_killed_and_restarted(
    postgres: str, tmp_path: Path, *, joining: bool
) -> None:
    server = kafka_in(tmp_path)
    answers = partial(kafka_answers, server.bootstrap)
    child = Child(server.prepare())
    try:
        await until(answers, 60)
        async with small(server.bootstrap, postgres, tmp_path) as service:
            service.start(session_timeout_s=SESSION_S)
            await service.works()
            await goes_on(service, 1)
            if joining:
                service.start(session_timeout_s=SESSION_S)

                async def comes() -> bool:
                    return len(await groups.members(service.kafka, service.hears)) == 2

                await until(comes, 30)
            child.kill()
            child.wait(10)
            child = Child(server.prepare())
            await until(answers, 60)
            assert await goes_on(service, 2) < AT_MOST_S
            assert await service.broken() == []
    finally:
        child.kill()
        child.wait(10)


async def test_a_broker_that_went_without_a_word(postgres: str, tmp_path: Path) -> None:
    """Nothing comes on its connections any more, not even their end."""
    bent = Bent(tmp_path)
    async with bent.running() as kafka, small(kafka, postgres, tmp_path) as service:
        service.start(kafka=bent.near, session_timeout_s=SESSION_S)
        await service.works()
        await goes_on(service, 1)
        bent.line.forget()
        assert await goes_on(service, 2) < AT_MOST_S
        assert await service.broken() == []

"""SIGTERM while servers stand still: all that waits for them ends by one deadline."""

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child, Program
from tests.chaos.proxy import proxied
from tests.chaos.small import Small, asked, owner, small
from tests.servers import kafka_in
from tests.waiting import until

SHUTDOWN_S = 8
GRACE_S = Program.grace


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[str, Child]]:
    """A broker of the test's own, which it may stop in any way."""
    server = kafka_in(folder)
    child = Child(server.prepare())
    try:
        await until(partial(kafka_answers, server.bootstrap), 60)
        yield server.bootstrap, child
    finally:
        child.kill()
        child.wait(10)


async def stopped(service: Small) -> float:
    """Seconds from SIGTERM to the end of its process, which ended by itself."""
    [process] = service.processes
    began = time.monotonic()
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(2 * GRACE_S)
    assert process.exitcode == 0, service.log.read_text()
    return time.monotonic() - began


async def unsent(service: Small) -> int:
    async with owner(service.database) as db:
        return int(await db.fetchval("SELECT count(*) FROM outbox"))


async def test_while_kafka_stands_still(postgres: str, tmp_path: Path) -> None:
    """There is something to send, and a group to leave; what was committed is not lost."""
    async with broker(tmp_path) as (kafka, child), small(kafka, postgres, tmp_path) as service:
        service.start(shutdown_s=SHUTDOWN_S, send_timeout_s=30)
        await service.works()
        await service.produce(asked([1]))
        await until(service.at_rest, 60)
        os.kill(child.pid, signal.SIGSTOP)
        async with service.command(asked([2])):
            pass
        assert await stopped(service) < GRACE_S
        assert await unsent(service) == len(asked([2]))
        os.kill(child.pid, signal.SIGCONT)
        service.processes.clear()
        service.start()
        await service.works()
        assert await service.broken(seconds=60) == []


async def test_while_it_begins_and_kafka_stands_still(postgres: str, tmp_path: Path) -> None:
    async with broker(tmp_path) as (kafka, child), small(kafka, postgres, tmp_path) as service:
        os.kill(child.pid, signal.SIGSTOP)
        service.start(shutdown_s=SHUTDOWN_S)
        await service.says_in_log("topics cannot be read yet")
        assert await stopped(service) < GRACE_S
        os.kill(child.pid, signal.SIGCONT)


async def test_while_both_servers_stand_still(postgres: str, tmp_path: Path) -> None:
    async with broker(tmp_path) as (kafka, child), small(kafka, postgres, tmp_path) as service:
        line, near = await service.open.enter_async_context(proxied(service.database.service))
        service.start(shutdown_s=SHUTDOWN_S, database=near)
        await service.works()
        await service.produce(asked([1]))
        line.half_open()
        os.kill(child.pid, signal.SIGSTOP)
        assert await stopped(service) < GRACE_S
        os.kill(child.pid, signal.SIGCONT)
        await line.mend()


async def test_with_its_servers_there_it_ends_at_once(postgres: str, tmp_path: Path) -> None:
    async with broker(tmp_path) as (kafka, _), small(kafka, postgres, tmp_path) as service:
        service.start(shutdown_s=SHUTDOWN_S)
        await service.works()
        async with service.command(asked([1])):
            pass
        assert await stopped(service) < SHUTDOWN_S / 2
        assert await unsent(service) == 0

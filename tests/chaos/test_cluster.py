"""A cluster of three loses a leader, then two of its three: nothing is lost, and order is kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.chaos.cluster import NODES, Cluster
from tests.chaos.small import Small, asked, owner, small
from tests.waiting import until

PATIENT = {"send_timeout_s": 4, "request_timeout_s": 3}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        asyncio.run(made.start())
        yield made
    finally:
        asyncio.run(made.stop())


@pytest.fixture
async def service(cluster: Cluster, postgres: str, tmp_path: Path) -> AsyncIterator[Small]:
    """The tiny service at work, its topics on all three brokers."""

    async def topic(_: str) -> str:
        name = f"test.{uuid4().hex[:12]}"
        await cluster.make_topic(name)
        return name

    async with small(cluster.bootstrap, postgres, tmp_path, topic=topic) as made:
        made.start(**PATIENT)
        await made.works()
        yield made


async def in_outbox(service: Small) -> int:
    async with owner(service.database) as db:
        count: int = await db.fetchval("SELECT count(*) FROM outbox")
        return count


async def test_a_leader_that_is_killed_loses_nothing(cluster: Cluster, service: Small) -> None:
    await service.produce(asked(range(1, 11)))
    leader = await cluster.leader_of(service.says, 0)
    cluster.kill(leader)
    await service.produce(asked(range(11, 21)))  # acknowledged by the two that are left

    async def another_leads() -> bool:
        return await cluster.leader_of(service.says, 0) in {*NODES} - {leader}

    await until(another_leads, 30, every=0.2)
    await until(service.at_rest, 60, every=0.5)  # with two of three
    cluster.restart(leader)
    await cluster.whole()
    await service.produce(asked(range(21, 26)))
    assert await service.broken(60) == []


async def test_with_two_of_three_down_nothing_is_acknowledged_and_all_goes_out_afterwards(
    cluster: Cluster, service: Small
) -> None:
    await service.produce(asked(range(1, 6)))
    await until(service.at_rest, 60, every=0.5)
    down = NODES[:2]
    for node in down:
        cluster.kill(node)
    async with service.command(asked(range(6, 16))):
        pass
    await service.says_in_log("relay starts again")
    assert await in_outbox(service) == 40, "a row went although nobody keeps it safe"
    for node in down:
        cluster.restart(node)
    await cluster.whole()
    assert await service.broken(90) == []

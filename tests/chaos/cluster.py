"""Three brokers that are controllers too, on loopback: a cluster that a test can take apart.

Replication 3, at least 2 replicas in sync. Time-outs are short: a dead leader is replaced after
2 to 4 seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.embedded.kafka import Kafka, new_cluster
from deploy.embedded.ports import LOOPBACK, take
from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child, tail
from tests.waiting import until

T = TypeVar("T")

NODES = (1, 2, 3)
_PROPERTIES = {
    "offsets.topic.replication.factor": "3",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.election.backoff.max.ms": "250",
    "controller.quorum.request.timeout.ms": "1000",
    "replica.lag.time.max.ms": "3000",
    "replica.socket.timeout.ms": "3000",
}


class Cluster:
    """Brokers 1, 2 and 3 below `folder`; start them from the main thread, whose end is theirs."""

    def __init__(self, folder: Path) -> None:
        names = [f"{kind}-{node}" for node in NODES for kind in ("kafka", "controller")]
        folder.mkdir(parents=True, exist_ok=True)
        ports = take(tuple(names), folder / "ports.json")
        voters = ",".join(f"{n}@{LOOPBACK}:{ports[f'controller-{n}']}" for n in NODES)
        cluster = new_cluster()
        self._brokers = {
            n: Kafka(
                folder / f"kafka-{n}",
                ports[f"kafka-{n}"],
                ports[f"controller-{n}"],
                folder / f"kafka-{n}.log",
                cluster,
                {**_PROPERTIES, "node.id": str(n), "controller.quorum.voters": voters},
            )
            for n in NODES
        }
        self._running: dict[int, Child] = {}

    @property
    def bootstrap(self) -> str:
        """All three, `host:port,host:port,host:port`."""
        return ",".join(broker.bootstrap for broker in self._brokers.values())

    async def start(self) -> None:
        """Start all three; returns when each knows the others."""
        prepared = (asyncio.to_thread(broker.prepare) for broker in self._brokers.values())
        await asyncio.gather(*prepared)  # each is formatted by a Java of its own
        for node in NODES:
            self._start(node)
        await self.whole()

    async def stop(self) -> None:
        """End it without ceremony: asked politely, the last one waits for a quorum."""
        for node in list(self._running):
            self.kill(node)

    def kill(self, node: int) -> None:
        """SIGKILL to one broker."""
        child = self._running.pop(node)
        child.kill()
        child.wait(10)

    def restart(self, node: int) -> None:
        """Start a broker that was killed; `whole` tells when it is one of them again."""
        self._start(node)

    async def whole(self, seconds: float = 60) -> None:
        """Wait until all three are members of the cluster."""

        async def all_listed() -> bool:
            for node, child in self._running.items():
                log = self._brokers[node].log
                assert child.exit_code() is None, f"broker {node} ended: {tail(log)}"
                if not await kafka_answers(self._brokers[node].bootstrap):
                    return False
            return await self._listed() == set(NODES)

        await until(all_listed, seconds, every=0.2)

    async def make_topic(self, name: str, partitions: int = 3) -> None:
        """A topic with a replica on each broker and every partition led by someone."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, len(NODES))])
        finally:
            await admin.close()

        async def led() -> bool:
            leaders = await self._leaders(name)
            return len(leaders) == partitions and set(leaders.values()) <= set(NODES)

        await until(led, 20, every=0.1)

    async def leader_of(self, topic: str, partition: int) -> int:
        """The broker that leads a partition, as one that lives knows; -1 while nobody does."""
        return (await self._leaders(topic)).get(partition, -1)

    async def _leaders(self, topic: str) -> dict[int, int]:
        """Who leads each partition; nothing while nobody can say."""

        async def described(admin: AIOKafkaAdminClient) -> dict[int, int]:
            [found] = await admin.describe_topics([topic])
            return {one["partition"]: one["leader"] for one in found["partitions"]}

        return await self._asked(described) or {}

    async def _listed(self) -> set[int]:
        async def described(admin: AIOKafkaAdminClient) -> set[int]:
            found = await admin.describe_cluster()
            return {broker["node_id"] for broker in found["brokers"]}

        return await self._asked(described) or set()

    async def _asked(self, ask: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T | None:
        """What the cluster says; None where the broker that was asked is away, as it may be."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._living)
        try:
            await admin.start()
            return await ask(admin)
        except (KafkaError, OSError):
            return None
        finally:
            await admin.close()

    @property
    def _living(self) -> str:
        return ",".join(self._brokers[node].bootstrap for node in self._running)

    def _start(self, node: int) -> None:
        self._running[node] = Child(self._brokers[node].prepare())

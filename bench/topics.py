"""Kafka as the bench sees it: records put in, groups set back, and what came out when."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from bench.workload import Raw
from shared.contracts.topics import TOPICS

IN, OUT = "trialops.screening", "trialops.randomization"
PATIENCE_S = 120.0

Begin = Mapping[TopicPartition, int]
"""Where a stretch of a topic begins, in each partition."""

Sent = tuple[int, bytes]
"""When a record was sent, ms since 1970, and its key."""


def partitions(topic: str) -> list[TopicPartition]:
    """All of a topic."""
    [count] = [known.partitions for known in TOPICS if known.name == topic]
    return [TopicPartition(topic, number) for number in range(count)]


@dataclass
class Topics:
    """The input topic and the output topic, and the groups that read them."""

    bootstrap: str
    looker: AIOKafkaConsumer
    producer: AIOKafkaProducer
    admin: AIOKafkaAdminClient

    async def preload(self, records: Iterable[Raw]) -> dict[TopicPartition, int]:
        """Put records into the input topic; returns where they begin."""
        begin = await self.ends(IN)
        waiting = [
            await self.producer.send(IN, key=key, value=value, headers=headers)
            for key, value, headers in records
        ]
        await asyncio.gather(*waiting)
        return begin

    async def rewind(self, group: str, begin: Begin) -> None:
        """A group without members begins there next, in topics that hold nothing from before.

        A service looks at its start whether its topics know more than its database: here each run
        has a new database, so the records of the run before have to go.
        """
        await self._delete(begin)
        for topic in TOPICS:
            if topic.writer == group:
                await self.empty(topic.name)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(list(begin))
            offsets = {at: OffsetAndMetadata(place, "") for at, place in begin.items()}
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    await consumer.commit(offsets)
                    break
                except KafkaError:  # a member that was killed is missed only after its session
                    if time.monotonic() > deadline:
                        raise
                await asyncio.sleep(0.5)
        finally:
            await consumer.stop()

    async def empty(self, topic: str) -> dict[TopicPartition, int]:
        """Take every record out of a topic; returns where it begins from now on."""
        ends = await self.ends(topic)
        await self._delete(ends)
        return ends

    async def _delete(self, before: Begin) -> None:
        told = {at: RecordsToDelete(before_offset=place) for at, place in before.items() if place}
        if told:
            await self.admin.delete_records(told)

    async def begins(self, topic: str) -> dict[TopicPartition, int]:
        """Where the records begin that a topic still holds."""
        found: dict[TopicPartition, int] = await self.looker.beginning_offsets(partitions(topic))
        return found

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        """Where a topic's partitions end."""
        found: dict[TopicPartition, int] = await self.looker.end_offsets(partitions(topic))
        return found

    async def sent(self, begin: Begin, count: int) -> list[Sent]:
        """When each record after `begin` was sent, and its key; in the order of their times."""
        self.looker.assign(list(begin))
        for at, place in begin.items():
            self.looker.seek(at, place)
        found: list[Sent] = []
        while len(found) < count:
            for records in (await self.looker.getmany(timeout_ms=1000)).values():
                found += [(record.timestamp, record.key) for record in records]
        return sorted(found)

    async def committed(self, group: str) -> int:
        """How far a group has come in the input topic, over all partitions."""
        offsets = await self.admin.list_consumer_group_offsets(group, partitions=partitions(IN))
        return sum(max(place.offset, 0) for place in offsets.values())


@asynccontextmanager
async def topics(bootstrap: str) -> AsyncIterator[Topics]:
    """A look at the topics of a broker."""
    looker = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=5, max_batch_size=64 * 1024
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await looker.start()
        await producer.start()
        await admin.start()
        yield Topics(bootstrap, looker, producer, admin)
    finally:
        await admin.close()
        await producer.stop()
        await looker.stop()

"""The sender: outbox rows to Kafka, and which of them the broker has acknowledged."""

import asyncio
from collections.abc import Sequence

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from pydantic import TypeAdapter

from shared.runtime import kafka
from shared.runtime.settings import Settings

_HEADERS = TypeAdapter(dict[str, bytes])
_partition_of = DefaultPartitioner()  # Kafka's own, murmur2 of the key

Place = tuple[str, int]
"""A topic and a partition of it."""
Reached = dict[Place, int]
"""By place, the offset after the highest that the broker acknowledged."""


class TopicShrunk(Exception):
    """what the broker had acknowledged is not on its topic any more"""


class Sender:
    """One producer at a time, made when it is needed; one that failed is not used again."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._reached: Reached = {}
        self._ends: Reached = {}

    def reached(self) -> Reached:
        """How far the partitions were acknowledged since this was asked last."""
        reached, self._reached = self._reached, {}
        return reached

    async def send(self, rows: Sequence[asyncpg.Record]) -> tuple[list[int], Exception | None]:
        """The ids of the rows that the broker acknowledged, and what kept the others back.

        A row that cannot be sent keeps back the later ones of its key, and no others. TopicShrunk
        where a partition goes on below what it had acknowledged: it was made again or cut short.
        """
        if self._producer is None:
            self._producer = await kafka.producer(self._settings, self._service)
        round_ = Round(self._producer)
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                by_topic: dict[str, list[asyncpg.Record]] = {}
                for row in rows:
                    by_topic.setdefault(row["topic"], []).append(row)
                await asyncio.gather(*(round_.to_topic(*one) for one in by_topic.items()))
        except TimeoutError as why:
            round_.fault = why
        for place, end in round_.reached.items():
            if end <= self._ends.get(place, 0):
                raise TopicShrunk(place[0])
            self._ends[place] = end
            self._reached[place] = max(self._reached.get(place, 0), end)
        return round_.sent, round_.fault

    async def drop(self) -> None:
        """Give up the producer with all that it holds; the next rows get a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await kafka.discard(producer, self._settings.shutdown_s)


class Round:
    """One look at the outbox on its way: what the broker has acknowledged, and the last fault."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self.sent: list[int] = []
        self.reached: Reached = {}
        self.fault: Exception | None = None

    async def to_topic(self, topic: str, rows: Sequence[asyncpg.Record]) -> None:
        """One topic's rows, all partitions at once; where it is not there they stay behind, and no
        other topic's wait for the answer.
        """
        try:
            every = sorted(await self._producer.partitions_for(topic))
        except Exception as why:
            self.fault = why
            return
        by_partition: dict[int, list[asyncpg.Record]] = {}
        for row in rows:
            partition = _partition_of(row["key"].encode(), every, every)
            by_partition.setdefault(partition, []).append(row)
        await asyncio.gather(*(self.deliver((topic, at), of) for at, of in by_partition.items()))

    async def deliver(self, place: Place, rows: Sequence[asyncpg.Record]) -> None:
        """One partition's rows, batch after batch: the next goes when the broker has the last."""
        (topic, partition), left = place, list(rows)
        while left:
            batch, count = self._producer.create_batch(), 0
            while count < len(left) and _put(left[count], batch):
                count += 1
            batch.close()  # nothing more comes: it need not linger
            going, left = left[:count], left[count:]
            try:
                answer = await self._producer.send_batch(batch, topic, partition=partition)
                at = await answer
            except Exception as why:
                self.fault, stuck = why, {row["key"] for row in going}
                left = [row for row in left if row["key"] not in stuck]
            else:
                if at.offset >= 0:  # -1: the broker had the batch already, and forgot where
                    self.reached[place] = at.offset + count
                self.sent += [row["id"] for row in going]


def _put(row: asyncpg.Record, batch: BatchBuilder) -> bool:
    """Whether the row's record found room in the batch; an empty one has room for any."""
    _, _, key, sequence, headers, value = row  # in the order of the relay's query
    named = _HEADERS.validate_json(headers)
    named["ce_sequence"] = b"%d" % sequence
    added = batch.append(timestamp=None, key=key.encode(), value=value, headers=list(named.items()))
    return added is not None

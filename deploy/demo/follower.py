"""The topics read from outside, in no group: who was randomized when, and every fact there is."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.topics import TOPICS
from shared.runtime.kafka_access import KafkaAccess

_RANDOMIZED: Final = PatientRandomized.ce_type().encode()
_SECONDS: Final = 120.0
_AGAIN: Final = 0.2

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"


class Behind(Exception):
    """The topics could not be read to their ends in time."""


class Follower:
    """Listens to the draws as they come, and reads all topics when asked; over again if it must."""

    def __init__(self, kafka: KafkaAccess) -> None:
        self.ids: set[bytes] = set()
        """The id of every fact that was read; a record that was sent twice counts once."""

        self.randomized: dict[str, float] = {}
        """When the `PatientRandomized` of a key came first, by `time.perf_counter`."""

        self._kafka = kafka
        self._read: dict[TopicPartition, int] = {}

    async def listen(self) -> None:
        """Note when each draw is heard, until cancelled."""
        while True:
            with suppress(KafkaError, OSError):
                await self._listen()
            await asyncio.sleep(_AGAIN)

    async def to_the_end(self) -> None:
        """Return when all that is on the topics now has been read; Behind if it takes too long."""
        try:
            async with asyncio.timeout(_SECONDS):
                while True:
                    with suppress(KafkaError, OSError):
                        await self._read_on()
                        return
                    await asyncio.sleep(_AGAIN)
        except TimeoutError:
            raise Behind(f"the topics were not read to their ends in {_SECONDS:.0f} s") from None

    async def _listen(self) -> None:
        consumer = self._consumer(fetch_max_wait_ms=100)
        try:
            await consumer.start()
            consumer.assign(_partitions([PatientRandomized.TOPIC]))
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    now = time.perf_counter()
                    for record in records:
                        self._hear(record, now)
        finally:
            await consumer.stop()

    async def _read_on(self) -> None:
        """Read from where the last reading ended."""
        consumer = self._consumer()
        try:
            await consumer.start()
            everything = _partitions(topic.name for topic in TOPICS)
            ends = await consumer.end_offsets(everything)
            behind = [one for one in everything if self._read.get(one, 0) < ends[one]]
            consumer.assign(behind)
            for partition in behind:
                consumer.seek(partition, self._read.get(partition, 0))
            while any(self._read.get(one, 0) < ends[one] for one in behind):
                for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                    self.ids.update(dict(record.headers)["ce_id"] for record in records)
                    self._read[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()

    def _consumer(self, fetch_max_wait_ms: int = 500) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._kafka.arguments(),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=fetch_max_wait_ms,
        )

    def _hear(self, record: Record, now: float) -> None:
        if dict(record.headers)["ce_type"] == _RANDOMIZED and record.key is not None:
            self.randomized.setdefault(record.key.decode(), now)


def _partitions(topics: Iterable[str]) -> list[TopicPartition]:
    counts = {topic.name: topic.partitions for topic in TOPICS}
    return [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]

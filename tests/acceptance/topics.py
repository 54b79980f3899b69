"""Kafka as a stranger reads and writes it: raw records, raw headers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.runtime.kafka_access import KafkaAccess
from tests.waiting import until_true

_PATIENCE_S = 20


@dataclass(frozen=True)
class Record:
    """One record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str | None:
        """The text of a header that is there once."""
        found = [value for known, value in self.headers if known == name]
        assert len(found) <= 1, name
        return found[0].decode() if found else None

    @property
    def type(self) -> str | None:
        """`ce_type`."""
        return self.header("ce_type")


def read(kafka: KafkaAccess, topic: str, key: str | None = None) -> list[Record]:
    """Every record of a topic, or of one key of it, as of now."""
    return asyncio.run(_read(kafka, topic, None if key is None else key.encode()))


def awaited(kafka: KafkaAccess, topic: str, key: str, number: int) -> list[Record]:
    """The records of one key, once there are so many: what was committed goes out soon after."""
    until_true(lambda: len(read(kafka, topic, key)) >= number, _PATIENCE_S)
    found = read(kafka, topic, key)
    assert len(found) == number
    return found


async def _read(kafka: KafkaAccess, topic: str, key: bytes | None) -> list[Record]:
    consumer = AIOKafkaConsumer(**kafka.arguments(), enable_auto_commit=False)
    await consumer.start()
    try:
        numbers = await _partitions(consumer, topic)
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Record] = []
        left = {partition for partition, end in ends.items() if end > 0}
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found += [_record(one) for one in records if one.offset < ends[partition]]
                if records and records[-1].offset >= ends[partition] - 1:
                    left.discard(partition)
    finally:
        await consumer.stop()
    return [record for record in found if key is None or record.key == key]


async def _partitions(consumer: Any, topic: str) -> list[int]:
    await consumer._client.force_metadata_update()
    await consumer.topics()
    return sorted(consumer.partitions_for_topic(topic) or ())


def _record(raw: Any) -> Record:
    return Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, tuple(raw.headers))


Header = tuple[str, bytes | None]


def produce(
    kafka: KafkaAccess,
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header],
) -> tuple[int, int]:
    """Write one record, whatever it is; where it stands: partition and offset."""

    async def send() -> tuple[int, int]:
        producer = AIOKafkaProducer(**kafka.arguments(), acks="all")
        await producer.start()
        try:
            kept = await producer.send_and_wait(topic, value, key=key, headers=list(headers))
        finally:
            await producer.stop()
        return kept.partition, kept.offset

    return asyncio.run(send())

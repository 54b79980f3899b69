"""Every record of every topic, read from outside: what was said, and when it was heard."""

import asyncio
import time
from contextlib import suppress
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.topics import TOPICS

_RANDOMIZED: Final = PatientRandomized.ce_type().encode()
_SECONDS: Final = 120.0

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"


class Behind(Exception):
    """The topics could not be read to their ends in time."""


class Follower:
    """Reads in no group, from the first record on; over again if the broker was lost."""

    def __init__(self, bootstrap: str) -> None:
        self.ids: set[bytes] = set()
        """The id of every fact; a record that was sent twice counts once."""

        self.randomized: dict[str, float] = {}
        """When the `PatientRandomized` of a key came first, by `time.perf_counter`."""

        self._bootstrap = bootstrap
        self._read: dict[TopicPartition, int] = {}
        self._partitions = [
            TopicPartition(topic.name, number)
            for topic in TOPICS
            for number in range(topic.partitions)
        ]

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            with suppress(KafkaError, OSError):
                await self._follow()
            await asyncio.sleep(0.2)

    async def to_the_end(self) -> None:
        """Return when all that is on the topics now has been read; Behind if it takes too long."""
        try:
            async with asyncio.timeout(_SECONDS):
                ends = await self._ends()
                while any(self._read.get(one, 0) < end for one, end in ends.items()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Behind(f"the topics were not read to their ends in {_SECONDS:.0f} s") from None

    async def _ends(self) -> dict[TopicPartition, int]:
        while True:
            with suppress(KafkaError, OSError):
                reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
                try:
                    await reader.start()
                    ends: dict[TopicPartition, int]
                    ends = await reader.end_offsets(self._partitions)
                    return ends
                finally:
                    await reader.stop()
            await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )
        try:
            await consumer.start()
            consumer.assign(self._partitions)
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                    now = time.perf_counter()
                    for record in records:
                        self._hear(record, now)
                    self._read[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()

    def _hear(self, record: Record, now: float) -> None:
        headers = dict(record.headers)
        self.ids.add(headers["ce_id"])
        if headers["ce_type"] == _RANDOMIZED and record.key is not None:
            self.randomized.setdefault(record.key.decode(), now)

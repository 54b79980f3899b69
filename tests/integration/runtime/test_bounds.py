"""Backpressure: however much waits, memory stays within bounds, and what waits is worked off."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.topics import MAX_DEAD_LETTER_BYTES
from shared.runtime import kafka as runtime_kafka
from shared.runtime.record import KafkaRecord
from tests.chaos.groups import length
from tests.chaos.small import Small, owner, small
from tests.chaos.tiny import Asked
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import make_topic, settings_of
from tests.waiting import until

MANY = 100_000
PARTITIONS = 12
KEYS = 50
"""Of each partition."""

ROOM = 48 * 1024
"""KiB above a service at rest. All that waits in the tests below is more than that."""


@pytest.fixture
async def service(kafka: str, postgres: str, tmp_path: Path) -> AsyncIterator[Small]:
    topic = partial(make_topic, partitions=PARTITIONS)
    async with small(kafka, postgres, tmp_path, topic=topic) as made:
        yield made


def peak(service: Small) -> int:
    """The most memory that the process had so far (resident), KiB."""
    [process] = service.processes
    status = Path("/proc", str(process.pid), "status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


async def at_rest(service: Small) -> int:
    """The peak of a process that had nothing to do; it is gone afterwards."""
    service.start()
    await service.works()
    found = peak(service)
    await service.kill()
    return found


async def fill(service: Small) -> None:
    """So many events on the topic, in whole batches: one by one would take longer than the test."""
    producer = AIOKafkaProducer(bootstrap_servers=service.kafka, max_batch_size=60_000)
    await producer.start()
    try:
        for partition in range(PARTITIONS):
            names = [f"IT001-{partition:03}{key:03}" for key in range(KEYS)]
            of_keys = [sent(1, name, data=Asked(subject=name, number=1)) for name in names]
            others = [
                [(name, value) for name, value in one.headers if name[3:] not in ("id", "sequence")]
                for one in of_keys
            ]
            batch = producer.create_batch()
            acks = []
            for nth in range(MANY // PARTITIONS // KEYS * KEYS):
                number, key = nth // KEYS + 1, nth % KEYS
                one = of_keys[key]
                said = Asked(subject=names[key], number=number)
                headers = [
                    *others[key],
                    ("ce_id", str(uuid4()).encode()),
                    ("ce_sequence", str(number).encode()),
                ]
                while not batch.append(
                    timestamp=None, key=one.key, value=said.encode(), headers=headers
                ):
                    acks.append(
                        await producer.send_batch(batch, service.hears, partition=partition)
                    )
                    batch = producer.create_batch()
            acks.append(await producer.send_batch(batch, service.hears, partition=partition))
            await asyncio.gather(*acks)
    finally:
        await producer.stop()


async def test_a_consumer_that_was_away_for_100000_events_works_them_off_in_bounded_memory(
    service: Small,
) -> None:
    before = await at_rest(service)
    await fill(service)
    there = await length(service.kafka, service.hears)
    assert there > MANY - PARTITIONS * KEYS
    service.start()
    await service.works()
    await until(service.at_rest, 180, every=0.5)
    assert peak(service) - before < ROOM
    assert await length(service.kafka, service.says) == there
    async with owner(service.database) as db:
        assert await db.fetchval("SELECT count(*) FROM effect") == there
        assert await db.fetchval("SELECT count(*) FROM dead_letter") == 0


async def test_an_outbox_of_100000_rows_goes_out_in_bounded_memory(service: Small) -> None:
    before = await at_rest(service)
    async with owner(service.database) as db, db.transaction():
        await db.execute(
            "INSERT INTO sequence SELECT $1, 'T1:IT001-' || key, $2 / 100"
            " FROM generate_series(1, 100) AS key",
            service.says,
            MANY,
        )
        await db.execute(
            "INSERT INTO outbox (topic, key, sequence, headers, value)"
            " SELECT $1, 'T1:IT001-' || key, number, $3, convert_to(repeat('x', 1000), 'UTF8')"
            " FROM generate_series(1, $2 / 100) AS number, generate_series(1, 100) AS key",
            service.says,
            MANY,
            json.dumps({"ce_id": str(uuid4())}),
        )
    service.start()
    await service.works()
    await until(service.at_rest, 120, every=0.5)
    assert peak(service) - before < ROOM
    assert await length(service.kafka, service.says) == MANY


async def test_what_is_fetched_at_a_time_is_bounded_and_a_larger_record_still_comes(
    kafka: str,
) -> None:
    """By partition and in all; Kafka hands out one record however large it is (KIP-74)."""
    settings = settings_of(kafka, "", fetch_bytes=65_536, fetch_partition_bytes=65_536)
    topic = await make_topic(kafka, max_bytes=MAX_DEAD_LETTER_BYTES)
    sizes: list[int] = []
    largest: list[int] = []
    large = MAX_DEAD_LETTER_BYTES - 64 * 1024
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, max_request_size=MAX_DEAD_LETTER_BYTES, max_batch_size=16_384
    )
    await producer.start()
    try:
        for size in (*[1000] * 300, large, *[1000] * 300):
            for partition in range(3):
                await producer.send(topic, b"x" * size, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()

    async def take(records: "list[KafkaRecord]") -> None:
        given = [len(record.value or b"") for record in records]
        sizes.extend(given)
        largest.append(sum(given))

    broker = runtime_kafka.broker(settings, "randomizer")
    group = f"g-{uuid4().hex[:8]}"
    runtime_kafka.subscribe(broker, settings, group, [topic], take)  # type: ignore[arg-type]
    await broker.start()
    try:

        async def all_came() -> bool:
            return len(sizes) == 3 * 601

        await until(all_came, 60)
    finally:
        await broker.stop()
    assert sizes.count(large) == 3
    assert max(largest) < 2 * 65_536 + 3 * large
    assert sorted(largest)[len(largest) // 2] <= 3 * 65_536

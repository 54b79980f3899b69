"""Parts of a service put together for one test: settings, topics, a pool, what is on a topic."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.topics import MAX_RECORD_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import outbox
from shared.runtime.database import Connection, Pool
from shared.runtime.outbox import Outgoing
from shared.runtime.restored import Check, raise_sequences
from shared.runtime.settings import Settings
from tests.integration.databases import Database
from tests.integration.runtime.records import Sent
from tests.issuer import AUDIENCE, ISSUER

NOWHERE = Path("/nowhere")


def settings_of(kafka: str, database: str, **others: Any) -> Settings:
    """Settings of a service on these servers, quick to try again."""
    given: dict[str, Any] = {
        "service_port": 0,
        "kafka": kafka,
        "database": database,
        "protocols": NOWHERE,
        "keys": NOWHERE,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks_file": NOWHERE,
        "session_timeout_s": 6,
        "retry_first_s": 0.01,
        "retry_longest_s": 0.1,
        "retries": 2,
        "shutdown_s": 2,
    }
    return Settings(**(given | others))


@asynccontextmanager
async def owning(database: Database, service: str) -> AsyncIterator[Connection]:
    """A connection of the owner that looks into the service's schema."""
    connection = await asyncpg.connect(database.owner, server_settings={"search_path": service})
    try:
        yield connection
    finally:
        await connection.close()


async def put(pool: Pool, *records: Outgoing) -> None:
    """Committed outbox rows."""
    async with pool.acquire() as db, db.transaction():
        await outbox.put(db, records)


async def know_its_topics(settings: Settings, service: str) -> None:
    """Let a new database go on from what others of its service have sent to the shared Kafka."""
    async with (
        runtime_database.pool(settings, service) as pool,
        Check(service, pool, settings) as check,
        pool.acquire() as db,
    ):
        await raise_sequences(db, (await check.look()).ahead)


async def make_topic(kafka: str, partitions: int = 3, max_bytes: int = MAX_RECORD_BYTES) -> str:
    """A topic of this test alone."""
    name = f"test.{uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        made = NewTopic(name, partitions, 1, topic_configs={"max.message.bytes": str(max_bytes)})
        await admin.create_topics([made])
    finally:
        await admin.close()
    return name


async def on_topic(kafka: str, topic: str) -> list["ConsumerRecord[bytes, bytes]"]:
    """Every record of the topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        metadata = await consumer._client.fetch_all_metadata()
        partitions = [TopicPartition(topic, n) for n in metadata.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        while any([await consumer.position(at) < end for at, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


async def produce(kafka: str, topic: str, records: Sequence[Sent]) -> None:
    """Records on a topic, in this order, whatever they hold."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        for record in records:
            await producer.send(
                topic, record.value, key=record.key, headers=[*record.headers], partition=None
            )
        await producer.flush()
    finally:
        await producer.stop()


def sequences(records: Sequence["ConsumerRecord[bytes, bytes]"]) -> dict[str, list[int]]:
    """The sequence numbers of each key, in the order of the topic."""
    found: dict[str, list[int]] = {}
    for record in records:
        number = int(dict(record.headers)["ce_sequence"])
        found.setdefault((record.key or b"").decode(), []).append(number)
    return found


def repeats_left_out(numbers: Sequence[int]) -> list[int]:
    """The numbers in the order in which each came first."""
    return list(dict.fromkeys(numbers))

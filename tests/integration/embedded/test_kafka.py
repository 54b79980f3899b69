"""Kafka in a folder: what it acknowledged survives a kill -9, and one broker owns the folder."""

from functools import partial
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child, tail
from tests.servers import kafka_in, start
from tests.waiting import until

TOPIC = "facts"
ENDED_BY_SIGTERM = 143  # as the JVM tells it
VALUES = [f"fact {number}".encode() for number in range(200)]


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    kafka = kafka_in(tmp_path)
    child = Child(kafka.prepare())
    try:
        await until(partial(kafka_answers, kafka.bootstrap), seconds=60)
        await _produce(kafka.bootstrap)
        child.kill()
        assert child.stop() == -9
        child = Child(kafka.prepare())
        await until(partial(kafka_answers, kafka.bootstrap), seconds=60)
        assert await _consume(kafka.bootstrap) == VALUES
    finally:
        child.kill()
        child.stop()


def test_a_second_broker_on_the_folder_is_refused(tmp_path: Path) -> None:
    first = kafka_in(tmp_path)
    child = start(first.prepare(), partial(kafka_answers, first.bootstrap))
    try:
        (tmp_path / "ports.json").unlink()
        second = kafka_in(tmp_path)
        refused = Child(second.prepare())
        assert refused.wait(60) == 1
        assert "another process uses this folder" in tail(second.log)
        assert child.exit_code() is None
        assert child.stop() == ENDED_BY_SIGTERM
    finally:
        child.kill()


async def _produce(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    for value in VALUES:
        await producer.send(TOPIC, value)
    await producer.stop()


async def _consume(bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        values: list[bytes] = []
        while len(values) < len(VALUES):
            batches = await consumer.getmany(timeout_ms=10_000)
            assert batches, f"only {len(values)} of {len(VALUES)} records came"
            values += [record.value for batch in batches.values() for record in batch]
        return values
    finally:
        await consumer.stop()

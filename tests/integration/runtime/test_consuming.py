"""A consumer begins when Kafka answers, and begins anew after faults that its library keeps."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1
from faststream.kafka import KafkaBroker

from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child, Program
from shared.runtime import kafka as runtime_kafka
from shared.runtime.consuming import Consuming
from shared.runtime.kafka import InHand
from shared.runtime.record import KafkaRecord
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import make_topic, produce, settings_of
from tests.servers import kafka_in
from tests.waiting import until

LOADING = 14  # COORDINATOR_LOAD_IN_PROGRESS, in the protocol's table of errors


@dataclass
class Member:
    """A consumer of one topic that notes the records' offsets."""

    kafka: str
    topic: str
    group: str = field(default_factory=lambda: f"g-{uuid4().hex[:8]}")
    offsets: list[int] = field(default_factory=list)
    brokers: list[KafkaBroker] = field(default_factory=list)

    async def take(self, records: Sequence[KafkaRecord]) -> None:
        self.offsets += [record.offset for record in records]

    def make(self) -> tuple[KafkaBroker, InHand]:
        settings = settings_of(self.kafka, "")
        broker = runtime_kafka.broker(settings, "randomizer")
        self.brokers.append(broker)
        topics = [self.topic]
        return broker, runtime_kafka.subscribe(broker, settings, self.group, topics, self.take)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[Consuming]:
        consuming = Consuming(self.make, settings_of(self.kafka, ""))
        task = asyncio.create_task(consuming.run())
        try:
            yield consuming
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def hears(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.offsets) >= count

        await until(enough, seconds=30)


def answer_heartbeats_as_one_that_loads(broker: KafkaBroker) -> None:
    """Put the coordinator's answer in the way of each heartbeat to come."""
    [subscriber] = broker.subscribers
    coordinator = subscriber.consumer._coordinator  # type: ignore[attr-defined]
    send = coordinator._send_req

    async def loading(request: object) -> Any:
        if isinstance(request, HeartbeatRequest):
            return HeartbeatResponse_v1(throttle_time_ms=0, error_code=LOADING)
        return await send(request)

    coordinator._send_req = loading


async def test_a_coordinator_that_loads_its_groups_does_not_end_the_consumer(kafka: str) -> None:
    member = Member(kafka, await make_topic(kafka))
    await produce(kafka, member.topic, [sent(1)])
    async with member.consuming() as consuming:
        await member.hears(1)
        answer_heartbeats_as_one_that_loads(member.brokers[0])

        async def anew() -> bool:
            return len(member.brokers) == 2 and consuming.joined

        await until(anew, seconds=30)
        await produce(kafka, member.topic, [sent(2)])
        await member.hears(2)
    assert member.offsets == [0, 1]


async def test_one_of_several_brokers_is_enough_to_begin(kafka: str) -> None:
    member = Member(f"127.0.0.1:1,{kafka}", await make_topic(kafka))
    await produce(kafka, member.topic, [sent(1)])
    async with member.consuming():
        await member.hears(1)


async def test_a_consumer_waits_for_a_kafka_that_is_away(tmp_path: Path) -> None:
    server = kafka_in(tmp_path)
    answers = partial(kafka_answers, server.bootstrap)
    with running(server.prepare()):
        await until(answers, seconds=60)
        member = Member(server.bootstrap, await make_topic(server.bootstrap))
        await produce(server.bootstrap, member.topic, [sent(1)])
    async with member.consuming() as consuming:

        async def tried() -> bool:
            return len(member.brokers) > 1

        await until(tried)
        assert not consuming.joined
        with running(server.prepare()):
            await member.hears(1)
            assert consuming.joined


@contextmanager
def running(program: Program) -> Iterator[None]:
    child = Child(program)
    try:
        yield
    finally:
        child.kill()
        child.stop()

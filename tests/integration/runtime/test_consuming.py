"""A consumer begins when Kafka answers, and begins anew after faults that its library keeps."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1, JoinGroupRequest
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
    request_timeout_s: float = 10
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set no batch comes to its end."""

    def __post_init__(self) -> None:
        self.goes_on.set()

    async def take(self, records: Sequence[KafkaRecord]) -> None:
        self.offsets += [record.offset for record in records]
        await self.goes_on.wait()

    def make(self) -> tuple[KafkaBroker, InHand]:
        settings = settings_of(self.kafka, "", request_timeout_s=self.request_timeout_s)
        broker = runtime_kafka.broker(settings, "randomizer")
        self.brokers.append(broker)
        topics = [self.topic]
        return broker, runtime_kafka.subscribe(broker, settings, self.group, topics, self.take)

    @property
    def coordinator(self) -> Any:
        """What in the library speaks with the group's coordinator; None before it has begun."""
        [subscriber] = self.brokers[0].subscribers
        return getattr(subscriber.consumer, "_coordinator", None)  # type: ignore[attr-defined]

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


def answer_heartbeats_as_one_that_loads(member: Member) -> None:
    """Put the coordinator's answer in the way of each heartbeat to come."""
    coordinator = member.coordinator
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
        answer_heartbeats_as_one_that_loads(member)

        async def anew() -> bool:
            return len(member.brokers) == 2 and consuming.joined

        await until(anew, seconds=30)
        await produce(kafka, member.topic, [sent(2)])
        await member.hears(2)
    assert member.offsets == [0, 1]


def count_joins(member: Member) -> list[object]:
    """The requests to join that are sent from here on."""
    coordinator, asked = member.coordinator, []
    send = coordinator._send_req

    async def noted(request: object) -> Any:
        if isinstance(request, JoinGroupRequest):
            asked.append(request)
        return await send(request)

    coordinator._send_req = noted
    return asked


async def test_to_join_may_take_longer_than_a_request(kafka: str) -> None:
    """A member ends its batch before others get its partitions, however often they have to ask."""
    first = Member(kafka, await make_topic(kafka))
    second = Member(kafka, first.topic, first.group, request_timeout_s=0.5)
    await produce(kafka, first.topic, [sent(1)])
    async with first.consuming() as one:
        first.goes_on.clear()
        await first.hears(1)
        async with second.consuming() as other:

            async def begun() -> bool:
                return bool(second.brokers) and second.coordinator is not None

            await until(begun)
            joins = count_joins(second)

            async def gave_up_thrice() -> bool:
                return len(joins) >= 3

            await until(gave_up_thrice, seconds=20)
            assert not other.joined
            first.goes_on.set()

            async def together() -> bool:
                return one.joined and other.joined

            await until(together, seconds=20)
            many = [sent(1, f"IT001-{n:04}") for n in range(2, 50)]
            await produce(kafka, first.topic, many)

            async def all_heard() -> bool:
                return len(first.offsets) + len(second.offsets) >= 49

            await until(all_heard, seconds=20)
            assert second.offsets  # it has partitions of its own
    assert len(first.offsets) + len(second.offsets) == 49
    assert len(first.brokers) == len(second.brokers) == 1


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

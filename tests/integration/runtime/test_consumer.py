"""Promise 2 on a real broker: a batch is acknowledged after its commit and never before."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.contracts.events.screening import ScreeningFailed
from shared.runtime import database as runtime_database
from shared.runtime import kafka as runtime_kafka
from shared.runtime.consumer import Consumer
from shared.runtime.database import Connection, Pool
from shared.runtime.kafka import InHand
from shared.runtime.outbox import NewEvent
from shared.runtime.record import KafkaRecord, Received, Record, load_headers
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection, DataFault, Subscription
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, Sent, failed, sent
from tests.integration.runtime.running import (
    make_topic,
    on_topic,
    owning,
    produce,
    settings_of,
)
from tests.waiting import until

Before = Callable[[list[Received[ScreeningFailed]]], Awaitable[None]]


async def nothing(_: list[Received[ScreeningFailed]]) -> None:
    """What a handler does before its work, unless told."""


@dataclass
class Service:
    """A consuming service: notes what it hears, in its database."""

    kafka: str
    pool: Pool
    settings: Settings
    topic: str
    group: str = field(default_factory=lambda: f"g-{uuid4().hex[:8]}")
    before: Before = nothing
    batches: list[int] = field(default_factory=list)

    @property
    def work(self) -> Work:
        return Work("randomizer", self.pool, self.settings, lambda: NOON, lambda: None)

    async def on_failed(
        self, db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> Sequence[NewEvent]:
        await self.before(batch)
        await db.executemany(
            "INSERT INTO heard (key, attempt) VALUES ($1, $2)",
            [(received.envelope.key, received.data.attempt) for received in batch],
        )
        return [
            NewEvent(
                failed(received.data.subject, received.data.attempt),
                now,
                trial=received.envelope.trial,
                subject=received.data.subject,
                cause=received.envelope,
            )
            for received in batch
        ]

    def consumer(self) -> Consumer:
        subscription = Subscription(self.topic, {ScreeningFailed: self.on_failed})
        return Consumer("randomizer", [subscription], self.work, self.settings)

    @asynccontextmanager
    async def consuming(
        self, take: runtime_kafka.Take | None = None
    ) -> AsyncIterator[tuple[KafkaBroker, InHand]]:
        """A member of the group, as the service's process has it."""
        given = take or self.consumer().take

        async def counted(records: Sequence[KafkaRecord]) -> None:
            self.batches.append(len(records))
            await given(records)

        broker = runtime_kafka.broker(self.settings, "randomizer")
        in_hand = runtime_kafka.subscribe(broker, self.settings, self.group, [self.topic], counted)
        await broker.start()
        try:
            yield broker, in_hand
        finally:
            await broker.stop()

    async def heard(self) -> list[tuple[str, int]]:
        rows = await self.pool.fetch("SELECT key, attempt FROM heard ORDER BY nth")
        return [(row["key"], row["attempt"]) for row in rows]

    async def hears(self, count: int, seconds: float = 20) -> None:
        async def enough() -> bool:
            return len(await self.heard()) >= count

        await until(enough, seconds)

    async def committed(self) -> int:
        """How many records the group has acknowledged."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self.group)
        finally:
            await admin.close()
        return sum(max(found.offset, 0) for found in offsets.values())

    async def acknowledges(self, count: int) -> None:
        async def enough() -> bool:
            return await self.committed() == count

        await until(enough, every=0.1)

    async def rewind(self) -> None:
        """The group's offsets are zero again."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka, group_id=self.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, number) for number in range(3)]
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, 0))
        finally:
            await consumer.stop()

    async def letters(self) -> list[tuple[str, bool]]:
        rows = await self.pool.fetch("SELECT reason, blocks FROM dead_letter ORDER BY id")
        return [(row["reason"], row["blocks"]) for row in rows]


@pytest.fixture
async def service(kafka: str, postgres: str) -> AsyncIterator[Service]:
    async with database(postgres, "randomizer") as addresses:
        async with owning(addresses, "randomizer") as owner:
            await owner.execute(
                "CREATE TABLE heard (nth bigint GENERATED ALWAYS AS IDENTITY, key text,"
                " attempt int); GRANT SELECT, INSERT ON heard TO trialops_randomizer"
            )
        settings = settings_of(kafka, addresses.service)
        async with runtime_database.pool(settings, "randomizer") as pool:
            yield Service(kafka, pool, settings, await make_topic(kafka))


def some(count: int = 10, subjects: int = 4) -> list[Sent]:
    """`count` events of each of some subjects."""
    return [
        sent(number, f"IT001-00{subject:02}")
        for number in range(1, count + 1)
        for subject in range(subjects)
    ]


def in_order(heard: list[tuple[str, int]], count: int, subjects: int = 4) -> bool:
    """Each subject's events are there once, in order."""
    by_key: dict[str, list[int]] = {}
    for key, attempt in heard:
        by_key.setdefault(key, []).append(attempt)
    return len(by_key) == subjects and all(
        attempts == list(range(1, count + 1)) for attempts in by_key.values()
    )


async def test_a_new_group_starts_at_the_earliest_record(service: Service) -> None:
    await produce(service.kafka, service.topic, some())
    async with service.consuming():
        await service.hears(40)
        await service.acknowledges(40)
    assert in_order(await service.heard(), 10)
    assert await service.letters() == []


async def test_every_subscriber_is_explicit_about_its_acknowledgements(service: Service) -> None:
    async with service.consuming() as (broker, in_hand):
        assert broker.subscribers
        for subscriber in broker.subscribers:
            assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
            consumer = subscriber.consumer  # type: ignore[attr-defined]
            assert consumer._enable_auto_commit is False
            assert consumer._auto_offset_reset == "earliest"

        async def joined() -> bool:
            return in_hand.joined

        await until(joined)


async def test_a_batch_is_acknowledged_only_after_its_commit(service: Service) -> None:
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: object) -> None:
        at_work.set()
        await go_on.wait()

    service.before = wait
    await produce(service.kafka, service.topic, some(1))
    async with service.consuming():
        await asyncio.wait_for(at_work.wait(), 20)
        assert await service.committed() == 0
        assert await service.heard() == []
        go_on.set()
        await service.hears(4)
        await service.acknowledges(4)


async def test_killed_between_commit_and_acknowledgement_a_repeat_has_no_effect(
    service: Service,
) -> None:
    await produce(service.kafka, service.topic, some())
    killed = asyncio.Event()

    async def die(records: Sequence[KafkaRecord]) -> None:
        await service.consumer().take(records)
        killed.set()
        await asyncio.Event().wait()  # nothing comes after the commit

    async with service.consuming(die):
        await asyncio.wait_for(killed.wait(), 20)
    before = await service.heard()
    assert before
    assert await service.committed() == 0
    async with service.consuming():
        await service.acknowledges(40)
    assert in_order(await service.heard(), 10)
    assert (await service.heard())[: len(before)] == before
    assert await service.pool.fetchval("SELECT count(*) FROM outbox") == 40


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.PostgresConnectionError("gone"),
        asyncpg.AdminShutdownError("gone"),
        asyncpg.DiskFullError("full"),
        asyncpg.TooManyConnectionsError("too many"),
        OSError("refused"),
        TimeoutError(),
        runtime_database.NotYet(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_batch_comes_again_after_a_passing_fault(
    service: Service, fault: Exception
) -> None:
    times = 0

    async def fail(_: object) -> None:
        nonlocal times
        times += 1
        if times <= 4:  # more often than the retries: the batch itself comes again
            raise fault

    service.before = fail
    await produce(service.kafka, service.topic, some(3))
    async with service.consuming():
        await service.hears(12)
        await service.acknowledges(12)
    assert in_order(await service.heard(), 3)
    assert await service.letters() == []
    assert len(service.batches) >= 2


async def test_a_rolled_back_transaction_is_tried_again_in_the_same_batch(
    service: Service,
) -> None:
    times = 0

    async def fail(_: object) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise asyncpg.DeadlockDetectedError("another was first")
        if times == 2:
            raise runtime_database.Overtaken

    service.before = fail
    await service.consumer().take([replace(record, topic=service.topic) for record in some(2)])
    assert in_order(await service.heard(), 2)


NAMELESS: dict[str, Callable[[Sent], Sent]] = {
    "no id": lambda r: r.with_header("ce_id", None),
    "no sequence": lambda r: r.with_header("ce_sequence", b"\xff"),
    "a key of bytes": lambda r: replace(r, key=b"\xff\xfe"),
    "no key": lambda r: replace(r, key=None),
    "a key longer than an index holds": lambda r: replace(
        r, key=random.Random(3).randbytes(6000).hex().encode()
    ),
    "no headers": lambda r: replace(r, headers=()),
}
POISON: dict[str, Callable[[Sent], Sent]] = {
    "a null header": lambda r: r.with_header("ce_site", None),
    "a header of bytes": lambda r: r.with_header("ce_actor", b"\xff\xfe"),
    "a time before the calendar": lambda r: r.with_header("ce_time", b"0001-01-01T00:00:00+14:00"),
    "a time after the calendar": lambda r: r.with_header("ce_time", b"9999-12-31T23:59:59-14:00"),
    "no value": lambda r: replace(r, value=None),
    "deep nesting": lambda r: replace(r, value=b"[" * 50_000),
    "a huge type": lambda r: r.with_header("ce_type", b"x" * 50_000),
}


@pytest.mark.parametrize("place", ["first", "middle", "last"])
async def test_poison_of_every_kind_becomes_letters_and_its_neighbours_go_through(
    service: Service, place: str
) -> None:
    nameless = [bad(sent(1, "IT001-0066")) for bad in NAMELESS.values()]
    poison = [bad(sent(1, f"IT001-007{n}")) for n, bad in enumerate(POISON.values())]
    bad = nameless + poison
    good = some(3)
    at = {"first": 0, "middle": len(good) // 2, "last": len(good)}[place]
    await produce(service.kafka, service.topic, good[:at] + bad + good[at:])
    async with service.consuming():
        await service.hears(12)
        await service.acknowledges(12 + len(bad))
    assert in_order(await service.heard(), 3)
    letters = await service.letters()
    assert sorted(blocks for _, blocks in letters) == [False] * len(NAMELESS) + [True] * len(POISON)
    said = await service.pool.fetch(
        "SELECT headers FROM outbox WHERE topic = 'trialops.randomizer.dead'"
    )
    assert len(said) == len(bad)


class Bytes(str):
    """A header's name that goes out as bytes that are no text."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


async def produce_at_once(kafka: str, topic: str, records: list[Sent]) -> None:
    """One batch on partition 0, composed by hand: a client's own checks do not apply."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 60_000)
        for record in records:
            headers = list(record.headers)
            batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


async def test_a_header_name_that_is_no_text_becomes_a_letter_and_blocks_its_own_key_alone(
    service: Service,
) -> None:
    bad = sent(1, "IT001-0077").with_header(Bytes("?"), b"\xff")
    behind = sent(2, "IT001-0077")
    good = some(3)
    await produce_at_once(service.kafka, service.topic, [*good[:5], bad, behind, *good[5:]])
    async with service.consuming():
        await service.hears(12)
        await service.acknowledges(14)
    assert in_order(await service.heard(), 3)
    assert await service.letters() == [("a header is null, no text or given twice", True)]
    kept = await service.pool.fetchval("SELECT headers FROM dead_letter")
    assert ("\udcff\udcfe", b"\xff") in load_headers(kept)
    assert await service.pool.fetchval("SELECT count(*) FROM above_watermark") == 1


async def test_a_reply_is_never_sent_where_a_record_asks_for_one(service: Service) -> None:
    elsewhere = await make_topic(service.kafka)
    asking = sent(1).with_header("reply_to", elsewhere.encode())
    await produce(service.kafka, service.topic, [asking, sent(2)])
    async with service.consuming():
        await service.hears(2)
        await service.acknowledges(2)
    assert await on_topic(service.kafka, elsewhere) == []


async def test_an_event_too_large_to_say_undoes_its_own_work_and_no_others(
    service: Service,
) -> None:
    """The handler's rows are gone with the event that could not be kept, and are there once."""
    handle = service.on_failed

    async def says_too_much(
        db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> Sequence[NewEvent]:
        said = list(await handle(db, now, batch))
        for n, received in enumerate(batch):
            if received.envelope.subject == "IT001-0002":
                over = received.data.model_copy(update={"screening": "s" * 70_000})
                said[n] = said[n]._replace(data=over)
        return said

    subscription = Subscription(service.topic, {ScreeningFailed: says_too_much})
    consumer = Consumer("randomizer", [subscription], service.work, service.settings)
    await consumer.take(
        [replace(sent(1, f"IT001-000{n}"), topic=service.topic) for n in range(1, 6)]
    )
    heard = await service.heard()
    assert sorted(heard) == [(f"T1:IT001-000{n}", 1) for n in (1, 3, 4, 5)]
    assert await service.letters() == [("TooLarge", True)]


async def test_two_in_a_group_share_the_work_and_each_event_is_applied_once(
    service: Service,
) -> None:
    async with service.consuming() as (_, first):
        await produce(service.kafka, service.topic, some(20)[:40])
        await service.hears(40)
        async with service.consuming() as (_, second):

            async def both() -> bool:
                return first.joined and second.joined

            await until(both, 20)
            await produce(service.kafka, service.topic, some(20)[40:])
            await service.hears(80)
        await produce(service.kafka, service.topic, [sent(21, f"IT001-000{n}") for n in range(4)])
        await service.hears(84)
        await service.acknowledges(84)
    assert in_order(await service.heard(), 21)


async def test_a_group_that_changes_waits_for_the_batch_in_hand(service: Service) -> None:
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: object) -> None:
        at_work.set()
        await go_on.wait()

    service.before = wait
    await produce(service.kafka, service.topic, some(2))

    async def join() -> None:
        async with service.consuming():
            await service.hears(8)
            await service.acknowledges(8)

    async with service.consuming() as (_, first):
        await asyncio.wait_for(at_work.wait(), 20)
        joining = asyncio.create_task(join())

        async def asked_to_leave() -> bool:
            return first.lock._waiters is not None and len(first.lock._waiters) > 0

        await until(asked_to_leave, 20)
        assert first.joined
        assert await service.heard() == []
        go_on.set()
        await asyncio.wait_for(joining, 30)
    assert in_order(await service.heard(), 2)


async def test_a_batch_that_hangs_does_not_keep_the_process_from_ending(service: Service) -> None:
    at_work = asyncio.Event()

    async def hang(_: object) -> None:
        at_work.set()
        await asyncio.Event().wait()

    service.before = hang
    await produce(service.kafka, service.topic, some(1))
    async with service.consuming():
        await asyncio.wait_for(at_work.wait(), 20)
        ending = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - ending < service.settings.shutdown_s + 3
    assert await service.heard() == []
    assert await service.committed() == 0


async def test_offsets_rewound_to_zero_change_nothing(service: Service) -> None:
    bad = sent(1, "IT001-0077").with_header("ce_site", None)
    await produce(service.kafka, service.topic, [*some(), bad])
    async with service.consuming():
        await service.acknowledges(41)
    before = await service.heard(), await service.letters()
    outbox = await service.pool.fetchval("SELECT count(*) FROM outbox")
    for _ in range(2):
        await service.rewind()
        assert await service.committed() == 0
        async with service.consuming():
            await service.acknowledges(41)
    assert (await service.heard(), await service.letters()) == before
    assert await service.pool.fetchval("SELECT count(*) FROM outbox") == outbox


async def test_two_replicas_that_meet_at_a_new_key_apply_it_once(service: Service) -> None:
    """Neither can lock a watermark that has no row yet; who comes second is undone."""
    meeting = asyncio.Barrier(2)
    met = 0

    async def meet(_: object) -> None:
        nonlocal met
        met += 1
        if met <= 2:
            await meeting.wait()

    service.before = meet
    records = [replace(record, topic=service.topic) for record in some(1, subjects=10)]
    await asyncio.gather(
        service.consumer().take(records), service.consumer().take(list(reversed(records)))
    )
    assert in_order(await service.heard(), 1, subjects=10)
    assert await service.pool.fetchval("SELECT count(*) FROM outbox") == 10


async def test_overlapping_batches_in_any_order_neither_deadlock_nor_repeat(
    service: Service,
) -> None:
    dice = random.Random(5)
    records = [replace(record, topic=service.topic) for record in some(6, subjects=8)]
    patient = service.settings.model_copy(update={"retries": 50})
    service.settings = patient

    async def replica() -> None:
        arrivals = dice.sample(records, len(records))
        consumer = service.consumer()
        for start in range(0, len(arrivals), 11):
            await consumer.take(arrivals[start : start + 11])

    await asyncio.gather(*(replica() for _ in range(4)))
    assert in_order(await service.heard(), 6, subjects=8)
    assert await service.pool.fetchval("SELECT count(*) FROM above_watermark") == 0
    assert await service.letters() == []


async def test_a_cancelled_batch_gives_its_connection_back_and_leaves_nothing(
    service: Service,
) -> None:
    at_work = asyncio.Event()

    async def hang(_: object) -> None:
        at_work.set()
        await asyncio.Event().wait()

    service.before = hang
    records = [replace(record, topic=service.topic) for record in some(1)]
    for _ in range(service.settings.pool_size + 2):
        at_work.clear()
        task = asyncio.create_task(service.consumer().take(records))
        await at_work.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await service.heard() == []
    assert service.pool.get_idle_size() == service.pool.get_size()


async def test_who_never_waits_survives_a_collector_that_refuses(service: Service) -> None:
    taken: list[UUID] = []

    async def collect(db: Connection, now: datetime, records: list[Record]) -> Sequence[NewEvent]:
        for record in records:
            assert record.identity is not None
            if record.identity.sequence == 2:
                raise DataFault("not this one")
        taken.extend(record.identity.ce_id for record in records if record.identity)
        return []

    consumer = Consumer(
        "randomizer", [Collection(service.topic, collect)], service.work, service.settings
    )
    records = [replace(sent(n), topic=service.topic) for n in (1, 2, 3)]
    await consumer.take(records)
    assert await service.letters() == [("not this one", False)]
    assert await service.pool.fetchval("SELECT sequence FROM watermark") == 3
    assert len(taken) == 2

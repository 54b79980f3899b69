"""Promises 2 and 4: every event once, in the order of its key; a bad record waits alone."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

import asyncpg
import pytest

from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.runtime.batch import Batch
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received, Record
from shared.runtime.subscription import Collection, DataFault, Subscription
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, Sent, failed, sent

TOPIC = "trialops.screening"


@dataclass
class Listener:
    """A service that notes what it hears, answers with an event, and refuses what it is told to."""

    db: Connection
    refuses: set[int] = field(default_factory=set)

    async def on_failed(
        self, db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> Sequence[NewEvent]:
        keys = [received.envelope.key for received in batch]
        assert len(set(keys)) == len(keys), "one event of a key in a call"
        for received in batch:
            if received.data.attempt in self.refuses:
                raise DataFault("told to refuse it")
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

    async def hears(self, *records: Sent) -> None:
        """One batch, as the consumer runs it: plainly, and carefully where that fails."""
        subscription = Subscription(TOPIC, {ScreeningFailed: self.on_failed})
        given = [Record.of(record) for record in records]
        try:
            async with self.db.transaction():
                batch = Batch(self.db, "randomizer", NOON)
                await batch.apply(subscription, given)
                await batch.finish()
        except DataFault:
            async with self.db.transaction():
                batch = Batch(self.db, "randomizer", NOON, careful=True)
                await batch.apply(subscription, given)
                await batch.finish()

    async def heard(self, key: str = "T1:IT001-0001") -> list[int]:
        rows = await self.db.fetch("SELECT attempt FROM heard WHERE key = $1 ORDER BY nth", key)
        return [row["attempt"] for row in rows]

    async def letters(self) -> list[str]:
        rows = await self.db.fetch("SELECT reason FROM dead_letter ORDER BY id")
        return [row["reason"] for row in rows]

    async def said(self) -> list[tuple[str, str, int]]:
        rows = await self.db.fetch("SELECT topic, key, sequence FROM outbox ORDER BY id")
        return [tuple(row) for row in rows]


@pytest.fixture
async def listener(postgres: str) -> AsyncIterator[Listener]:
    async with database(postgres, "randomizer") as addresses:
        db = await asyncpg.connect(addresses.owner, server_settings={"search_path": "randomizer"})
        await db.execute(
            "CREATE TABLE heard (nth bigint GENERATED ALWAYS AS IDENTITY, key text, attempt int)"
        )
        yield Listener(db)
        await db.close()


async def test_a_repeat_has_no_effect(listener: Listener) -> None:
    first, second = sent(1), sent(2)
    await listener.hears(first, second)
    await listener.hears(first.again(), second.again(), second.again())
    assert await listener.heard() == [1, 2]
    assert await listener.letters() == []


async def test_events_come_in_the_order_of_their_key_whatever_the_order_of_arrival(
    listener: Listener,
) -> None:
    records = [sent(number, f"IT001-000{key}") for key in range(3) for number in range(1, 31)]
    dice = random.Random(7)
    dice.shuffle(records)
    arrivals = records + records[:40]
    for start in range(0, len(arrivals), 7):
        await listener.hears(*arrivals[start : start + 7])
    for key in range(3):
        assert await listener.heard(f"T1:IT001-000{key}") == list(range(1, 31))
    assert await listener.db.fetchval("SELECT count(*) FROM above_watermark") == 0


async def test_a_gap_of_more_than_memory_holds_at_once_fills(listener: Listener) -> None:
    records = [sent(number) for number in range(1, 351)]
    await listener.hears(*records[1:])
    assert await listener.heard() == []
    await listener.hears(records[0])
    assert await listener.heard() == list(range(1, 351))
    assert await listener.db.fetchval("SELECT bool_or(above) FROM watermark") is False


async def test_a_redelivery_beyond_what_memory_holds_is_seen_for_what_it_is(
    listener: Listener,
) -> None:
    records = [sent(number) for number in range(1, 151)]
    await listener.hears(*records[1:])
    await listener.hears(records[0], records[101].again(), sent(103))
    assert await listener.heard() == list(range(1, 151))
    assert await listener.letters() == ["another event has this key and sequence"]
    assert await listener.db.fetchval("SELECT count(*) FROM above_watermark") == 0


async def test_sequences_of_what_is_said_are_drawn_without_a_gap(listener: Listener) -> None:
    await listener.hears(sent(1), sent(2), sent(1, "IT001-0002"))
    await listener.hears(sent(3))
    said = await listener.said()
    assert sorted(said) == [
        (TOPIC, "T1:IT001-0001", 1),
        (TOPIC, "T1:IT001-0001", 2),
        (TOPIC, "T1:IT001-0001", 3),
        (TOPIC, "T1:IT001-0002", 1),
    ]


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_a_refused_record_is_one_letter_and_its_neighbours_go_through(
    listener: Listener, place: int
) -> None:
    listener.refuses = {place + 1}
    numbers = range(1, 8)
    records = [sent(1, f"IT001-000{n}", data=failed(f"IT001-000{n}", attempt=n)) for n in numbers]
    await listener.hears(*records)
    for n in numbers:
        heard = await listener.heard(f"T1:IT001-000{n}")
        assert heard == ([] if n == place + 1 else [n])
    assert await listener.letters() == ["told to refuse it"]


async def test_later_records_of_a_dead_letters_key_wait_behind_it(listener: Listener) -> None:
    listener.refuses = {2}
    records = [sent(n) for n in (1, 2, 3, 4)]
    await listener.hears(*records, sent(1, "IT001-0002"))
    await listener.hears(*(record.again() for record in records))
    assert await listener.heard() == [1]
    assert await listener.heard("T1:IT001-0002") == [1]
    assert await listener.letters() == ["told to refuse it"]
    assert await listener.db.fetchval("SELECT count(*) FROM above_watermark") == 2


POISON = {
    "no JSON": lambda r: replace(r, value=b"{"),
    "no value": lambda r: replace(r, value=None),
    "empty": lambda r: replace(r, value=b""),
    "no UTF-8": lambda r: replace(r, value=b"\xff\xfe"),
    "deeply nested": lambda r: replace(r, value=b"[" * 20_000 + b"]" * 20_000),
    "a field missing": lambda r: replace(r, value=b"{}"),
    "a wrong type": lambda r: replace(r, value=r.value.replace(b'"attempt":1', b'"attempt":"1"')),
    "unknown version": lambda r: r.with_header("ce_type", b"trialops.ScreeningFailed.v9"),
    "a null header": lambda r: r.with_header("ce_site", None),
    "a header of bytes": lambda r: r.with_header("ce_actor", b"\xff"),
    "a header twice": lambda r: replace(r, headers=(*r.headers, ("ce_actor", b"x"))),
    "no time": lambda r: r.with_header("ce_time", b"yesterday"),
    "a key that is not its own": lambda r: r.with_header("ce_trial", b"T2"),
}


@pytest.mark.parametrize("kind", POISON)
async def test_poison_becomes_one_letter_that_tells_no_value(listener: Listener, kind: str) -> None:
    poison = POISON[kind](sent(1))
    await listener.hears(sent(1, "IT001-0002"), poison, sent(1, "IT001-0003"))
    await listener.hears(poison, sent(2))
    assert await listener.heard() == []
    assert await listener.heard("T1:IT001-0002") == [1]
    assert await listener.heard("T1:IT001-0003") == [1]
    assert len(await listener.letters()) == 1
    assert [topic for topic, _, _ in await listener.said()].count("trialops.randomizer.dead") == 1


@pytest.mark.parametrize("header", ["ce_id", "ce_sequence"])
async def test_a_record_without_identity_blocks_nothing(listener: Listener, header: str) -> None:
    nameless = sent(1).with_header(header, b"what?")
    await listener.hears(nameless, sent(1))
    await listener.hears(nameless)
    assert await listener.heard() == [1]
    assert await listener.letters() == ["key, ce_id or ce_sequence cannot be read"]


async def test_another_id_under_a_known_sequence_is_a_letter_that_blocks_nothing(
    listener: Listener,
) -> None:
    await listener.hears(sent(1))
    await listener.hears(sent(1))  # another id at the watermark
    await listener.hears(sent(3))
    await listener.hears(sent(3))  # another id among those waiting
    await listener.hears(sent(2))
    assert await listener.heard() == [1, 2, 3]
    assert await listener.letters() == ["another event has this key and sequence"] * 2


async def test_an_unknown_type_passes_by_and_a_known_one_that_nobody_handles_too(
    listener: Listener,
) -> None:
    strange = sent(1).with_header("ce_type", b"trialops.SomethingNew.v1")
    other = sent(2).with_header("ce_type", PatientScreened.ce_type().encode())
    await listener.hears(strange, other, sent(3))
    assert await listener.heard() == [3]
    assert await listener.letters() == []


async def test_who_never_waits_takes_everything_once_and_remembers_what_it_took(
    listener: Listener,
) -> None:
    taken: list[int] = []

    async def collect(db: Connection, now: datetime, records: list[Record]) -> Sequence[NewEvent]:
        taken.extend(record.identity.sequence for record in records if record.identity)
        return []

    async def hears(*records: Sent) -> None:
        given = [Record.of(record) for record in records]
        async with listener.db.transaction():
            batch = Batch(listener.db, "audit", NOON)
            await batch.collect(Collection(TOPIC, collect), given)
            await batch.finish()

    late = sent(1)
    await hears(sent(3), sent(2))
    assert taken == [3, 2]
    assert await listener.db.fetchval("SELECT count(*) FROM above_watermark") == 2
    await hears(late)
    assert taken == [3, 2, 1]
    assert await listener.db.fetchval("SELECT sequence FROM watermark") == 3
    assert await listener.db.fetchval("SELECT count(*) FROM above_watermark") == 0
    await hears(sent(5, ce_id=uuid4()), sent(5))
    assert await listener.letters() == ["another event has this key and sequence"]

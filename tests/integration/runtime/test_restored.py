"""A database older than its own topics, or than its offsets, is noticed before any work is done."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from fastapi import FastAPI

from shared.contracts.topics import Topic
from shared.runtime import database as runtime_database
from shared.runtime import kafka as runtime_kafka
from shared.runtime import restored as runtime_restored
from shared.runtime import restoring
from shared.runtime.database import Pool
from shared.runtime.opening import Doorway, Opening
from shared.runtime.outbox import Outgoing
from shared.runtime.relay import Relay
from shared.runtime.restored import Behind, Check, partitions, raise_sequences, tail
from shared.runtime.restoring import Able, Wish
from shared.runtime.rewound import rewind
from shared.runtime.settings import Settings
from tests.integration.databases import Database, database
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import make_topic, produce, put, settings_of
from tests.integration.runtime.test_relay import emptied, relaying
from tests.waiting import until

KEYS = ("T1:IT001-0001", "T1:IT001-0002", "T1")
OURS = ("sequence", "outbox", "sent_up_to", "watermark")


@dataclass
class Ground:
    """A service's database with one topic of its own."""

    kafka: str
    addresses: Database
    settings: Settings
    pool: Pool
    topic: str

    async def say(self, *keys: str, **headers: str) -> None:
        """Commit one event a key, and see it go out."""
        said = [
            Outgoing(self.topic, key, {"ce_id": str(uuid4()), **headers}, b"{}") for key in keys
        ]
        await put(self.pool, *said)
        async with relaying(self.pool, self.settings):
            await emptied(self.pool)

    async def look(self) -> Behind:
        async with Check("randomizer", self.pool, self.settings, [self.topic]) as check:
            return await check.look()

    async def backup(self) -> dict[str, list[asyncpg.Record]]:
        """The rows of the runtime's tables, as one snapshot has them."""
        async with self.pool.acquire() as db, db.transaction(isolation="repeatable_read"):
            return {table: await db.fetch(f"SELECT * FROM {table}") for table in OURS}  # noqa: S608

    async def restore(self, rows: dict[str, list[asyncpg.Record]]) -> None:
        owner = await asyncpg.connect(
            self.addresses.owner, server_settings={"search_path": "randomizer"}
        )
        try:
            async with owner.transaction():
                for table, kept in rows.items():
                    await owner.execute(f"TRUNCATE {table}")
                    await owner.copy_records_to_table(table, records=map(tuple, kept))
        finally:
            await owner.close()


@pytest.fixture
async def ground(kafka: str, postgres: str) -> AsyncIterator[Ground]:
    async with database(postgres, "randomizer") as addresses:
        settings = settings_of(kafka, addresses.service)
        async with runtime_database.pool(settings, "randomizer") as pool:
            yield Ground(kafka, addresses, settings, pool, await make_topic(kafka))


async def test_a_database_that_sent_everything_itself_is_no_fault(ground: Ground) -> None:
    assert not await ground.look()
    await ground.say(*KEYS, *KEYS)
    assert not await ground.look()
    before = await ground.backup()
    before["sent_up_to"] = []
    await ground.restore(before)  # as a database from before this table was
    assert not await ground.look()


async def test_rows_sent_and_not_yet_deleted_are_no_fault(ground: Ground) -> None:
    await put(
        ground.pool, *(Outgoing(ground.topic, key, {"ce_id": str(uuid4())}, b"{}") for key in KEYS)
    )
    before = await ground.backup()  # committed, and not sent
    async with relaying(ground.pool, ground.settings):
        await emptied(ground.pool)
    await ground.restore(before)
    assert not await ground.look()
    await ground.say(KEYS[0])  # they go out once more: harmless
    assert not await ground.look()


async def test_an_older_database_is_told_with_its_keys(ground: Ground) -> None:
    await ground.say(*KEYS)
    before = await ground.backup()
    await ground.say(KEYS[0], KEYS[1], KEYS[0])
    await ground.restore(before)
    behind = await ground.look()
    places = {(ground.topic, KEYS[0]): 3, (ground.topic, KEYS[1]): 2}
    assert behind.ahead == places
    assert behind.drawn == dict.fromkeys(places, 1)
    assert behind.counts() == [(ground.topic, 2)]
    line = behind.line()
    assert f"randomizer refuses to work: 2 keys of {ground.topic}" in line
    assert "trialops restore randomizer" in line
    assert "IT001" not in line
    async with ground.pool.acquire() as db:
        await raise_sequences(db, behind.ahead)
    assert not await ground.look()
    await ground.say(*KEYS)
    assert not await ground.look()


@pytest.mark.parametrize("reason", [None, "the disk failed"])
async def test_a_person_is_told_what_is_left_to_do(
    ground: Ground,
    reason: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How much of what was forgotten, and what of it does not come back by itself."""
    ours = Topic(ground.topic, "randomizer", readers=())
    monkeypatch.setattr(runtime_restored, "TOPICS", (ours,))
    before = await ground.backup()
    await ground.say(*KEYS, ce_type="trialops.ScreeningSubmitted.v1")
    await ground.say(KEYS[0], ce_type="trialops.ScreeningSigned.v1")
    await ground.restore(before)
    able = Able("randomizer", None, "enter the forms again")
    code = await restoring.main(able, ground.settings, Wish(reason, "somebody"))
    told = capsys.readouterr()
    assert code == (1 if reason is None else 0)
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert rows[:3] == [
        {"service": "randomizer", "topic": ground.topic, "keys": 3},
        {"service": "randomizer", "event": "trialops.ScreeningSigned.v1", "count": 1},
        {"service": "randomizer", "event": "trialops.ScreeningSubmitted.v1", "count": 3},
    ]
    line = "trialops: randomizer: not taken back, for a person to do: enter the forms again"
    assert line in told.err.splitlines()
    assert bool(await ground.look()) == (reason is None)


async def test_an_empty_database_beside_full_topics_is_an_older_one(ground: Ground) -> None:
    empty = await ground.backup()
    await ground.say(*KEYS)
    await ground.restore(empty)
    assert (await ground.look()).counts() == [(ground.topic, 3)]


async def test_a_record_that_no_relay_of_ours_sent_is_no_evidence(ground: Ground) -> None:
    await ground.say(*KEYS)
    forged = sent(9, subject="IT001-0001")
    untraced = [header for header in forged.headers if header[0] != "ce_traceparent"]
    assert len(untraced) < len(forged.headers)
    await produce(ground.kafka, ground.topic, [replace(forged, headers=untraced)])
    assert not await ground.look()
    await produce(ground.kafka, ground.topic, [forged])
    assert await ground.look()


async def test_a_check_reads_only_what_came_after_the_relay_noted(ground: Ground) -> None:
    """A record below what was acknowledged is known: whatever stands there is not read again."""
    await ground.say(*KEYS)
    await produce(ground.kafka, ground.topic, [sent(9, subject="IT001-0001")])
    ahead = (await ground.look()).ahead
    assert set(ahead.values()) == {9}
    async with ground.pool.acquire() as db:
        ends = await _ends(ground)
        await db.executemany(
            'UPDATE sent_up_to SET "offset" = $3 WHERE topic = $1 AND "partition" = $2',
            [(at.topic, at.partition, end) for at, end in ends.items()],
        )
    assert not await ground.look()


async def _ends(ground: Ground) -> dict[TopicPartition, int]:
    consumer = runtime_kafka.reader(ground.settings, "randomizer")
    await consumer.start()
    try:
        places = await partitions(consumer, [ground.topic])
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return found
    finally:
        await consumer.stop()


async def test_the_relay_notes_the_ends_through_a_take_over(ground: Ground) -> None:
    """Two that both believe to lead: the note never passes what is there, and never goes back."""
    first, second = (
        Relay("randomizer", ground.pool, ground.settings, str(uuid4())) for _ in range(2)
    )
    said = [Outgoing(ground.topic, KEYS[n % 3], {"ce_id": str(uuid4())}, b"{}") for n in range(90)]
    await put(ground.pool, *said)
    async with ground.pool.acquire() as one, ground.pool.acquire() as two:
        first.leads = second.leads = True
        first._leased_until = second._leased_until = float("inf")
        await asyncio.gather(first._drain(one), second._drain(two))
    await asyncio.gather(first._sender.drop(), second._sender.drop())
    rows = await ground.pool.fetch('SELECT "partition", "offset" FROM sent_up_to')
    noted = {row["partition"]: row["offset"] for row in rows}
    assert noted == {at.partition: end for at, end in (await _ends(ground)).items() if end}
    assert not await ground.look()


async def test_a_topic_that_ends_before_what_was_acknowledged_is_told(ground: Ground) -> None:
    await ground.say(*KEYS)
    await ground.pool.execute('UPDATE sent_up_to SET "offset" = "offset" + 1')
    behind = await ground.look()
    assert (behind.ahead, behind.lost) == ({}, (ground.topic,))
    assert f"{ground.topic} ends before what was acknowledged" in behind.line()


async def test_what_another_replica_sends_meanwhile_is_no_loss(ground: Ground) -> None:
    """As in a rolling restart: the ends are those of a moment ago when it notes newer ones."""
    await ground.say(*KEYS)
    async with Check("randomizer", ground.pool, ground.settings, [ground.topic]) as check:
        ask = check._consumer.end_offsets

        async def ends_of_a_moment_ago(places: list[TopicPartition]) -> dict[TopicPartition, int]:
            ends: dict[TopicPartition, int] = await ask(places)
            await ground.say(*KEYS)
            return ends

        check._consumer.end_offsets = ends_of_a_moment_ago
        assert not await check.look()


async def test_an_end_that_is_never_reached_is_given_up(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic was cut after its end was asked for: whoever waits says so and asks again."""
    monkeypatch.setattr(runtime_restored, "_PATIENCE_S", 1)
    await ground.say(*KEYS)
    ends = await _ends(ground)
    consumer = runtime_kafka.reader(ground.settings, "randomizer")
    await consumer.start()
    beyond = {at: end + 1 for at, end in ends.items()}

    async def read() -> None:
        async for _ in tail(consumer, dict.fromkeys(ends, 0), beyond):
            pass

    try:
        with pytest.raises(KafkaTimeoutError, match=ground.topic):
            await asyncio.wait_for(read(), 30)
    finally:
        await consumer.stop()


async def test_offsets_that_the_database_does_not_know_are_rewound(ground: Ground) -> None:
    """What was passed and forgotten comes again; what is known is left where it is."""
    group = f"g-{uuid4().hex[:8]}"
    records = [sent(n, subject="IT001-0001") for n in range(1, 6)]
    await produce(ground.kafka, ground.topic, records)
    key = (records[0].key or b"").decode()
    await ground.pool.execute("INSERT INTO watermark VALUES ($1, $2, 5)", ground.topic, key)
    await _commit(ground, group, await _ends(ground))
    assert not await rewind(group, [ground.topic], ground.pool, ground.settings)
    await ground.pool.execute("UPDATE watermark SET sequence = 4")
    assert await rewind(group, [ground.topic], ground.pool, ground.settings)
    assert set((await _committed(ground, group)).values()) == {0}
    assert not await rewind(group, [ground.topic], ground.pool, ground.settings)


async def test_a_repeat_at_the_end_does_not_hide_what_was_forgotten(ground: Ground) -> None:
    """A relay that woke after a take-over sent an old record again, after the newest."""
    group = f"g-{uuid4().hex[:8]}"
    records = [sent(n, subject="IT001-0001") for n in range(1, 4)]
    await produce(ground.kafka, ground.topic, [*records, records[0], records[1]])
    await _commit(ground, group, await _ends(ground))
    key = (records[0].key or b"").decode()
    await ground.pool.execute("INSERT INTO watermark VALUES ($1, $2, 2)", ground.topic, key)
    assert await rewind(group, [ground.topic], ground.pool, ground.settings)


async def test_a_record_that_waits_or_is_a_letter_is_known(ground: Ground) -> None:
    group = f"g-{uuid4().hex[:8]}"
    records = [sent(3, subject="IT001-0001")]
    await produce(ground.kafka, ground.topic, records)
    await _commit(ground, group, await _ends(ground))
    key = (records[0].key or b"").decode()
    await ground.pool.execute(
        "INSERT INTO above_watermark VALUES ($1, $2, 3, $3, 0, 0)", ground.topic, key, uuid4()
    )
    assert not await rewind(group, [ground.topic], ground.pool, ground.settings)


async def _commit(ground: Ground, group: str, ends: dict[TopicPartition, int]) -> None:
    consumer = runtime_kafka.reader(ground.settings, "test", group)
    await consumer.start()
    try:
        consumer.assign(list(ends))
        await consumer.commit(ends)
    finally:
        await consumer.stop()


async def _committed(ground: Ground, group: str) -> dict[TopicPartition, int | None]:
    consumer = runtime_kafka.reader(ground.settings, "test", group)
    await consumer.start()
    try:
        return {at: await consumer.committed(at) for at in await _ends(ground)}
    finally:
        await consumer.stop()


async def test_nothing_but_health_is_answered_before_the_check(kafka: str, postgres: str) -> None:
    opening = Opening()
    app = FastAPI()

    @app.get("/livez")
    async def livez() -> dict[str, bool]:
        return {"live": True}

    @app.post("/v1/things")
    async def things() -> dict[str, bool]:
        return {"kept": True}

    transport = httpx.ASGITransport(Doorway(app, opening))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/livez")).status_code == 200
        refused = await client.post("/v1/things")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
        opening.done = True
        assert (await client.post("/v1/things")).status_code == 200


async def test_a_check_waits_for_kafka_and_then_goes_on(ground: Ground) -> None:
    opening = Opening()
    nowhere = settings_of("127.0.0.1:9", ground.addresses.service)
    task = asyncio.create_task(opening.check("randomizer", [], ground.pool, nowhere))

    async def waits() -> bool:
        return "waits for Kafka" in opening.why

    try:
        await until(waits, 20)
        assert not task.done()
        assert opening.told() == {"refuses": False, "why": opening.why}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

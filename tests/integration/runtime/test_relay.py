"""Promise 1: what is committed goes out, in the order of its key, through any fault."""

import asyncio
import gc
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from deploy.embedded.kafka import Kafka
from deploy.embedded.probes import kafka_answers
from deploy.embedded.process import Child
from shared.contracts.envelope import Envelope
from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, MAX_EVENT_BYTES, MAX_RECORD_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import outbox
from shared.runtime.database import Pool
from shared.runtime.outbox import Outgoing
from shared.runtime.relay import Relay
from shared.runtime.sender import Sender
from shared.runtime.settings import Settings
from tests.integration.databases import Database, database
from tests.integration.runtime.records import NOON
from tests.integration.runtime.running import (
    make_topic,
    on_topic,
    put,
    repeats_left_out,
    sequences,
    settings_of,
)
from tests.servers import kafka_in, start
from tests.waiting import until


@pytest.fixture
async def addresses(postgres: str) -> AsyncIterator[Database]:
    async with database(postgres, "randomizer") as made:
        yield made


@pytest.fixture
async def settings(kafka: str, addresses: Database) -> Settings:
    return settings_of(kafka, addresses.service)


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with runtime_database.pool(settings, "randomizer") as opened:
        yield opened


@asynccontextmanager
async def relaying(pool: Pool, settings: Settings) -> AsyncIterator[Relay]:
    relay = Relay("randomizer", pool, settings, str(uuid4()))
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def some(topic: str, key: str = "T1:IT001-0001", value: bytes = b"{}") -> Outgoing:
    return Outgoing(topic, key, {"ce_id": str(uuid4())}, value)


async def emptied(pool: Pool, seconds: float = 20) -> None:
    async def empty() -> bool:
        found: bool = await pool.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)")
        return found

    await until(empty, seconds)


async def leading(relay: Relay, seconds: float = 10) -> None:
    async def leads() -> bool:
        return relay.leads

    await until(leads, seconds)


async def test_everything_goes_out_in_the_order_of_its_key_while_eight_write(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    topic = await make_topic(kafka)
    keys = [f"T1:IT001-000{n}" for n in range(5)]
    committed: dict[str, int] = dict.fromkeys(keys, 0)

    async def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(25):
            given = [some(topic, dice.choice(keys)) for _ in range(dice.randint(1, 5))]
            async with pool.acquire() as db:
                transaction = db.transaction()
                await transaction.start()
                await outbox.put(db, given)
                if dice.random() < 0.2:
                    await transaction.rollback()
                    continue
                await transaction.commit()
            relay.wake()
            for record in given:
                committed[record.key] += 1

    async with relaying(pool, settings) as relay:
        await asyncio.gather(*(write(seed) for seed in range(8)))
        await emptied(pool)
    found = sequences(await on_topic(kafka, topic))
    assert found == {key: list(range(1, count + 1)) for key, count in committed.items()}


async def test_a_record_has_its_key_value_and_headers_with_the_sequence_drawn(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    topic = await make_topic(kafka)
    told = {"ce_traceparent": "t", "ce_id": "1", "ce_actor": "Zo\u00eb"}
    await put(pool, Outgoing(topic, "T1:IT001-0001", told, b'{"a":1}'))
    async with relaying(pool, settings):
        await emptied(pool)
    [record] = await on_topic(kafka, topic)
    assert (record.key, record.value) == (b"T1:IT001-0001", b'{"a":1}')
    assert record.headers == (
        ("ce_traceparent", b"t"),
        ("ce_id", b"1"),
        ("ce_actor", "Zo\u00eb".encode()),
        ("ce_sequence", b"1"),
    )


async def test_a_row_that_commits_late_is_not_lost(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    topic = await make_topic(kafka)
    async with relaying(pool, settings) as relay, pool.acquire() as late:
        held = late.transaction()
        await held.start()
        await outbox.put(late, [some(topic, "T1:IT001-0001")])
        await put(pool, some(topic, "T1:IT001-0002"))  # a higher id, committed first
        relay.wake()
        await emptied(pool)
        await held.commit()
        relay.wake()
        await emptied(pool)
    assert sequences(await on_topic(kafka, topic)) == {"T1:IT001-0001": [1], "T1:IT001-0002": [1]}


async def test_a_backlog_of_one_key_fits_what_the_broker_takes(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    """A topic's limit is on whole batches: a producer that fills larger ones sends nothing."""
    topic = await make_topic(kafka, max_bytes=MAX_RECORD_BYTES)
    await put(pool, *(some(topic, value=b"x" * 1000) for _ in range(1500)))
    async with relaying(pool, settings):
        await emptied(pool)
    assert sequences(await on_topic(kafka, topic)) == {"T1:IT001-0001": list(range(1, 1501))}


async def test_the_largest_event_and_the_largest_letter_go_out(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    topic = await make_topic(kafka, max_bytes=MAX_RECORD_BYTES)
    dead = await make_topic(kafka, max_bytes=MAX_DEAD_LETTER_BYTES)
    envelope = Envelope(
        id=uuid4(),
        source="/trialops/notification",
        type=f"trialops.{'N' * 64}.v9999",
        time=NOON.replace(microsecond=1),
        actor="\U0001f9ec" * 200,
        sequence=10**18 - 1,
        trial="T" * 40,
        subject="AAAAAAAA-999999",
        site="AAAAAAAA",
        causation=uuid4(),
        traceparent=f"00-{'f' * 32}-{'f' * 16}-01",
    )
    headers = dict(envelope.headers())
    letter = b"x" * (MAX_DEAD_LETTER_BYTES - 64 * 1024)
    await put(
        pool,
        Outgoing(topic, envelope.key, headers, b"x" * MAX_EVENT_BYTES),
        *(Outgoing(dead, "T1", headers, letter) for _ in range(20)),
    )
    async with relaying(pool, settings):
        await emptied(pool, 30)
    assert len(await on_topic(kafka, topic)) == 1
    assert len(await on_topic(kafka, dead)) == 20


async def test_a_row_that_cannot_be_sent_keeps_back_its_own_key_alone(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    """Rows are deleted only after the broker's ack, and those with one are not sent again."""
    topic = await make_topic(kafka, max_bytes=MAX_RECORD_BYTES)
    refused = b"x" * (MAX_RECORD_BYTES + 1)  # by the broker
    too_large = b"x" * (MAX_DEAD_LETTER_BYTES + 1)  # by the producer
    await put(pool, some(topic, "T1:IT001-0001", refused), some(topic, "T1:IT001-0002", too_large))
    for n in range(300):
        await put(pool, some(topic, f"T1:IT001-000{n % 5 + 1}"))
    async with relaying(pool, settings) as relay:

        async def only_those_stay() -> bool:
            relay.wake()
            rows = await pool.fetch("SELECT DISTINCT key FROM outbox ORDER BY key")
            return [row["key"] for row in rows] == ["T1:IT001-0001", "T1:IT001-0002"]

        await until(only_those_stay, 20)
        await put(pool, some(topic, "T1:IT001-0009"))

        async def a_new_one_is_sent() -> bool:
            return not await pool.fetchval(
                "SELECT EXISTS (SELECT FROM outbox WHERE key = 'T1:IT001-0009')"
            )

        await until(a_new_one_is_sent, 20)
        async with pool.acquire() as db:
            await db.execute("UPDATE outbox SET value = '' WHERE length(value) > 65000")
        await emptied(pool)
    found = sequences(await on_topic(kafka, topic))
    for key, numbers in found.items():
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1)), key
        if key > "T1:IT001-0002":
            assert len(numbers) == len(set(numbers)), "sent again though acknowledged"
    assert repeats_left_out(found["T1:IT001-0002"]) == list(range(1, 62))


async def test_a_topic_that_is_not_there_keeps_no_other_waiting(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    missing, topic = f"missing-{uuid4()}", await make_topic(kafka)
    await put(pool, some(missing), some(topic))
    patient = {"request_timeout_s": 60, "send_timeout_s": 60}  # it waits so long for the other
    sender = Sender("randomizer", settings.model_copy(update=patient))
    rows = await pool.fetch("SELECT id, topic, key, sequence, headers, value FROM outbox")
    sending = asyncio.create_task(sender.send(rows))
    try:

        async def arrived() -> bool:
            return len(await on_topic(kafka, topic)) == 1

        await until(arrived, 20)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await sender.drop()


# ---- the lease


async def test_more_rows_than_a_round_that_cannot_be_sent_keep_back_no_other_key(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    topic, keys = await make_topic(kafka), [f"T1:IT001-{n:04}" for n in range(60)]
    refused, others = keys[:30], keys[30:]
    await put(pool, *(some(topic, key, b"x" * (MAX_RECORD_BYTES + 1)) for key in refused))
    await put(pool, *(some(topic, key) for key in keys))
    async with relaying(pool, settings.model_copy(update={"relay_rows": 10})):

        async def only_those_stay() -> bool:
            left = await pool.fetch("SELECT DISTINCT key FROM outbox ORDER BY key")
            return [row["key"] for row in left] == refused

        await until(only_those_stay, 20)
        await pool.execute("UPDATE outbox SET value = '{}' WHERE length(value) > 65000")
        await emptied(pool)
    found = sequences(await on_topic(kafka, topic))
    assert {key: repeats_left_out(of) for key, of in found.items()} == {
        **{key: [1, 2] for key in refused},
        **{key: [1] for key in others},
    }


async def test_what_commits_late_among_rows_that_are_kept_back_keeps_its_order(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    """The relay is past its place already when it commits, and so does the next of its key."""
    topic, key = await make_topic(kafka), "T1:IT001-9999"
    relay = Relay("randomizer", pool, settings.model_copy(update={"relay_rows": 5}), "nobody")
    relay.leads, relay._leased_until = True, float("inf")
    async with pool.acquire() as db, pool.acquire() as late:
        async with late.transaction():
            await outbox.put(late, [some(topic, key)])
            refused = b"x" * (MAX_RECORD_BYTES + 1)
            await put(pool, *(some(topic, f"T1:IT001-{n:04}", refused) for n in range(12)))
            with pytest.raises(MessageSizeTooLargeError):
                await relay._drain(db)
        await put(pool, some(topic, key))
        for _ in range(20):
            await relay._sender.drop()
            with suppress(MessageSizeTooLargeError):
                await relay._drain(db)
    await relay._sender.drop()
    assert sequences(await on_topic(kafka, topic)) == {key: [1, 2]}


async def hold(owner: asyncpg.Connection, seconds: float) -> None:
    """The lease is another relay's, on this connection."""
    await owner.execute(
        """
        INSERT INTO relay_lease (owner, backend, until)
        VALUES ($1, pg_backend_pid(), now() + make_interval(secs => $2))
        """,
        uuid4(),
        seconds,
    )


@asynccontextmanager
async def another(addresses: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(
        addresses.service, server_settings={"search_path": "randomizer"}
    )
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_killed_relays_lease_is_taken_over_at_once(
    kafka: str, pool: Pool, settings: Settings, addresses: Database
) -> None:
    topic = await make_topic(kafka)
    await put(pool, some(topic))
    async with another(addresses) as killed:
        await hold(killed, 3600)
        async with relaying(pool, settings) as relay:
            for _ in range(5):
                relay.wake()
                await asyncio.sleep(0.02)
            assert not relay.leads
            await killed.close()
            await leading(relay, 3)
            await emptied(pool)
    assert await pool.fetchval("SELECT epoch FROM relay_lease") == 2


async def test_a_frozen_relays_lease_is_taken_over_when_it_ends(
    kafka: str, pool: Pool, settings: Settings, addresses: Database
) -> None:
    topic = await make_topic(kafka)
    await put(pool, some(topic))
    async with another(addresses) as frozen:
        await hold(frozen, 1.5)
        until_when = await pool.fetchval("SELECT until FROM relay_lease")
        async with relaying(pool, settings) as relay:
            await leading(relay, 5)
            assert await pool.fetchval("SELECT now() > $1", until_when)
            await emptied(pool)


async def test_a_woken_relay_whose_lease_is_gone_changes_nothing(
    kafka: str, pool: Pool, settings: Settings
) -> None:
    """Two that both believe to lead: rows may go out twice, but none is lost or out of order."""
    topic = await make_topic(kafka)
    first = Relay("randomizer", pool, settings, str(uuid4()))
    second = Relay("randomizer", pool, settings, str(uuid4()))
    await put(pool, *(some(topic, f"T1:IT001-000{n % 3}") for n in range(90)))
    async with pool.acquire() as one, pool.acquire() as two:
        first.leads = second.leads = True
        first._leased_until = second._leased_until = float("inf")
        await asyncio.gather(first._drain(one), second._drain(two))
    await asyncio.gather(first._sender.drop(), second._sender.drop())
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0
    found = sequences(await on_topic(kafka, topic))
    assert all(repeats_left_out(numbers) == list(range(1, 31)) for numbers in found.values())


async def test_a_standby_passes_its_wakes_on(kafka: str, pool: Pool, addresses: Database) -> None:
    slow = settings_of(kafka, addresses.service, relay_poll_s=3600)
    topic = await make_topic(kafka)
    async with relaying(pool, slow) as leader:
        await leading(leader)
        async with relaying(pool, slow) as standby:
            for n in range(5):
                await put(pool, some(topic, value=str(n).encode()))
                standby.wake()
                await emptied(pool, 5)
            assert not standby.leads
    assert sequences(await on_topic(kafka, topic)) == {"T1:IT001-0001": [1, 2, 3, 4, 5]}


async def test_a_relay_that_cannot_send_lets_another_lead(
    kafka: str, pool: Pool, settings: Settings, addresses: Database
) -> None:
    cut_off = settings_of("127.0.0.1:1", addresses.service, send_timeout_s=1)
    topic = await make_topic(kafka)
    async with relaying(pool, cut_off) as lame:
        await leading(lame)
        await put(pool, some(topic))
        lame.wake()
        async with relaying(pool, settings):
            await emptied(pool, 8)


async def test_lost_connections_to_the_database_are_waited_out(
    kafka: str, pool: Pool, settings: Settings, addresses: Database
) -> None:
    topic = await make_topic(kafka)
    async with another(addresses) as db, relaying(pool, settings) as relay:
        for _ in range(4):
            await leading(relay)
            await db.execute(
                "SELECT pg_terminate_backend(backend) FROM relay_lease WHERE backend IN"
                " (SELECT pid FROM pg_stat_activity)"
            )
            await db.execute(
                "INSERT INTO outbox (topic, key, sequence, headers, value) VALUES"
                " ($1, 'k', coalesce((SELECT 1), 1), $2, '')",
                topic,
                json.dumps({"ce_id": "x"}),
            )
            relay.wake()
            await emptied(pool, 10)
        assert relay._faults == 0, "an old fault makes no later pause longer"
    assert len(await on_topic(kafka, topic)) >= 4


async def test_a_relay_that_lost_its_connection_ends_when_it_is_told_to(
    kafka: str, pool: Pool, addresses: Database
) -> None:
    slow = settings_of(kafka, addresses.service, relay_poll_s=3600)
    relay = Relay("randomizer", pool, slow, str(uuid4()))
    task = asyncio.create_task(relay.run())
    await leading(relay)
    async with another(addresses) as db:
        await db.execute("SELECT pg_terminate_backend(backend) FROM relay_lease")

        async def lost() -> bool:
            return pool.get_size() == pool.get_idle_size()

        await until(lost)
    relay.wake()
    task.cancel()
    _, still_there = await asyncio.wait([task], timeout=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not still_there
    assert task.cancelled()


# ---- the broker


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[tuple[Kafka, list[Child]]]:
    """A broker of this test alone, to be stopped; the list holds the running process."""
    server = kafka_in(tmp_path)
    running = [start(server.prepare(), partial(kafka_answers, server.bootstrap))]
    try:
        yield server, running
    finally:
        killed(running[0])


def killed(child: Child) -> None:
    child.kill()
    child.wait(5)


async def test_a_broker_down_and_up_again_loses_nothing_and_leaves_nothing_behind(
    own_kafka: tuple[Kafka, list[Child]],
    pool: Pool,
    addresses: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, running = own_kafka
    settings = settings_of(server.bootstrap, addresses.service, send_timeout_s=1, shutdown_s=0.5)
    topic = await make_topic(server.bootstrap)
    relay = Relay("randomizer", pool, settings, str(uuid4()))
    before = asyncio.all_tasks()
    task = asyncio.create_task(relay.run())
    try:
        await put(pool, some(topic))
        relay.wake()
        await emptied(pool)
        killed(running[0])
        await put(pool, *(some(topic, value=b"x" * 5000) for _ in range(200)))
        relay.wake()

        async def gave_up_three_times() -> bool:
            return relay._faults >= 3

        await until(gave_up_three_times, 20)
        assert await pool.fetchval("SELECT count(*) FROM outbox") == 200
        running[0] = Child(server.prepare())
        await emptied(pool, 30)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    left = asyncio.all_tasks() - before
    assert left == set(), "a producer was left behind"
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
    found = sequences(await on_topic(server.bootstrap, topic))
    assert repeats_left_out(found["T1:IT001-0001"]) == list(range(1, 202))

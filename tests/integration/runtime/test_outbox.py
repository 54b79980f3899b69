"""The outbox: sequences of a key without a gap, in the order of the commits, whatever is undone."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from shared.contracts.topics import MAX_EVENT_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import outbox
from shared.runtime.database import Pool
from shared.runtime.outbox import NewEvent, Outgoing, TooLarge
from shared.runtime.settings import Settings
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, failed
from tests.integration.runtime.running import settings_of

TOPICS = ("t.a", "t.b")
KEYS = ("T1:IT001-0001", "T1:IT001-0002", "T1", "platform")


class Undone(Exception):
    """a transaction of the test is rolled back"""


def some(topic: str, key: str, value: bytes = b"{}") -> Outgoing:
    return Outgoing(topic, key, {"ce_id": "x"}, value)


@pytest.fixture
async def settings(postgres: str) -> AsyncIterator[Settings]:
    async with database(postgres, "randomizer") as addresses:
        yield settings_of("", addresses.service)


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with runtime_database.pool(settings, "randomizer") as opened:
        yield opened


async def drawn(pool: Pool) -> dict[tuple[str, str], list[int]]:
    """The sequences of each (topic, key), in the order in which the relay would send them."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in await pool.fetch("SELECT topic, key, sequence FROM outbox ORDER BY id"):
        found.setdefault((row["topic"], row["key"]), []).append(row["sequence"])
    return found


async def test_every_record_tells_a_trace_its_own_or_a_new_one(pool: Pool) -> None:
    own = Outgoing(TOPICS[0], KEYS[0], {"ce_traceparent": "its own"}, b"{}")
    async with pool.acquire() as db, db.transaction():
        await outbox.put(db, [own, some(TOPICS[0], KEYS[0])])
    rows = await pool.fetch("SELECT headers FROM outbox ORDER BY id")
    told, made = [json.loads(row["headers"])["ce_traceparent"] for row in rows]
    assert told == "its own"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", made)


async def test_records_of_one_transaction_keep_their_order(pool: Pool) -> None:
    given = [some(TOPICS[n % 2], KEYS[n % 3], str(n).encode()) for n in range(30)]
    async with pool.acquire() as db, db.transaction():
        await outbox.put(db, given)
        await outbox.put(db, given)
        await outbox.put(db, [])
    rows = await pool.fetch("SELECT value FROM outbox ORDER BY id")
    assert [row["value"] for row in rows] == [record.value for record in given * 2]
    for numbers in (await drawn(pool)).values():
        assert numbers == list(range(1, len(numbers) + 1))


async def test_eight_writers_on_the_same_and_different_keys_leave_no_gap(
    pool: Pool, settings: Settings
) -> None:
    dice = random.Random(11)
    committed: Counter[tuple[str, str]] = Counter()

    async def write(seed: int) -> None:
        mine = random.Random(seed)
        for _ in range(40):
            given = [
                some(mine.choice(TOPICS), mine.choice(KEYS)) for _ in range(mine.randint(1, 6))
            ]
            undone = mine.random() < 0.3

            async def once(given: list[Outgoing] = given, undone: bool = undone) -> None:
                async with pool.acquire() as db, db.transaction():
                    await outbox.put(db, given)
                    if undone:
                        raise Undone

            with suppress(Undone):
                await runtime_database.retried(once, settings, runtime_database.conflicting)
                committed.update((record.topic, record.key) for record in given)

    await asyncio.gather(*(write(dice.randrange(10**6)) for _ in range(8)))
    found = await drawn(pool)
    assert {place: len(numbers) for place, numbers in found.items()} == dict(committed)
    for numbers in found.values():
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_number_is_drawn_only_after_the_one_before_it_is_committed(pool: Pool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        held = first.transaction()
        await held.start()
        await outbox.put(first, [some("t", "k", b"first")])
        other = asyncio.create_task(_one(second, some("t", "k", b"second")))
        await _waits_for_a_lock(pool)
        await _one_of_pool(pool, some("t", "another", b"third"))  # another key does not wait
        assert not other.done()
        await held.commit()
        await other
    rows = await pool.fetch("SELECT value, sequence FROM outbox WHERE key = 'k' ORDER BY id")
    assert [tuple(row) for row in rows] == [(b"first", 1), (b"second", 2)]


async def _one(db: runtime_database.Connection, record: Outgoing) -> None:
    async with db.transaction():
        await outbox.put(db, [record])


async def _one_of_pool(pool: Pool, record: Outgoing) -> None:
    async with pool.acquire() as db:
        await _one(db, record)


async def _waits_for_a_lock(pool: Pool) -> None:
    from tests.waiting import until

    async def waits() -> bool:
        found: bool = await pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return found

    await until(waits)


async def test_an_event_over_the_limit_is_refused_before_it_is_kept(pool: Pool) -> None:
    room = MAX_EVENT_BYTES - len(failed().encode()) + 1
    fits = failed().model_copy(update={"screening": "s" * room})
    over = failed().model_copy(update={"screening": "s" * (room + 1)})
    assert len(fits.encode()) == MAX_EVENT_BYTES
    async with pool.acquire() as db:
        async with db.transaction():
            await outbox.add(db, "screening", [NewEvent(fits, NOON)])
        with pytest.raises(TooLarge):
            await outbox.add(db, "screening", [NewEvent(failed(), NOON), NewEvent(over, NOON)])
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 1

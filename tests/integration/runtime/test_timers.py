"""Timers on a real database: each due thing once, in due order, however time gets there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from shared.contracts.events.screening import ScreeningFailed
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import timers
from shared.runtime.database import Connection, Pool
from shared.runtime.outbox import NewEvent
from shared.runtime.settings import Settings
from shared.runtime.timers import Timer, Timers
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.running import settings_of
from tests.waiting import until

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def settings(postgres: str) -> AsyncIterator[Settings]:
    async with database(postgres, "screening") as addresses:
        yield settings_of("", addresses.service)


@dataclass
class Clock:
    """Time that a test moves."""

    now: datetime = START


@dataclass
class Replica:
    """One process of a service whose timers note that they were worked off."""

    pool: Pool
    settings: Settings
    clock: Clock
    faulty: set[str] = field(default_factory=set)
    loud: set[str] = field(default_factory=set)
    again: dict[str, timedelta] = field(default_factory=dict)
    worked: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def work(self) -> Work:
        return Work("screening", self.pool, self.settings, lambda: self.clock.now, lambda: None)

    async def ring(self, db: Connection, now: datetime, due: Sequence[Timer]) -> Sequence[NewEvent]:
        if {timer.id for timer in due} & self.faulty:
            raise ValueError("cannot be worked off")
        self.worked += [(timer.id, now) for timer in due]
        await timers.put(
            db,
            [
                Timer(timer.kind, timer.id, now + self.again.pop(timer.id))
                for timer in due
                if timer.id in self.again
            ],
        )
        return [rung(timer.id, now, loud=timer.id in self.loud) for timer in due]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Replica"]:
        task = asyncio.create_task(Timers(self.work, {"bell": self.ring}).run())
        try:
            yield self
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def rung(name: str, now: datetime, *, loud: bool = False) -> NewEvent:
    told = "s" * (MAX_EVENT_BYTES if loud else 1)
    fact = ScreeningFailed(subject=f"IT001-{name}", site="IT001", screening=told, attempt=1)
    return NewEvent(fact, now, trial="T1", subject=f"IT001-{name}", site="IT001")


@asynccontextmanager
async def replica(settings: Settings, clock: Clock) -> AsyncIterator[Replica]:
    async with runtime_database.pool(settings, "screening") as pool:
        yield Replica(pool, settings, clock)


async def put(pool: Pool, **dues: datetime) -> None:
    """Timers by their names, each `b0001=...`."""
    async with pool.acquire() as db, db.transaction():
        await timers.put(db, [Timer("bell", name[1:], due) for name, due in dues.items()])


async def left(pool: Pool) -> list[str]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM timer ORDER BY due, id")]


async def test_nothing_rings_early_and_all_that_is_due_rings_once_in_due_order(
    settings: Settings,
) -> None:
    clock = Clock()
    async with replica(settings, clock) as one:
        await put(one.pool, b0003=START + 3 * HOUR, b0001=START + HOUR, b0002=START + 2 * HOUR)
        async with one.running():
            clock.now = START + 2 * HOUR
            await until(lambda: emptied(one.pool, ["0003"]))
            clock.now = START + 9 * HOUR
            await until(lambda: emptied(one.pool, []))
        assert one.worked == [
            ("0001", START + 2 * HOUR),
            ("0002", START + 2 * HOUR),
            ("0003", START + 9 * HOUR),
        ]
        said = await one.pool.fetch("SELECT key FROM outbox ORDER BY id")
        assert [row["key"] for row in said] == ["T1:IT001-0001", "T1:IT001-0002", "T1:IT001-0003"]


async def test_what_came_due_while_nobody_was_there_rings_at_the_start(settings: Settings) -> None:
    clock = Clock(START + 30 * HOUR)
    async with replica(settings, clock) as one:
        await put(one.pool, b0002=START + 2 * HOUR, b0001=START + HOUR)
        async with one.running():
            await until(lambda: emptied(one.pool, []))
        assert [name for name, _ in one.worked] == ["0001", "0002"]


async def test_one_that_another_replica_sets_while_there_is_none_rings(settings: Settings) -> None:
    clock = Clock()
    async with replica(settings, clock) as one, replica(settings, clock) as other, one.running():
        await put(other.pool, b0001=START)
        await until(lambda: emptied(one.pool, []))
        await put(other.pool, b0002=START)
        await until(lambda: emptied(one.pool, []))
    assert [name for name, _ in one.worked] == ["0001", "0002"]


async def test_a_timer_moved_or_cancelled_rings_as_it_was_left(settings: Settings) -> None:
    clock = Clock()
    async with replica(settings, clock) as one:
        await put(one.pool, b0001=START + HOUR, b0002=START + HOUR)
        await put(one.pool, b0001=START + 5 * HOUR)
        async with one.pool.acquire() as db:
            await timers.cancel(db, "bell", ["0002", "never set"])
        async with one.running():
            clock.now = START + 6 * HOUR
            await until(lambda: emptied(one.pool, []))
        assert one.worked == [("0001", START + 6 * HOUR)]


async def test_a_handler_may_put_its_timer_again(settings: Settings) -> None:
    clock = Clock()
    async with replica(settings, clock) as one:
        one.again = {"0001": HOUR}
        await put(one.pool, b0001=START)
        async with one.running():
            await until(lambda: rang(one, 1))
            assert await left(one.pool) == ["0001"]
            clock.now = START + HOUR
            await until(lambda: emptied(one.pool, []))
        assert one.worked == [("0001", START), ("0001", START + HOUR)]


async def test_two_replicas_ring_each_once(settings: Settings) -> None:
    clock = Clock()
    names = [f"b{number:04}" for number in range(1, 301)]
    async with replica(settings, clock) as one, replica(settings, clock) as two:
        await put(one.pool, **dict.fromkeys(names, START + HOUR))
        async with one.running(), two.running():
            clock.now = START + HOUR
            await until(lambda: emptied(one.pool, []))
        rung = [name for name, _ in one.worked + two.worked]
        assert sorted(rung) == [name[1:] for name in names]
        assert await one.pool.fetchval("SELECT count(*) FROM outbox") == len(names)


async def test_a_faulty_one_waits_and_its_neighbours_ring(settings: Settings) -> None:
    clock = Clock()
    async with replica(settings, clock) as one:
        one.faulty = {"0002"}
        await put(one.pool, b0001=START, b0002=START, b0003=START, b0004=START + HOUR)
        async with one.running():
            await until(lambda: emptied(one.pool, ["0002", "0004"]))
            clock.now = START + HOUR
            await until(lambda: emptied(one.pool, ["0002"]))
        async with one.pool.acquire() as db:
            held = await db.fetchval("SELECT not_until FROM timer WHERE id = '0002'")
            assert held is not None
            await db.execute("UPDATE timer SET not_until = now() - interval '1 s'")
        one.faulty.clear()
        async with one.running():
            await until(lambda: emptied(one.pool, []))
        assert await one.pool.fetchval("SELECT count(*) FROM outbox") == 4


async def test_one_whose_event_is_too_large_waits_and_its_neighbours_ring(
    settings: Settings,
) -> None:
    async with replica(settings, Clock()) as one:
        one.loud = {"0002"}
        await put(one.pool, b0001=START, b0002=START, b0003=START)
        async with one.running():
            await until(lambda: emptied(one.pool, ["0002"]))
        assert await one.pool.fetchval("SELECT count(*) FROM outbox") == 2


async def test_a_round_undone_leaves_its_timers(settings: Settings) -> None:
    """A connection lost in the handler's transaction: nothing was done, and it is done again."""
    clock = Clock()
    async with replica(settings, clock) as one:
        await put(one.pool, b0001=START)
        lost = [True]

        async def loses_once(
            db: Connection, now: datetime, due: Sequence[Timer]
        ) -> Sequence[NewEvent]:
            if lost:
                lost.clear()
                raise asyncpg.ConnectionDoesNotExistError("lost")
            return await one.ring(db, now, due)

        working = Timers(one.work, {"bell": loses_once})
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await working.run()
        assert await left(one.pool) == ["0001"]
        async with one.running():
            await until(lambda: emptied(one.pool, []))
        assert one.worked == [("0001", START)]


async def test_a_kind_without_a_handler_is_left_alone(settings: Settings) -> None:
    async with replica(settings, Clock()) as one:
        async with one.pool.acquire() as db:
            await timers.put(db, [Timer("other", "0001", START), Timer("bell", "0002", START)])
        async with one.running():
            await until(lambda: emptied(one.pool, ["0001"]))


async def emptied(pool: Pool, names: list[str]) -> bool:
    return await left(pool) == names


async def rang(one: Replica, times: int) -> bool:
    return len(one.worked) == times

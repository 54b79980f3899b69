"""The log in a real PostgreSQL: appended in parts, proven at every size, never changed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from importlib import resources
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.audit import checkpoints, merkle, store, tiles, tree, verify
from services.audit.checkpoint import Checkpoint
from services.audit.entry import Entry
from services.audit.tiles import EntryTile, HashTile
from shared.runtime.database import Connection
from tests.unit.audit.small_log import SIGNER, header

NOW = datetime(2025, 3, 1, 8, tzinfo=UTC)


def entry(number: int, subject: str | None = None, sequence: int | None = None) -> Entry:
    sequence = sequence or number + 1
    headers = header(number, sequence, subject)
    key = f"NCT06903312:{subject}" if subject else "NCT06903312"
    identity = key, sequence, UUID(headers["ce_id"])
    return Entry.of("trialops.screening", identity, headers, b'{"number": %d}' % number)


def entries(numbers: Iterable[int]) -> list[Entry]:
    return [entry(number) for number in numbers]


@pytest_asyncio.fixture
async def dsn(postgres: str) -> AsyncIterator[str]:
    """A database of its own with audit's role, schema and tables."""
    name = f"audit_{uuid4().hex}"
    server = await asyncpg.connect(postgres)
    await server.execute(f"create database {name}")
    await server.execute(
        "do $$ begin create role trialops_audit; exception when duplicate_object then null; end $$"
    )
    owner = await asyncpg.connect(postgres, database=name)
    await owner.execute("create schema audit; grant usage on schema audit to trialops_audit")
    migration = resources.files("services.audit") / "migrations" / "0001_log.sql"
    async with owner.transaction():
        await owner.execute("set local search_path to audit")
        await owner.execute(migration.read_text(encoding="utf-8"))
    await owner.execute(f"alter database {name} set search_path to audit")
    await owner.close()
    try:
        yield name
    finally:
        await server.execute(f"drop database {name} with (force)")
        await server.close()


@pytest_asyncio.fixture
async def owner(postgres: str, dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(postgres, database=dsn)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def db(postgres: str, dsn: str) -> AsyncIterator[Connection]:
    """A connection with the rights of the service and no more."""
    connection = await asyncpg.connect(postgres, database=dsn)
    await connection.execute("set role trialops_audit")
    yield connection
    await connection.close()


async def appended(db: Connection, *counts: int) -> list[bytes]:
    """The leaves of a log grown by these counts, each in one transaction."""
    leaves: list[bytes] = []
    for count in counts:
        new = entries(range(len(leaves), len(leaves) + count))
        async with db.transaction():
            assert await store.append(db, new) == len(leaves)
        leaves += [each.leaf for each in new]
    return leaves


class Stored:
    """A verify.Source over what the store gives, read beforehand."""

    def __init__(self, parts: dict[str, bytes]) -> None:
        self.parts = parts

    @classmethod
    async def of(cls, db: Connection, size: int) -> "Stored":
        root = await tree.root(db, size)
        note = Checkpoint(SIGNER.name, size, root).sign(SIGNER)
        parts = {"key": SIGNER.verifier.line.encode(), "checkpoint": note.encode()}
        for level in range(3):
            for n in range((size >> (8 * level)) // 256 + 1):
                if width := tiles.width_at(level, n, size):
                    tile = HashTile(level, n, width)
                    parts[tile.path] = await tree.hash_tile(db, tile, size) or b""
                if width and level == 0:
                    bundle = EntryTile(n, width)
                    parts[bundle.path] = await tree.entry_tile(db, bundle, size) or b""
        return cls(parts)

    def read(self, path: str, limit: int) -> bytes:
        return self.parts[path][: limit + 1]

    def leftovers(self) -> list[str]:
        return []


async def test_the_log_is_proven_at_every_size(db: Connection) -> None:
    leaves = await appended(db, 1, 254, 1, 1, 300, 0, 43)
    assert await tree.size(db) == len(leaves) == 600
    new = merkle.combine(leaves)
    for size in [*range(8), 255, 256, 257, 511, 512, 513, 599, 600]:
        root = merkle.combine(leaves[:size])
        assert await tree.root(db, size) == root
        for index in {0, 1, size // 2, size - 1, 255, 256} & set(range(size)):
            proof = await tree.inclusion(db, index, size)
            assert merkle.verify_inclusion(index, size, leaves[index], proof, root)
        if size:
            proof = await tree.consistency(db, size, 600)
            assert merkle.verify_consistency(size, 600, proof, root, new)


async def test_what_is_not_there_has_no_proof(db: Connection) -> None:
    assert await tree.root(db, 0) == merkle.EMPTY_ROOT
    await appended(db, 5)
    for index, size in ((5, 5), (0, 6), (-1, 5), (0, 2**70), (0, 0)):
        with pytest.raises(ValueError, match="no"):
            await tree.inclusion(db, index, size)
    for old, new in ((0, 5), (3, 2), (1, 6), (1, 2**70)):
        with pytest.raises(ValueError, match="no"):
            await tree.consistency(db, old, new)
    with pytest.raises(ValueError, match="no"):
        await tree.root(db, 6)


async def test_a_log_of_three_levels_verifies_from_what_is_served(db: Connection) -> None:
    leaves = await appended(db, 60_000, 5_535, 2, 463)
    for size in (65_536, 66_000):
        source = await Stored.of(db, size)
        answer = verify.verify(source, SIGNER.verifier.line).as_json()
        assert answer["problems"] == []
    for size in (60_000, 65_535, 65_536, 65_537, 66_000):
        assert await tree.root(db, size) == merkle.combine(leaves[:size])
    proof = await tree.consistency(db, 65_000, 66_000)
    roots = merkle.combine(leaves[:65_000]), merkle.combine(leaves)
    assert merkle.verify_consistency(65_000, 66_000, proof, *roots)


async def test_tiles_reach_as_far_as_the_checkpoint(db: Connection) -> None:
    leaves = await appended(db, 300)
    assert await tree.hash_tile(db, HashTile(0, 0), 300) == b"".join(leaves[:256])
    assert await tree.hash_tile(db, HashTile(0, 0, 7), 300) == b"".join(leaves[:7])
    assert await tree.hash_tile(db, HashTile(0, 1, 44), 300) == b"".join(leaves[256:])
    assert await tree.hash_tile(db, HashTile(1, 0, 1), 300) == merkle.combine(leaves[:256])
    beyond = [HashTile(0, 1, 45), HashTile(0, 1), HashTile(1, 0, 2), HashTile(1, 0)]
    for tile in [*beyond, HashTile(2, 0, 1), HashTile(63, 0), HashTile(0, 10**20)]:
        assert await tree.hash_tile(db, tile, 300) is None
    assert await tree.hash_tile(db, HashTile(0, 0, 8), 7) is None
    assert await tree.entry_tile(db, EntryTile(1, 45), 300) is None
    assert await tree.entry_tile(db, EntryTile(10**20), 300) is None
    one = await tree.entry_tile(db, EntryTile(1, 1), 300)
    assert one == tiles.bundle([entry(256).line])


async def test_repeats_and_conflicts_are_known(db: Connection) -> None:
    await appended(db, 3)
    same, twin, new = entry(1), entry(9, sequence=3), entry(7)
    found = await store.known(
        db,
        [each.ce_id for each in (same, twin, new)],
        [(each.topic, each.key, each.sequence) for each in (same, twin, new)],
    )
    assert sorted((each.index, each.leaf) for each in found) == [
        (1, same.leaf), (2, entry(2).leaf)
    ]  # fmt: skip
    assert await store.known(db, [], []) == []
    for repeat in (same, twin):
        with pytest.raises(asyncpg.UniqueViolationError):
            await store.append(db, [repeat])
    assert await tree.size(db) == 3


async def test_writers_at_once_leave_no_gap(db: Connection, dsn: str, postgres: str) -> None:
    async def write(numbers: range) -> None:
        connection = await asyncpg.connect(postgres, database=dsn)
        for number in numbers:
            async with connection.transaction():
                await store.append(connection, entries(range(number * 20, number * 20 + 20)))
        await connection.close()

    await asyncio.gather(*(write(range(at * 10, at * 10 + 10)) for at in range(4)))
    rows = await db.fetch('select "index", leaf from entry order by "index"')
    assert [row["index"] for row in rows] == list(range(800))
    assert await tree.root(db, 800) == merkle.combine([row["leaf"] for row in rows])


async def test_a_transaction_that_fails_leaves_nothing(db: Connection) -> None:
    await appended(db, 250)
    transaction = db.transaction()
    await transaction.start()
    await store.append(db, entries(range(250, 600)))
    await transaction.rollback()
    assert await tree.size(db) == 250
    leaves = [each.leaf for each in entries(range(250))]
    assert await tree.root(db, 250) == merkle.combine(leaves)


@pytest.mark.parametrize("table", ["entry", "tile", "checkpoint"])
async def test_nobody_changes_the_log(db: Connection, owner: Connection, table: str) -> None:
    await appended(db, 256)
    await checkpoints.add(db, 256, bytes(32), "note", NOW)
    column = {"entry": "topic", "tile": "hashes", "checkpoint": "note"}[table]
    for text in ("update {} set {} = {}", "delete from {}", "truncate {}"):
        statement = text.format(table, column, column)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await db.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever added to"):
            await owner.execute(statement)
    # The service cannot switch the guard off.
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.execute(f"alter table {table} disable trigger all")


async def test_a_bit_changed_in_the_database_is_named(db: Connection, owner: Connection) -> None:
    await appended(db, 300)
    await owner.execute(
        "alter table entry disable trigger all;"
        """update entry set line = set_bit(line, 77, 1 - get_bit(line, 77)) where "index" = 270"""
    )
    found = verify.verify(await Stored.of(db, 300)).as_json()["problems"]
    assert isinstance(found, list)
    assert [problem.get("index") for problem in found if problem["kind"] == "entry"] == [270]


async def test_the_latest_checkpoint_is_the_largest_then_the_newest(
    db: Connection,
) -> None:
    assert await checkpoints.latest(db) is None
    for size, second in ((0, 0), (5, 1), (5, 3), (4, 4)):
        signed_at = NOW + timedelta(seconds=second)
        await checkpoints.add(db, size, bytes(32), f"{size} {second}", signed_at)
    latest = await checkpoints.latest(db)
    assert latest == checkpoints.Published(5, bytes(32), "5 3", NOW + timedelta(seconds=3))


async def test_entries_are_found_by_trial_and_filter(db: Connection) -> None:
    one, two = "IT001-0001", "IT001-0002"
    rows = [entry(0), entry(1, one, 1), entry(2, two, 1), entry(3, one, 2)]
    free = Entry.of("trialops.audit", ("platform", 1, uuid4()), {"ce_actor": "audit"}, b"{}")
    await store.append(db, [*rows, free])
    trial = "NCT06903312"

    every = store.Filter()

    async def found(
        trial: str | None, which: store.Filter = every, after: int | None = None
    ) -> list[int]:
        return [index for index, _ in await store.search(db, trial, which, after, 10)]

    assert await found(trial) == [0, 1, 2, 3]
    assert await found(None) == [4]
    assert await found("elsewhere") == []
    assert await found(trial, store.Filter(subject=one)) == [1, 3]
    assert await found(trial, store.Filter(subject=one), after=1) == [3]
    assert await found(trial, store.Filter(type="trialops.PatientScreened.v1", actor="site")) != []
    assert await found(trial, store.Filter(type="trialops.PatientScreened.v2")) == []
    assert await found(None, store.Filter(actor="site")) == []
    at = datetime.fromisoformat(header(0, 1)["ce_time"])
    assert await found(trial, store.Filter(since=at)) == [0, 1, 2, 3]
    assert await found(trial, store.Filter(until=at)) == []
    assert await store.search(db, trial, store.Filter(), None, 1) == [(0, rows[0].line)]


async def test_hostile_columns_do_not_break_a_batch(db: Connection) -> None:
    odd = {
        "ce_trial": "t" * 60_000, "ce_subject": "\ud800", "ce_actor": "\x00",
        "ce_type": "x" * 256, "ce_time": "9999-12-31T23:59:59-14:00",
    }  # fmt: skip
    row = Entry.of("trialops.audit", ("k" * 255, 1, uuid4()), header(0, 1) | odd, b"1")
    assert await store.append(db, [row]) == 0
    assert (await tree.entry_tile(db, EntryTile(0, 1), 1) or b"")[2:] == row.line

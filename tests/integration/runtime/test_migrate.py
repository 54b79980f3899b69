"""Migrations: applied once, in order, by the owner; a service's role can do its work, no more."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.runtime import migrate
from shared.runtime.migrate import Migration, MigrationError, prepare
from tests.integration.databases import PASSWORD, Database, database
from tests.integration.runtime.running import owning


@pytest.fixture
async def randomizer(postgres: str) -> AsyncIterator[Database]:
    async with database(postgres, "randomizer") as addresses:
        yield addresses


async def applied(addresses: Database) -> list[tuple[str, str]]:
    async with owning(addresses, "randomizer") as db:
        rows = await db.fetch("SELECT name, sha256, applied_at FROM migration ORDER BY applied_at")
    return [tuple(row) for row in rows]


async def test_twice_is_fine_and_changes_nothing(randomizer: Database) -> None:
    before = await applied(randomizer)
    await asyncio.gather(*(prepare(randomizer.owner, "randomizer", PASSWORD) for _ in range(3)))
    assert await applied(randomizer) == before
    assert [name for name, *_ in before] == [m.name for m in migrate.migrations("randomizer")]


async def test_a_changed_file_is_refused(
    randomizer: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = migrate.migrations("randomizer")
    changed = Migration(first.name, first.sql + "\n-- only a word")
    monkeypatch.setattr(migrate, "migrations", lambda _: [changed, *others])
    with pytest.raises(MigrationError, match=r"runtime/0001_runtime\.sql was changed"):
        await prepare(randomizer.owner, "randomizer", PASSWORD)


async def test_a_migration_that_fails_leaves_nothing(
    randomizer: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrate.migrations("randomizer")
    broken = Migration("randomizer/9999.sql", "CREATE TABLE half (); SELECT 1/0;")
    monkeypatch.setattr(migrate, "migrations", lambda _: [*known, broken])
    with pytest.raises(asyncpg.DivisionByZeroError):
        await prepare(randomizer.owner, "randomizer", PASSWORD)
    async with owning(randomizer, "randomizer") as db:
        assert await db.fetchval("SELECT to_regclass('half')") is None
    monkeypatch.undo()
    await prepare(randomizer.owner, "randomizer", PASSWORD)


RUNTIME_TABLES = (
    "sequence",
    "outbox",
    "relay_lease",
    "watermark",
    "above_watermark",
    "dead_letter",
    "idempotency",
)
FORBIDDEN = (
    *(f"ALTER TABLE {table} ADD COLUMN more int" for table in RUNTIME_TABLES),
    *(f"DROP TABLE {table}" for table in RUNTIME_TABLES),
    *(f"TRUNCATE {table}" for table in RUNTIME_TABLES),
    "DELETE FROM sequence",
    "DELETE FROM watermark",
    "DELETE FROM dead_letter",
    "DELETE FROM relay_lease",
    "CREATE TABLE randomizer.mine ()",
    "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE INDEX ON outbox (key)",
    "SELECT * FROM migration",
    "UPDATE migration SET sha256 = ''",
    "SELECT * FROM screening.outbox",
    "INSERT INTO screening.watermark (topic, key, sequence) VALUES ('t', 'k', 9)",
    "SELECT * FROM screening.migration",
    "SET ROLE trialops_screening",
    "COPY outbox TO PROGRAM 'true'",
)


async def test_a_services_role_has_no_more_than_it_needs(randomizer: Database) -> None:
    await prepare(randomizer.owner, "screening", PASSWORD)
    connection = await asyncpg.connect(
        randomizer.service, server_settings={"search_path": "randomizer"}
    )
    try:
        for table in RUNTIME_TABLES:
            assert await connection.fetch(f"SELECT * FROM {table}") is not None  # noqa: S608
        allowed = [statement for statement in FORBIDDEN if await may(connection, statement)]
        assert allowed == []
    finally:
        await connection.close()


async def may(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> bool:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    finally:
        await transaction.rollback()
    return True

"""Each service with its own role in a PostgreSQL that lets it do no more than its part."""

import asyncio
from itertools import product

import asyncpg
import pytest

from deploy.embedded.database import with_login
from deploy.embedded.keys import Keys
from tests.acceptance.platform import Platform

SERVICES = ("screening", "randomizer", "safety", "notifier", "audit", "portal")

FOREIGN = ("SELECT FROM {}", "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}")
OWNERS = ("DROP TABLE {}", "ALTER TABLE {} DISABLE TRIGGER ALL", "TRUNCATE {}")
FOR_EVER = {
    "allocation": ("number", "subject", "stratum", "arm", "treatment_code", "carry", "drawn_at"),
    "allocation_list": ("csv", "sha256"),
    "scheme": ("randomization", "strata", "after_number", "design_sha256"),
    "seed_opening": ("person", "reason"),
}
CHANGES = (
    "UPDATE randomizer.{0} SET {1} = {1} WHERE false",
    "DELETE FROM randomizer.{0} WHERE false",
    "TRUNCATE randomizer.{0}",
)
WAYS_ROUND = (
    "SET session_replication_role = replica",
    "ALTER TABLE randomizer.allocation DISABLE TRIGGER kept",
    "DROP TRIGGER kept ON randomizer.allocation",
    "ALTER TABLE randomizer.allocation RENAME TO forgotten",
    "ALTER FUNCTION randomizer.kept_for_ever() RENAME TO forgotten",
    "UPDATE randomizer.trial SET sealed_seed = '' WHERE false",
    "UPDATE randomizer.trial SET commitment = '' WHERE false",
    "DELETE FROM randomizer.trial WHERE false",
    "TRUNCATE randomizer.stratum, randomizer.part",
)
KEPT = {"entry": "line", "tile": "hashes", "checkpoint": "note", "conflict": "leaf"}


def dsn(platform: Platform, service: str, password: str) -> str:
    """The platform's database for a service's role."""
    return with_login(platform.endpoints["postgres"], f"trialops_{service}", password)


async def connect(platform: Platform, service: str) -> "asyncpg.Connection[asyncpg.Record]":
    """As the service itself."""
    password = Keys(platform.folder / "keys").database_password(service)
    return await asyncpg.connect(dsn(platform, service, password))


@pytest.fixture
def tables(platform: Platform) -> dict[str, list[str]]:
    """The tables of each schema, by their whole names."""
    rows = platform.sql(
        "SELECT schemaname, schemaname || '.' || quote_ident(tablename) AS name FROM pg_tables"
        " WHERE schemaname = ANY($1)",
        list(SERVICES),
    )
    return {
        service: [row["name"] for row in rows if row["schemaname"] == service]
        for service in SERVICES
    }


async def refused(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> None:
    """The statement is not for this role."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_is_kept_out_of_every_other_schema(
    platform: Platform, tables: dict[str, list[str]], service: str
) -> None:
    others = [other for other in SERVICES if other != service]
    connection = await connect(platform, service)
    try:
        for schema in others:
            assert tables[schema]
            for table, statement in product(tables[schema], FOREIGN):
                await refused(connection, statement.format(table))
            await refused(connection, f"CREATE TABLE {schema}.planted ()")
            await refused(connection, f"SET ROLE trialops_{schema}")
            for privilege in ("USAGE", "CREATE"):
                assert not await connection.fetchval(
                    "SELECT has_schema_privilege($1, $2)", schema, privilege
                )
    finally:
        await connection.close()


def test_no_role_has_a_right_on_a_table_of_another(
    platform: Platform, tables: dict[str, list[str]]
) -> None:
    """Not even one that the closed schema keeps it from using."""
    for service, schema in product(SERVICES, SERVICES):
        if service != schema:
            rows = platform.sql(
                "SELECT name FROM unnest($2::text[]) AS name"
                " WHERE has_table_privilege($1, name, 'DELETE, TRUNCATE, TRIGGER')"
                " OR has_any_column_privilege($1, name, 'SELECT, INSERT, UPDATE, REFERENCES')",
                f"trialops_{service}",
                tables[schema],
            )
            assert not rows, (service, schema)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_uses_its_own_schema_and_does_not_own_it(
    platform: Platform, tables: dict[str, list[str]], service: str
) -> None:
    connection = await connect(platform, service)
    try:
        for table in ("outbox", "watermark", "dead_letter"):
            await connection.execute(f"SELECT FROM {service}.{table} LIMIT 1")
        for table, statement in product(tables[service], OWNERS):
            await refused(connection, statement.format(table))
        for schema in (service, "public"):
            await refused(connection, f"CREATE TABLE {schema}.planted ()")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", [*SERVICES, "owner"])
async def test_a_draw_is_kept_for_ever_whoever_asks(platform: Platform, service: str) -> None:
    """An arm, a treatment code, what a draw went by, the design, the list, who opened the seed."""
    if service == "owner":
        connection = await asyncpg.connect(platform.endpoints["postgres"])
        kept: type[asyncpg.PostgresError] = asyncpg.RestrictViolationError
    else:
        connection, kept = await connect(platform, service), asyncpg.InsufficientPrivilegeError
    try:
        for table, columns in FOR_EVER.items():
            for column, change in product(columns, CHANGES):
                with pytest.raises(kept):
                    await connection.execute(change.format(table, column))
        for way_round in WAYS_ROUND if service != "owner" else ():
            await refused(connection, way_round)
    finally:
        await connection.close()


async def test_the_audit_log_is_only_ever_added_to(platform: Platform) -> None:
    """Not by audit's role, and not by the owner of its tables either."""
    audit = await connect(platform, "audit")
    owner = await asyncpg.connect(platform.endpoints["postgres"])
    try:
        for table, column in KEPT.items():
            await audit.execute(f"SELECT FROM audit.{table} LIMIT 1")
            for connection in (audit, owner):
                for change in (
                    "UPDATE audit.{0} SET {1} = {1} WHERE false",
                    "DELETE FROM audit.{0} WHERE false",
                    "TRUNCATE audit.{0}",
                ):
                    await refused(connection, change.format(table, column))
    finally:
        await asyncio.gather(audit.close(), owner.close())


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_needs_its_own_password(platform: Platform, service: str) -> None:
    keys = Keys(platform.folder / "keys")
    for wrong in ("guess", "", *(keys.database_password(s) for s in SERVICES if s != service)):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn(platform, service, wrong))


def test_postgresql_asks_everybody_for_a_password(platform: Platform) -> None:
    if platform.outside:
        pytest.skip("an outside PostgreSQL is as it is")
    methods = platform.sql("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert {row["auth_method"] for row in methods} <= {"scram-sha-256", "reject"}
    stored = platform.sql("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'trialops_%'")
    assert len(stored) == len(SERVICES)
    assert all(row["rolpassword"].startswith("SCRAM-SHA-256$") for row in stored)

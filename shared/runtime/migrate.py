"""Migrations: numbered SQL files with checksums, run by the owner, never by the service's role."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg

from shared.runtime.database import Connection

_LOCK = 0x7472_6961_6C  # "trial": one migration at a time in a database
_LOCK_POLL_S = 0.1


class MigrationError(RuntimeError):
    """an applied migration is not the one in the code"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; `name` is unique within a service's schema."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum that tells a changed file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(service: str) -> list[Migration]:
    """The runtime's migrations and then the service's own, in the order of their numbers."""
    return [
        *_in_folder("runtime", resources.files("shared.runtime") / "migrations"),
        *_in_folder(service, resources.files(f"services.{service}") / "migrations"),
    ]


def _in_folder(origin: str, folder: Traversable) -> Iterator[Migration]:
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            yield Migration(f"{origin}/{file.name}", file.read_text(encoding="utf-8"))


async def prepare(owner: str, service: str, password: str) -> None:
    """The service's role, schema and tables, made or brought up to date; repeatable.

    `owner` is the address of the database with a role that may create roles and schemas.
    """
    connection = await asyncpg.connect(owner, timeout=30)
    try:
        await _lock(connection)
        await _role(connection, f"trialops_{service}", password)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service}")
        await connection.execute(f"GRANT USAGE ON SCHEMA {service} TO trialops_{service}")
        await _apply(connection, service, migrations(service))
    finally:
        await connection.close()


async def _lock(connection: Connection) -> None:
    """Polled: a blocking lock would deadlock with CREATE INDEX CONCURRENTLY."""
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        await asyncio.sleep(_LOCK_POLL_S)


async def _role(connection: Connection, role: str, password: str) -> None:
    verb = await connection.fetchval(
        "SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
        " THEN 'ALTER' ELSE 'CREATE' END",
        role,
    )
    statement: str = await connection.fetchval(
        "SELECT format('%s ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L',"
        " $1::text, $2::text, $3::text)",
        verb,
        role,
        password,
    )
    await connection.execute(statement)


async def _apply(connection: Connection, service: str, wanted: list[Migration]) -> None:
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS {service}.migration"
        " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz DEFAULT now())"
    )
    rows = await connection.fetch(f"SELECT name, sha256 FROM {service}.migration")  # noqa: S608
    applied = {row["name"]: row["sha256"] for row in rows}
    for migration in wanted:
        if migration.name in applied:
            if applied[migration.name] != migration.sha256:
                raise MigrationError(f"{migration.name} was changed after it was applied")
            continue
        async with connection.transaction():
            await connection.execute(f"SET LOCAL search_path TO {service}")
            await connection.execute(migration.sql)
            await connection.execute(
                f"INSERT INTO {service}.migration (name, sha256) VALUES ($1, $2)",  # noqa: S608
                migration.name,
                migration.sha256,
            )

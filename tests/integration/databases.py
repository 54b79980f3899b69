"""A fresh database for each test, copied from a template that was migrated once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from shared.runtime.migrate import prepare

PASSWORD = "only-in-tests"
_templates: dict[tuple[str, str], str] = {}


@dataclass(frozen=True)
class Database:
    """Addresses of one database: the owner's and the service's own."""

    owner: str
    service: str


def _address(server: str, database: str, role: str | None = None) -> str:
    parts = urlsplit(server)
    where = parts.netloc
    if role is not None:
        where = f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}"
    return urlunsplit((parts.scheme, where, f"/{database}", parts.query, ""))


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(_address(server, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _template(server: str, service: str) -> str:
    if (server, service) not in _templates:
        name = f"template_{service}_{uuid4().hex[:8]}"
        await _execute(server, f"CREATE DATABASE {name}")
        await prepare(_address(server, name), service, PASSWORD)
        _templates[server, service] = name
    return _templates[server, service]


@asynccontextmanager
async def database(server: str, service: str) -> AsyncIterator[Database]:
    """A migrated database of one service on `server`, dropped at the end."""
    template = await _template(server, service)
    name = f"test_{uuid4().hex[:12]}"
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield Database(_address(server, name), _address(server, name, f"trialops_{service}"))
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")

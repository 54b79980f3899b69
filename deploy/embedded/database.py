"""The platform's one database on a server: its name, its address for each role, its making."""

from urllib.parse import quote, urlsplit

import asyncpg

DATABASE = "trialops"


def with_login(dsn: str, user: str, password: str) -> str:
    """The same database at the same server for another role."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user)}:{quote(password, safe='')}@{place}").geturl()


async def make(server: str) -> str:
    """Make the platform's database unless it is there; returns its address for the same role."""
    connection = await asyncpg.connect(server, timeout=30)
    try:
        await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    except asyncpg.DuplicateDatabaseError:
        pass
    finally:
        await connection.close()
    return urlsplit(server)._replace(path=f"/{DATABASE}").geturl()

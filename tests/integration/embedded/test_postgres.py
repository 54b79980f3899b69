"""PostgreSQL in a folder: what it committed is there after a kill -9, whoever we are."""

from functools import partial
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded.postgres import Postgres
from deploy.embedded.probes import postgres_answers
from deploy.embedded.process import Child
from tests.servers import postgres_in
from tests.waiting import until


async def _started(postgres: Postgres) -> Child:
    child = Child(postgres.prepare())
    await until(partial(postgres_answers, postgres.dsn()), seconds=60)
    return child


async def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    postgres = postgres_in(tmp_path)
    child = await _started(postgres)
    try:
        connection = await asyncpg.connect(postgres.dsn())
        await connection.execute("create table fact as select generate_series(1, 1000) as number")
        child.kill()
        assert child.stop() == -9
        connection.terminate()
        child = await _started(postgres)
        connection = await asyncpg.connect(postgres.dsn())
        assert await connection.fetchval("select count(*) from fact") == 1000
        await connection.close()
    finally:
        child.stop()


async def test_a_lock_whose_pid_is_another_programs_is_no_hindrance(tmp_path: Path) -> None:
    with_data = postgres_in(tmp_path)
    (await _started(with_data)).stop()
    lock = tmp_path / "postgres" / "data" / "postmaster.pid"
    lock.write_text(f"{1}\n{lock.parent}\n")  # the number of a program that surely runs
    lock.chmod(0o644)
    (await _started(with_data)).stop()


async def test_nobody_gets_in_without_the_password(tmp_path: Path) -> None:
    postgres = postgres_in(tmp_path)
    child = await _started(postgres)
    try:
        wrong = postgres.dsn().replace(postgres.password_file.read_text(), "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)
        assert postgres.password_file.stat().st_mode & 0o777 == 0o600
    finally:
        child.stop()

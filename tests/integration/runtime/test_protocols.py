"""A service remembers the protocol files that it has worked with, and refuses another one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from shared.contracts import protocol_file
from shared.contracts.versions import Versions, in_order
from shared.runtime import database as runtime_database
from shared.runtime.protocols import Refused, hold
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.running import settings_of
from tests.unit.contracts.test_versions import amendment, file

BEGINS = datetime.fromisoformat("2026-04-30T22:00:00+00:00")
SECOND = amendment("2.0", "2026-05-01")


def versions(*texts: str) -> Versions:
    return in_order(
        [protocol_file.parse(text.encode(), f"{at}.yaml") for at, text in enumerate(texts)]
    )


@dataclass
class Clock:
    now: datetime = BEGINS - timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def work(postgres: str, clock: Clock) -> AsyncIterator[Work]:
    async with database(postgres, "screening") as addresses:
        settings = settings_of("", addresses.service)
        async with runtime_database.pool(settings, "screening") as pool:
            yield Work("screening", pool, settings, lambda: clock.now, lambda: None)


async def test_the_same_files_and_new_versions_are_taken(work: Work) -> None:
    await hold(work, [])
    await hold(work, [versions(file())])
    await hold(work, [versions(file())])
    await hold(work, [versions(file(), SECOND)])
    rows = await work.pool.fetch("SELECT version, begins FROM protocol_version ORDER BY version")
    assert [tuple(row) for row in rows] == [("1.0", None), ("2.0", BEGINS)]


async def test_another_file_under_a_version_is_refused_in_one_line(work: Work) -> None:
    first = versions(file(), SECOND)
    await hold(work, [first])
    with pytest.raises(Refused) as why:
        await hold(work, [versions(file(), SECOND + "# a remark\n")])
    assert str(why.value) == (
        f"1.yaml: version 2.0 of T1 was another file, with SHA-256 {first.last.sha256}:"
        " a change needs a version of its own"
    )
    with pytest.raises(Refused, match=r"version 1\.0 of T1"):
        await hold(work, [versions(file() + "\n", SECOND, amendment("3.0", "2026-06-01"))])
    # Nothing of a refused folder is remembered.
    assert await work.pool.fetchval("SELECT count(*) FROM protocol_version") == 2


async def test_the_file_of_a_version_in_force_may_not_be_gone(work: Work, clock: Clock) -> None:
    await hold(work, [versions(file(), SECOND)])
    await hold(work, [versions(file())])  # taken back before its day
    clock.now = BEGINS
    with pytest.raises(Refused, match=r"version 2\.0 of T1 is in force, and its file is gone"):
        await hold(work, [versions(file())])
    await hold(work, [versions(file().replace("T1", "T2"))])  # a trial may go as a whole

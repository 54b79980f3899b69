"""A subject's first attempt is kept in one statement with the subject's own row."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from services.screening import store
from shared.contracts.subjects import TrialId
from tests.integration.screening.made import GOOD, TRIAL, Screening
from tests.waiting import until

SUBJECT = "T1-001"

_WAITING = """
    SELECT count(*) > 0 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def kept(service: Screening) -> tuple[int, ...]:
    """Rows of subject, screening, revision and outbox."""
    row = await service.pool.fetchrow(
        """
        SELECT (SELECT count(*) FROM subject), (SELECT count(*) FROM screening),
               (SELECT count(*) FROM revision), (SELECT count(*) FROM outbox)
        """
    )
    return tuple(row or ())


async def test_it_is_kept_with_its_subject_and_told(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    assert (one["attempt"], one["revision"], one["verdict"]) == (1, 1, "eligible")
    assert await kept(service) == (1, 1, 1, 2)
    assert await service.shown(one) == one


async def test_of_a_subject_that_is_known_nothing_is_kept(service: Screening) -> None:
    one = await service.submit(SUBJECT, age=17)
    async with service.pool.acquire() as db, db.transaction():
        there = await store.one(db, TrialId(TRIAL), one["id"])
        assert there is not None
        screening = replace(there.screening, id=uuid4(), attempt=2)
        revision = replace(there.revision, screening=screening.id)
        assert not await store.add_first(db, screening, revision)
    assert await kept(service) == (1, 1, 1, 2)
    assert (await service.submit(SUBJECT))["attempt"] == 2


@pytest.mark.parametrize("commits", [True, False])
async def test_it_waits_for_who_makes_the_subject_too(service: Screening, commits: bool) -> None:
    outside = await asyncpg.connect(service.work._settings.database)
    body = {"subject": SUBJECT, "form": GOOD}
    try:
        other = outside.transaction()
        await other.start()
        await outside.execute("INSERT INTO screening.subject VALUES ($1, $2)", TRIAL, SUBJECT)
        asked = asyncio.create_task(service.post("screenings", body, status=201))

        async def waits() -> bool:
            return bool(await service.pool.fetchval(_WAITING))

        await until(waits)
        await (other.commit() if commits else other.rollback())
        assert (await asked)["attempt"] == 1
    finally:
        await outside.close()
    assert await kept(service) == (1, 1, 1, 2)

"""`/readyz` tells how old the last poll and the oldest outbox row are, and fails where too old."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from shared.runtime import database as runtime_database
from shared.runtime import health
from shared.runtime.clock import wall
from shared.runtime.consuming import Consuming
from shared.runtime.outbox import Outgoing
from shared.runtime.relay import Relay
from shared.runtime.service import Running
from tests.integration.databases import database
from tests.integration.runtime.running import put, settings_of


class Polled(Consuming):
    """A consumer in its group whose last poll was so many seconds ago."""

    joined = True
    ended = time.monotonic()

    def __init__(self) -> None:
        """Nothing consumes."""

    @property
    def poll_age_s(self) -> float:
        return time.monotonic() - self.ended


@pytest.fixture
async def running(kafka: str, postgres: str) -> AsyncIterator[Running]:
    async with database(postgres, "screening") as addresses:
        settings = settings_of(kafka, addresses.service, poll_age_s=5, outbox_age_s=5)
        async with runtime_database.pool(settings, "screening") as pool:
            made = Running(settings, pool, Relay("screening", pool, settings, "nobody"), Polled())
            made.opening.done = True
            made.tasks = [asyncio.create_task(asyncio.sleep(3600))]
            yield made
            made.tasks[0].cancel()


@asynccontextmanager
async def served(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    health.add(app, running.checks(), running.told)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def row(age: timedelta) -> Outgoing:
    """A row that was made so long ago, by its id."""
    made_ms = int((wall() - age).timestamp() * 1000)
    id_ = UUID(int=(uuid7().int & ((1 << 80) - 1)) | made_ms << 80)
    return Outgoing("trialops.screening", "T1:IT001-0001", {"ce_id": str(id_)}, b"{}")


async def test_young_ages_are_told_and_ready(running: Running) -> None:
    Polled.ended = time.monotonic()
    async with served(running) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["ages"]["oldest_outbox_row_s"]) == (200, None)
        await put(running.pool, row(timedelta(seconds=2)))
        answer = await client.get("/readyz")
        ages = answer.json()["ages"]
        assert answer.status_code == 200
        assert 2 <= ages["oldest_outbox_row_s"] < 5
        assert 0 <= ages["last_poll_s"] < 5


async def test_an_outbox_row_too_old_is_not_ready(running: Running) -> None:
    Polled.ended = time.monotonic()
    await put(running.pool, row(timedelta(seconds=60)), row(timedelta()))
    async with served(running) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": True,
        "history": True,
        "consumer": True,
        "relay": False,
    }
    assert answer.json()["ages"]["oldest_outbox_row_s"] >= 60


async def test_a_poll_too_old_is_not_ready(running: Running) -> None:
    Polled.ended = time.monotonic() - 6
    async with served(running) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["consumer"]) == (503, False)
    assert answer.json()["ages"]["last_poll_s"] >= 6


async def test_a_service_that_refuses_says_why(running: Running) -> None:
    Polled.ended = time.monotonic()
    running.opening.done, running.opening.refuses = False, True
    running.opening.why = "screening refuses to work"
    async with served(running) as client:
        answer = await client.get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["checks"]["history"]) == (503, False)
    assert (told["refuses"], told["why"]) == (True, "screening refuses to work")

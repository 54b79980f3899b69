"""The least request that keeps what a screening keeps: the same SQL and HTTP server, no more.

Answer, criteria and events lie ready in memory, made once from the bench's form. No person, no form
read or decided, no key of idempotency, no span; nothing is sent to Kafka.
"""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

from services.screening import commands, store
from services.screening.commands import Submission, Told
from services.screening.trial import Trial
from shared.contracts import jsontext, versions
from shared.contracts.subjects import SubjectId
from shared.runtime import outbox
from shared.runtime.database import Connection, Pool

FORM = Path(__file__).parents[1] / "form.json"


class Least:
    """One form's screening, kept again for subject after subject."""

    def __init__(self, pool: Pool, told: Told) -> None:
        self._pool = pool
        self._told = told.kept
        self._answer = commands.answer(told.kept)
        self._events = [outbox.outgoing("screening", event, None) for event in told.events]
        self._numbers = count(1)

    @classmethod
    async def of(cls, pool: Pool, trial: Trial) -> "Least":
        """The screening that is repeated, decided and kept as the platform would."""
        now = datetime.now(UTC)
        form = jsontext.loads(FORM.read_bytes())
        if not isinstance(form, dict):
            raise TypeError("the form is no object")
        subject = SubjectId("IT001-000000")
        decided = trial.decide(
            subject, form, trial.versions.today(trial.versions.last.sites[0].id, now)
        )
        async with pool.acquire() as db, db.transaction():
            submission = Submission(subject, form, *decided)
            [told] = await commands.submit(db, trial, [submission], "bench", now)
        if not isinstance(told, Told):
            raise told
        return cls(pool, told)

    async def screen(self, request: Request) -> Response:
        """Read the body, keep the rows, answer."""
        await request.body()
        new, number = uuid7(), next(self._numbers)
        subject = SubjectId(f"IT{number // 1_000_000 + 900}-{number % 1_000_000:06}")
        screening = replace(self._told.screening, id=new, subject=subject)
        revision = replace(self._told.revision, screening=new)
        key = f"{screening.trial}:{subject}"
        async with self._pool.acquire() as db, db.transaction():
            await store.add_first(db, screening, revision)
            await outbox.put(db, [event._replace(key=key) for event in self._events])
        return Response(self._answer, 201, media_type="application/json")


async def _as_it_is(_: Connection) -> None:
    """The platform's pool, too, gives connections back as they are."""


def application(dsn: str, trial: Trial) -> Starlette:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=10,
            reset=_as_it_is,
            server_settings={"search_path": "screening"},
        ) as pool:
            least = await Least.of(pool, trial)
            app.router.routes.append(Route("/screenings", least.screen, methods=["POST"]))
            yield

    async def ready(_: Request) -> Response:
        return Response(json.dumps({"ready": True}), media_type="application/json")

    return Starlette(routes=[Route("/readyz", ready)], lifespan=lifespan)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--protocols", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--port", type=int, required=True)
    line = parser.parse_args()
    protocols = {str(name): files for name, files in versions.load_all(line.protocols).items()}
    uvicorn.run(
        application(line.database, Trial.of(protocols[line.trial])),
        port=line.port,
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )

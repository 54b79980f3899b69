"""A portal over real HTTP on a real database, its events handed to it, and people who sign in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI
from starlette.applications import Starlette

from services.portal.app import mounting
from services.portal.handlers import subscriptions
from services.portal.people import hash_of
from services.portal.stream import Hub
from shared.contracts.envelope import Envelope
from shared.contracts.events.base import Event
from shared.contracts.versions import load_all
from shared.runtime import database as runtime_database
from shared.runtime.record import Received
from shared.runtime.work import Work
from tests.acceptance.trials import write_protocols
from tests.integration.databases import database
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer

TRIAL = "TWAY"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = "a password for tests"
_HASHED = hash_of(PASSWORD)


def person(sub: str, role: str, **others: Any) -> dict[str, Any]:
    """A row of people.json."""
    row = {"sub": sub, "name": sub.title(), "role": role, "trials": [TRIAL], "sites": ["*"]}
    return row | {"address": f"{sub}@x.example", "password": _HASHED} | others


PEOPLE = (
    person("anna", "site", sites=["T1"]),
    person("bert", "site", sites=["T2"]),
    person("ines", "investigator", sites=["T1"]),
    person("olga", "safety_officer"),
    person("tom", "trial_manager"),
    person("ada", "statistician"),
    person("noor", "auditor"),
    person("zoe", "site", trials=["TBAD"]),
)


@dataclass
class House:
    """The portal of one test."""

    url: str
    work: Work
    owner: str
    people: Path

    async def hear(self, *events: Event, trial: str | None = TRIAL, at: datetime = NOON) -> None:
        """Hand events to their handlers, each committed."""
        for event in events:
            handler = next(
                s.handlers[type(event)] for s in subscriptions() if type(event) in s.handlers
            )
            said = Received(
                Envelope(
                    id=uuid4(),
                    source="/trialops/test",
                    type=event.ce_type(),
                    time=at,
                    actor="test",
                    sequence=1,
                    trial=trial,
                    subject=getattr(event, "subject", None),
                    site=getattr(event, "site", None),
                ),
                event,
            )
            async with self.work.pool.acquire() as db, db.transaction():
                assert not await handler(db, at, [said])

    @asynccontextmanager
    async def browser(
        self, sub: str | None = None, at: str = "127.0.0.1"
    ) -> AsyncIterator["Browser"]:
        """A browser at an address of this machine, signed in as somebody."""
        wire = None if at == "127.0.0.1" else httpx.AsyncHTTPTransport(local_address=at)
        async with httpx.AsyncClient(
            transport=wire, base_url=self.url, trust_env=False, timeout=10
        ) as http:
            browser = Browser(http, self.url)
            if sub is not None:
                answer = await browser.sign_in(sub)
                assert answer.status_code == 303, answer.text
            yield browser


@dataclass
class Browser:
    """What a person sees; forms are sent as a browser sends them."""

    http: httpx.AsyncClient
    url: str

    async def sign_in(self, sub: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        """The sign-in form, filled in."""
        fields = {"name": sub, "password": password, "next": "", **more}
        return await self.http.post("/sign-in", data=fields, headers={"origin": self.url})

    async def see(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = await self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def send(
        self, path: str, fields: Mapping[str, str], *, page: str | None = None, **headers: str
    ) -> httpx.Response:
        """A form of a page, with the token that the page carries and from its origin."""
        text = await self.see(page or path)
        token = text.partition('name="csrf" value="')[2].partition('"')[0]
        sent = {"origin": self.url} | headers
        return await self.http.post(path, data={"csrf": token, **fields}, headers=sent)


@asynccontextmanager
async def serving(app: FastAPI | Starlette) -> AsyncIterator[str]:
    """The address of a server of this application."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=2
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _listening(hub: Hub, work: Work) -> None:
    """As the service's process runs a job: for ever."""
    while True:
        await hub.run(work)


class _Server(uvicorn.Server):
    """One that leaves the signals to the process of the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def house(
    postgres: str,
    folder: Path,
    services: Mapping[str, str] | None = None,
    issuer: Issuer | None = None,
    people: Sequence[dict[str, Any]] = PEOPLE,
    amendment: str | None = None,
) -> AsyncIterator[House]:
    """A portal with these people; other services are down unless addresses are given.

    ``amendment`` is the text of a later version of the test's trial.
    """
    protocols = write_protocols(folder / "protocols")
    if amendment is not None:
        (protocols / f"{TRIAL}.v2.yaml").write_text(amendment)
    issuer = issuer or Issuer(folder)
    key = folder / "key.pem"
    key.write_bytes(issuer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file = folder / "people.json"
    file.write_text(json.dumps(list(people)))
    async with database(postgres, "portal") as made:
        settings = settings_of(
            "nowhere:1",
            made.service,
            protocols=protocols,
            people=file,
            token_key=key,
            services=dict(services or {"randomizer": "http://127.0.0.1:1"}),
        )
        async with runtime_database.pool(settings, "portal") as pool:
            work = Work("portal", pool, settings, lambda: NOON, lambda: None)
            hub, app = Hub(), FastAPI(openapi_url=None)
            mounting(settings, load_all(settings.protocols), hub)(app, work)
            listening = asyncio.create_task(_listening(hub, work))
            try:
                async with serving(app) as url:
                    yield House(url, work, made.owner, file)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

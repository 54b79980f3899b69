"""The notifier put together for a test: its database, its jobs, a clock that the test moves."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from services.notifier.app import build
from shared.contracts.envelope import Envelope
from shared.contracts.events.base import Event
from shared.runtime import http
from shared.runtime.batch import Batch
from shared.runtime.database import Pool
from shared.runtime.record import Record
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection
from shared.runtime.timers import Timers
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.notifier.servers import Hook, Mail, hook_server, mail_server
from tests.integration.runtime.records import NOON, Sent
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer
from tests.waiting import until

PROTOCOLS = Path(__file__).parents[3] / "protocols"
TRIAL = "NCT06903312"
SUBJECT = "IT001-0007"

Json = dict[str, Any]


def record(
    data: Event,
    sequence: int = 1,
    subject: str | None = SUBJECT,
    trial: str | None = TRIAL,
    ce_id: UUID | None = None,
) -> Sent:
    """The event as its service would send it."""
    envelope = Envelope(
        id=ce_id or uuid7(),
        source="/trialops/somebody",
        type=data.ce_type(),
        time=NOON,
        actor="somebody",
        sequence=sequence,
        trial=trial,
        subject=subject,
        site=subject.partition("-")[0] if subject else None,
    )
    headers = tuple((name, value.encode()) for name, value in envelope.headers())
    return Sent(data.TOPIC, 0, sequence, envelope.key.encode(), data.encode(), headers)


@dataclass
class Replica:
    """One process's worth of the notifier."""

    service: Service
    work: Work
    tasks: list[asyncio.Future[Any]] = field(default_factory=list)

    def start(self) -> None:
        """Its timers and its sending run."""
        timers = Timers(self.work, self.service.timers)
        self.work.when_committed(timers.wake)
        jobs = [timers.run(), *(job(self.work) for job in self.service.jobs)]
        self.tasks = [asyncio.ensure_future(job) for job in jobs]

    async def stop(self) -> None:
        """They end at once, as if the process were killed."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []


@dataclass
class House:
    """A notifier with its servers; the clock stands at NOON until the test moves it."""

    pool: Pool
    settings: Settings
    issuer: Issuer
    mail: Mail
    hook: Hook
    now: datetime = NOON
    replicas: list[Replica] = field(default_factory=list)

    async def open(self, *, start: bool = True) -> Replica:
        """Another replica."""
        service = build(self.settings)
        replica: Replica
        work = Work(service.name, self.pool, self.settings, lambda: self.now, lambda: None)
        replica = Replica(service, work)
        for job in service.at_start:
            await job(work)
        self.replicas.append(replica)
        if start:
            replica.start()
        return replica

    async def hears(self, *records: Sent, at: int = 0) -> list[Json]:
        """One batch, as the consumer applies it; returns what the runtime made dead letters of."""
        service, work = self.replicas[at].service, self.replicas[at].work
        by_topic: dict[str, list[Record]] = {}
        for one in records:
            by_topic.setdefault(one.topic, []).append(Record.of(one))
        heard = {h.topic: h for h in service.subscriptions if isinstance(h, Collection)}

        async def apply(*, careful: bool) -> list[Json]:
            async with self.pool.acquire() as db, db.transaction():
                batch = Batch(db, "notifier", self.now, careful)
                for topic, some in sorted(by_topic.items()):
                    await batch.collect(heard[topic], some)
                await batch.finish()
                return [{"reason": letter.reason} for letter in batch.letters]

        try:
            dead = await apply(careful=False)
        except Exception:
            dead = await apply(careful=True)
        work.committed()
        return dead

    async def rest(self) -> None:
        """Nothing is due any more."""

        async def done() -> bool:
            due = await self.pool.fetchval("SELECT count(*) FROM timer WHERE due <= $1", self.now)
            return bool(due == 0)

        await until(done, 20)

    async def passes(self, time: timedelta) -> None:
        """The clock goes on, with a stop at each due instant."""
        goal = self.now + time
        await self.rest()
        while self.now < goal:
            due = await self.pool.fetchval("SELECT min(due) FROM timer")
            self.now = min(due or goal, goal)
            await self.rest()

    async def alerts(self) -> list[Json]:
        """Every alert as the database has it, in the order in which they were raised."""
        return [dict(row) for row in await self.pool.fetch("SELECT * FROM alert ORDER BY id")]

    async def said(self, name: str | None = None) -> list[Json]:
        """What was said on topics, in order, each with its type as `is`."""
        found = []
        for row in await self.pool.fetch("SELECT headers, value FROM outbox ORDER BY id"):
            headers = json.loads(row["headers"])
            kind = headers["ce_type"].split(".")[1]
            if kind != "DeadLettered":
                found.append({"is": kind, **json.loads(row["value"])})
        return [one for one in found if name in (None, one["is"])]

    async def ask(
        self, method: str, path: str, role: str, body: object = None, **claims: Any
    ) -> httpx.Response:
        """A person asks over HTTP."""
        replica = self.replicas[0]
        gate = http.Gate(replica.work, self.issuer.tokens())
        app = http.application("notifier", "1", replica.service.all_routes(), gate)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://notifier"
        ) as client:
            headers = self.issuer.bearer(role, **claims)
            key = claims.pop("key", None)
            if key:
                headers = {**self.issuer.bearer(role, **claims), "idempotency-key": key}
            sent = None if body is None else json.dumps(body)
            return await client.request(method, path, content=sent, headers=headers)

    async def call(self, *contacts: Json, trial: str = TRIAL) -> list[Json]:
        """The trial manager says whom the trial calls."""
        path = f"/v1/trials/{trial}/contacts"
        answer = await self.ask("PUT", path, "trial_manager", {"contacts": contacts})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


def person(name: str, role: str, order: int = 1, *more: Json, **others: Any) -> Json:
    """A contact who is reached by mail, then by `more` channels."""
    mail = {"kind": "mail", "address": f"{name}@trial.example"}
    return {
        "id": name,
        "name": f"Person {name}",
        "role": role,
        "order": order,
        "channels": [mail, *more],
        **others,
    }


@asynccontextmanager
async def house(postgres: str, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """A notifier with nobody on call and one replica that runs."""
    (folder / "contacts_key").write_text(base64.b64encode(b"k" * 32).decode())
    async with (
        database(postgres, "notifier") as addresses,
        asyncpg.create_pool(
            addresses.service, min_size=1, max_size=8, server_settings={"search_path": "notifier"}
        ) as pool,
        mail_server() as mail,
        hook_server() as hook,
    ):
        given: dict[str, Any] = {
            "protocols": PROTOCOLS,
            "keys": folder,
            "mail": mail.address,
            "mail_from": "trialops@trial.example",
            "portal_url": "https://portal.test",
            "webhooks_inside": {"127.0.0.1"},
        }
        made = settings_of("nowhere:1", addresses.service, **(given | settings))
        built = House(pool, made, Issuer(folder), mail, hook)
        await built.open()
        try:
            yield built
        finally:
            for replica in built.replicas:
                await replica.stop()

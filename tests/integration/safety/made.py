"""Safety on a database of its own: routes, handlers and timers as its process has them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from services.safety.app import build
from services.safety.rules import SafetyRules
from services.safety.store import Rules
from shared.contracts import versions
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened
from shared.contracts.versions import ByTime
from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.consumer import Consumer
from shared.runtime.database import Pool
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.timers import Timers
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import Sent, sent
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer
from tests.waiting import until

Json = dict[str, Any]

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRIAL = "TSAFE"

_PROTOCOL = """\
study:
  id: TSAFE
  version: "1.0"
  title: A trial for tests of safety
  phase: II
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: false
  severity_scale: ctcae
sites:
  - {id: T1, time_zone: Europe/Rome}
  - {id: T2, time_zone: America/New_York}
arms:
  - {id: CUT, title: Surgery}
  - {id: WAIT, title: Nothing more}
strata:
  - id: every
    title: Everyone
    when: {number: {field: age, at_least: 18}}
    ratio: {CUT: 1, WAIT: 1}
eligibility:
  carry: [regimen]
  fields:
    age: {type: int}
    regimen: {type: choice, of: [one, two]}
  criteria:
    - {id: I1, category: inclusion, text: Adult., rule: {number: {field: age, at_least: 18}}}
randomization:
  design: permuted_block
  block_sizes: [2]
safety:
  authorities: [EU-CTR]
  components:
    by_arm: {CUT: [surgery], WAIT: []}
    by_regimen: {field: regimen, words: {one: [alpha], two: [beta]}}
  reference_safety_information: []
"""


@dataclass
class Clock:
    """The platform's time, which a test moves."""

    now: datetime = START


@dataclass
class Safety:
    """One process of safety, without Kafka: what it says stands in the outbox."""

    service: Service
    pool: Pool
    work: Work
    client: httpx.AsyncClient
    issuer: Issuer
    clock: Clock
    _sequences: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """The rules of its one trial."""
        protocols = versions.load_all(self.work._settings.protocols)
        return {trial: ByTime.of(files, SafetyRules.of) for trial, files in protocols.items()}

    async def ask(
        self,
        method: str,
        rest: str,
        body: object = None,
        role: str = "site",
        key: str | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """One request by somebody with a role."""
        headers = self.issuer.bearer(role, sub=f"{role}-person", **claims)
        if key is not None:
            headers["idempotency-key"] = key
        url = f"/v1/trials/{TRIAL}/{rest}"
        return await self.client.request(method, url, json=body, headers=headers)

    async def post(self, rest: str, body: Json, role: str = "site", status: int = 200) -> Json:
        """What was kept."""
        answer = await self.ask("POST", rest, body, role)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def get(self, rest: str, role: str = "safety_officer", **claims: Any) -> Json:
        """What is shown."""
        answer = await self.ask("GET", rest, role=role, **claims)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def report(self, subject: str = "T1-001", **form: Any) -> Json:
        """A case, a serious SUSAR in hospital unless told otherwise."""
        body = {"subject": subject, "form": self.form(**form)}
        return await self.post("adverse-events", body, status=201)

    def form(self, **changes: Any) -> Json:
        """A form that a site may submit now."""
        return {
            "term": "Headache",
            "site_aware_at": self.clock.now.isoformat(),
            "seriousness": ["hospitalisation"],
            **changes,
        }

    async def follow_up(self, case: str, **changes: Any) -> Json:
        """The next version."""
        return await self.post(f"adverse-events/{case}/follow-ups", {"form": changes})

    async def assess(self, case: str, **said: Any) -> Json:
        """The sponsor's judgement."""
        body = {"reason": "as I see it", **said}
        return await self.post(f"adverse-events/{case}/assessments", body, "safety_officer")

    async def submit(self, case: str, kind: str, at: datetime | None = None) -> Json:
        """A report was sent."""
        sent_at = (at or self.clock.now).isoformat()
        body = {"authority": "EU-CTR", "kind": kind, "submitted_at": sent_at}
        return await self.post(f"adverse-events/{case}/submissions", body, "safety_officer")

    async def hears(self, *records: Sent) -> None:
        """One batch of its consumer."""
        settings = self.work._settings
        consumer = Consumer("safety", self.service.subscriptions, self.work, settings)
        await consumer.take(records)

    def record(self, event: Event, subject: str) -> Sent:
        """The event as the next record of its subject's key."""
        at = event.TOPIC, subject
        self._sequences[at] = self._sequences.get(at, 0) + 1
        return sent(self._sequences[at], subject, data=event, trial=TRIAL)

    def screened(
        self,
        subject: str = "T1-001",
        regimen: str | None = "one",
        attempt: int = 1,
        revision: int = 1,
    ) -> Sent:
        """A screening of the subject."""
        return self.record(screened(subject, regimen, attempt, revision), subject)

    def randomized(self, subject: str = "T1-001", arm: str = "CUT") -> Sent:
        """The subject's draw."""
        event = PatientRandomized(
            subject=subject, site="T1", stratum="every", number=1, arm=arm, protocol_version="1.0"
        )
        return self.record(event, subject)

    @asynccontextmanager
    async def keeping_time(self) -> AsyncIterator[None]:
        """Its timers at work."""
        task = asyncio.create_task(Timers(self.work, self.service.timers).run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, now: datetime) -> None:
        """The clock at `now`, and everything due by then worked off."""
        self.clock.now = now
        async with self.keeping_time():
            await until(self.quiet)

    async def quiet(self) -> bool:
        """Nothing is due."""
        due = "SELECT count(*) FROM timer WHERE due <= $1"
        return bool(await self.pool.fetchval(due, self.clock.now) == 0)

    async def timers(self) -> dict[str, datetime]:
        """When which case's time comes."""
        return {row["id"]: row["due"] for row in await self.pool.fetch("SELECT id, due FROM timer")}

    async def said(self, topic: str = "trialops.safety") -> list[tuple[str, Json]]:
        """Type and data of all that was said, in the order in which it was committed."""
        query = "SELECT headers, value FROM outbox WHERE topic = $1 ORDER BY id"
        rows = await self.pool.fetch(query, topic)
        return [
            (json.loads(row["headers"])["ce_type"].split(".")[1], json.loads(row["value"]))
            for row in rows
        ]

    async def names(self, topic: str = "trialops.safety") -> list[str]:
        """The types alone."""
        return [name for name, _ in await self.said(topic)]


def screened(
    subject: str = "T1-001", regimen: str | None = "one", attempt: int = 1, revision: int = 1
) -> PatientScreened:
    """A screening as screening tells it."""
    return PatientScreened.model_validate(
        {
            "subject": subject,
            "site": subject.partition("-")[0],
            "screening": "s",
            "attempt": attempt,
            "revision": revision,
            "signed": True,
            "verdict": "eligible",
            "stratum": "every",
            "unmet": (),
            "unknown": (),
            "protocol_version": "1.0",
            "form_sha256": "a" * 64,
            "carry": {"regimen": regimen},
        }
    )


def settings_in(folder: Path, address: str) -> Settings:
    """Settings of safety with the test's one protocol."""
    protocols = folder / "protocols"
    protocols.mkdir(exist_ok=True)
    (protocols / "TSAFE.yaml").write_text(_PROTOCOL)
    return settings_of("", address, protocols=protocols)


@asynccontextmanager
async def process(settings: Settings, issuer: Issuer, clock: Clock) -> AsyncIterator[Safety]:
    """One process on this database."""
    async with runtime_database.pool(settings, "safety") as pool:
        work = Work("safety", pool, settings, lambda: clock.now, lambda: None)
        service = build(settings)
        gate = http.Gate(work, issuer.tokens())
        app = http.application("safety", "1", service.all_routes(), gate)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            yield Safety(service, pool, work, client, issuer, clock)


@asynccontextmanager
async def safety(postgres: str, folder: Path) -> AsyncIterator[Safety]:
    """One process of safety on a new database."""
    async with database(postgres, "safety") as addresses:
        settings = settings_in(folder, addresses.service)
        async with process(settings, Issuer(folder), Clock()) as made:
            yield made

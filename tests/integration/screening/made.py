"""Screening on a database of its own: routes and handlers as its process has them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from services.screening.app import build
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import PatientRandomized, RandomizationRefused
from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.consumer import Consumer
from shared.runtime.database import Pool
from shared.runtime.service import Service
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import Sent, sent
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer

Json = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRIAL = "TSCREEN"

_PROTOCOL = """\
study:
  id: TSCREEN
  version: "1.0"
  title: A trial for tests of screening
  phase: II
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: true
  severity_scale: ctcae
sites:
  - {id: T1, time_zone: Europe/Rome}
  - {id: T2, time_zone: America/New_York}
arms:
  - {id: CUT, title: Surgery}
  - {id: WAIT, title: Nothing more}
strata:
  - id: young
    title: Up to 50
    when: {number: {field: age, at_most: 50}}
    ratio: {CUT: 1, WAIT: 1}
  - id: old
    title: Over 50
    when: {number: {field: age, above: 50}}
    ratio: {CUT: 1, WAIT: 1}
eligibility:
  fields:
    informed_consent_date: {type: date}
    age: {type: int}
    consent_signed: {type: bool}
    pregnant: {type: bool}
  criteria:
    - {id: I1, category: inclusion, text: Adult., rule: {number: {field: age, at_least: 18}}}
    - {id: I2, category: inclusion, text: "Consents, in writing.", rule: {is_true: consent_signed}}
    - {id: E1, category: exclusion, text: Pregnant., rule: {is_true: pregnant}}
randomization:
  design: permuted_block
  block_sizes: [2]
safety:
  authorities: [EU-CTR]
  components:
    by_arm: {CUT: [surgery], WAIT: []}
  reference_safety_information: []
"""

GOOD: Json = {"age": 40, "consent_signed": True, "pregnant": False}


@dataclass
class Screening:
    """One process of screening, without Kafka: what it says stands in the outbox."""

    service: Service
    pool: Pool
    work: Work
    client: httpx.AsyncClient
    issuer: Issuer
    _sequences: dict[str, int] = field(default_factory=dict)

    async def ask(
        self, method: str, rest: str, body: object = None, role: str = "site", **claims: Any
    ) -> httpx.Response:
        """One request by somebody with a role."""
        headers = claims.pop("headers", {})
        headers |= self.issuer.bearer(role, **{"sub": f"{role}-person", **claims})
        url = f"/v1/trials/{TRIAL}/{rest}"
        return await self.client.request(method, url, json=body, headers=headers)

    async def post(self, rest: str, body: Json, role: str = "site", status: int = 200) -> Json:
        """What was kept."""
        answer = await self.ask("POST", rest, body, role)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def submit(self, subject: str, **changes: Any) -> Json:
        """The subject's next attempt."""
        body = {"subject": subject, "form": {**GOOD, **changes}}
        return await self.post("screenings", body, status=201)

    async def act(self, one: Json, verb: str, body: Json) -> httpx.Response:
        """A signature, a correction or a failure."""
        role = "investigator" if verb == "signature" else "site"
        return await self.ask("POST", f"screenings/{one['id']}/{verb}", body, role)

    async def sign(self, one: Json) -> httpx.Response:
        """The investigator's signature."""
        return await self.act(one, "signature", {"meaning": "as I see it"})

    async def correct(self, one: Json, **changes: Any) -> httpx.Response:
        """A correction."""
        return await self.act(one, "corrections", {"changes": changes, "reason": "misread"})

    async def fail(self, one: Json, **more: Any) -> httpx.Response:
        """The site's own end of it."""
        return await self.act(one, "failure", {"reason": "private words", **more})

    async def shown(self, one: Json) -> Json:
        """The screening as it stands."""
        answer = await self.ask("GET", f"screenings/{one['id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def hears(self, *events: Event) -> None:
        """What the randomizer says, one batch of the consumer."""
        settings = self.work._settings
        consumer = Consumer("screening", self.service.subscriptions, self.work, settings)
        await consumer.take([self.record(event) for event in events])

    def record(self, event: Event) -> Sent:
        """The event as the next record of its subject's key."""
        subject = str(event.model_dump()["subject"])
        self._sequences[subject] = self._sequences.get(subject, 0) + 1
        return sent(self._sequences[subject], subject, data=event, trial=TRIAL)

    async def said(self, subject: str, topic: str = "trialops.screening") -> list[tuple[str, Json]]:
        """Type and data of all that was said of a subject, in its sequence."""
        rows = await self.pool.fetch(
            "SELECT headers, value FROM outbox WHERE topic = $1 AND key = $2 ORDER BY id",
            topic,
            f"{TRIAL}:{subject}",
        )
        return [
            (json.loads(row["headers"])["ce_type"].split(".")[1], json.loads(row["value"]))
            for row in rows
        ]


def randomized(subject: str, number: int = 1) -> PatientRandomized:
    """The subject's draw."""
    return PatientRandomized(
        subject=subject,
        site=subject.partition("-")[0],
        stratum="young",
        number=number,
        arm="CUT",
        protocol_version="1.0",
    )


def refused(
    one: Json, reason: Any = "site_closed", revision: int | None = None
) -> RandomizationRefused:
    """The randomizer's refusal of a screening as it was."""
    return RandomizationRefused(
        subject=one["subject"],
        site=one["subject"].partition("-")[0],
        screening=one["id"],
        attempt=one["attempt"],
        revision=revision or one["revision"],
        stratum=one["stratum"],
        reason=reason,
        protocol_version="1.0",
    )


@asynccontextmanager
async def screening(
    postgres: str, folder: Path, amended: Callable[[str], str] | None = None
) -> AsyncIterator[Screening]:
    """One process of screening on a new database; ``amended`` makes the first version's next."""
    protocols = folder / "protocols"
    protocols.mkdir()
    (protocols / f"{TRIAL}.yaml").write_text(_PROTOCOL)
    if amended is not None:
        (protocols / f"{TRIAL}.v2.yaml").write_text(amended(_PROTOCOL))
    async with database(postgres, "screening") as addresses:
        settings = settings_of("", addresses.service, protocols=protocols)
        async with runtime_database.pool(settings, "screening") as pool:
            work = Work("screening", pool, settings, lambda: NOW, lambda: None)
            service, issuer = build(settings), Issuer(folder)
            gate = http.Gate(work, issuer.tokens())
            app = http.application("screening", "1", service.all_routes(), gate)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                yield Screening(service, pool, work, client, issuer)

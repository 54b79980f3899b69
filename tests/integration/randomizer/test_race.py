"""Caps that no race passes: a thousand subjects at once, four randomizers, killed at random."""

import asyncio
import base64
import os
import random
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from services.randomizer import records
from services.randomizer.plan import Plan
from services.randomizer.replay import opening, read, replay
from services.randomizer.seed import unseal
from shared.contracts import jsontext, protocol_file
from shared.contracts.events.randomization import (
    PatientRandomized,
    RandomizationClosed,
    RandomizationRefused,
)
from shared.contracts.events.screening import PatientScreened
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection
from shared.runtime.topics import declare
from tests import servers
from tests.integration.databases import database
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import know_its_topics, on_topic, owning, settings_of
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.waiting import until

CHECKOUT = Path(__file__).parents[3]
SUBJECTS, SITES, REPLICAS, TARGET = 1000, 20, 4, 409
YOUNG_CAP, SITE_CAP = 230, 24
KEY = bytes(range(32))

PROTOCOL = """\
study:
  id: {trial}
  version: "1.0"
  title: A race
  phase: I
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: true
  severity_scale: ctcae
sites:
{sites}
arms:
  - {{id: A, title: One}}
  - {{id: B, title: Two}}
  - {{id: C, title: Three}}
strata:
  - {{id: young, title: Young, when: {{is_true: young}}, ratio: {{A: 1, B: 1, C: 1}}}}
  - {{id: old, title: Old, when: {{is_true: old}}, ratio: {{A: 1, B: 1}}}}
randomization:
  design: permuted_block
  block_sizes: {{young: [3, 6], old: [2, 4, 6]}}
  target: {target}
  caps: {{strata: {{young: {young}}}, each_site: {site}}}
"""


@dataclass
class Race:
    """The replicas, and where they remember and speak."""

    trial: TrialId
    plan: Plan
    kafka: str
    db: Connection
    folder: Path
    told: dict[str, str]

    def start(self, number: int, stack: ExitStack) -> "subprocess.Popen[bytes]":
        """One replica's process, which ends with the stack."""
        with (self.folder / f"{number}.log").open("ab") as log:
            process = subprocess.Popen(
                (sys.executable, "-m", "services.randomizer"),
                cwd=CHECKOUT,
                env=os.environ | self.told,
                stderr=log,
                stdout=log,
            )
        stack.enter_context(process)
        stack.callback(process.kill)  # before the context waits for its end
        return process

    async def count(self, sql: str) -> int:
        """How many, as the owner sees it."""
        found: int = await self.db.fetchval(sql, self.trial)
        return found

    async def decided(self) -> int:
        """How many subjects are randomized or refused."""
        return await self.count(
            "SELECT count(*) FROM subject WHERE trial = $1"
            " AND standing IN ('randomized', 'refused')"
        )

    async def screen(self, every: Sequence[PatientScreened]) -> None:
        """All at once, as screening would say them."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all", linger_ms=5)
        await producer.start()
        try:
            under_way = []
            for one in every:
                record = sent(1, one.subject, data=one, trial=self.trial)
                under_way.append(
                    await producer.send(
                        record.topic,
                        record.value,
                        key=record.key,
                        headers=[(name, value or b"") for name, value in record.headers],
                    )
                )
            await asyncio.gather(*under_way)
        finally:
            await producer.stop()


@asynccontextmanager
async def race(kafka: str, postgres: str, folder: Path) -> AsyncIterator[Race]:
    trial = TrialId(f"RACE{secrets.token_hex(3).upper()}")
    protocols, issuer = folder / "protocols", Issuer(folder)
    protocols.mkdir()
    (folder / "seed_key").write_bytes(base64.b64encode(KEY))
    listed = "\n".join(f"  - {{id: S{n:02d}, time_zone: Europe/Rome}}" for n in range(SITES))
    text = PROTOCOL.format(trial=trial, sites=listed, target=TARGET, young=YOUNG_CAP, site=SITE_CAP)
    (protocols / "race.yaml").write_text(text)
    await declare(kafka)
    async with database(postgres, "randomizer") as addresses:
        await know_its_topics(settings_of(kafka, addresses.service), "randomizer")
        told = {
            "TRIALOPS_SERVICE_PORT": "0",
            "TRIALOPS_KAFKA": kafka,
            "TRIALOPS_DATABASE": addresses.service,
            "TRIALOPS_PROTOCOLS": str(protocols),
            "TRIALOPS_KEYS": str(folder),
            "TRIALOPS_ISSUER": ISSUER,
            "TRIALOPS_AUDIENCE": AUDIENCE,
            "TRIALOPS_JWKS_FILE": str(issuer.jwks_file),
            "TRIALOPS_SESSION_TIMEOUT_S": "6",
            "TRIALOPS_BATCH_RECORDS": "7",  # so that a death has many moments to choose from
        }
        plan = Plan.of(protocol_file.parse(text.encode(), "race.yaml"))
        async with owning(addresses, "randomizer") as db:
            yield Race(trial, plan, kafka, db, folder, told)


def subjects(dice: random.Random) -> list[PatientScreened]:
    """A thousand eligible subjects in no order."""
    made = [
        PatientScreened.model_validate(
            {
                "subject": f"S{n % SITES:02d}-{n:04d}",
                "site": f"S{n % SITES:02d}",
                "screening": f"s{n}",
                "attempt": 1,
                "revision": 1,
                "signed": True,
                "verdict": "eligible",
                "stratum": "young" if dice.random() < 0.6 else "old",
                "unmet": (),
                "unknown": (),
                "protocol_version": "1.0",
                "form_sha256": "a" * 64,
                "carry": {},
            }
        )
        for n in range(SUBJECTS)
    ]
    dice.shuffle(made)
    return made


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[str]:
    """Nobody else's: what a thousand draws say would pass by every other test's services."""
    with servers.running_kafka(tmp_path / "kafka") as server:
        yield server.bootstrap


async def test_a_thousand_at_once_over_four_randomizers_killed_at_random(
    own_kafka: str, postgres: str, tmp_path: Path
) -> None:
    seed = secrets.randbelow(10**6)
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    async with race(own_kafka, postgres, tmp_path) as ours:
        with ExitStack() as stack:
            running = [ours.start(n, stack) for n in range(REPLICAS)]
            await until(partial(_begun, ours), 45, every=0.2)
            await ours.screen(subjects(dice))
            # Twice, at some moment of the work, one or two die at once and others take their place.
            for most in (400, 900):
                goal = dice.randint(min(most, 1 + await ours.decided()), most)
                await until(partial(_decided, ours, goal), 30, every=0.01)
                for victim in dice.sample(range(REPLICAS), dice.randint(1, 2)):
                    running[victim].kill()
                    running[victim].wait(10)
                    running[victim] = ours.start(victim, stack)
            await until(partial(_decided, ours, SUBJECTS), 45, every=0.2)
            await until(partial(_all_told, ours), 20, every=0.2)
        await _whole(ours)


async def _begun(ours: Race) -> bool:
    return await ours.count("SELECT count(*) FROM trial WHERE trial = $1") == 1


async def _decided(ours: Race, goal: int) -> bool:
    return await ours.decided() >= goal


async def _all_told(ours: Race) -> bool:
    return await ours.count("SELECT count(*) FROM outbox WHERE $1::text IS NOT NULL") == 0


async def _whole(ours: Race) -> None:
    """Every promise about the allocations, in the database and on the topic."""
    drawn = await records.allocations(ours.db, ours.trial, 0, SUBJECTS)
    sealed = await records.sealed_seed(ours.db, ours.trial)
    assert [one.number for one in drawn] == list(range(1, TARGET + 1))
    assert len({one.subject for one in drawn}) == TARGET
    strata = Counter(one.stratum for one in drawn)
    assert strata["young"] <= YOUNG_CAP
    assert max(Counter(one.site for one in drawn).values()) <= SITE_CAP

    # Every block as the seed fills it: the draws again, in the order of their numbers.
    fields = ("number", "subject", "stratum", "arm")
    items = [{name: getattr(one, name) for name in fields} for one in drawn]
    opened = opening(ours.plan, unseal(ours.trial, sealed or b"", KEY), [], None)
    bundle = {**opened.model_dump(mode="json"), "randomized": TARGET, "allocations": items}
    found = replay(read(jsontext.dumps(bundle)))
    assert (found.ok, found.checked) == (True, TARGET), found
    arms = Counter((one.stratum, one.arm) for one in drawn)
    for stratum, ratio in ours.plan.scheme.ratios.items():
        counts = [arms[stratum, arm] for arm in ratio.arms]
        assert max(counts) - min(counts) <= 3, stratum  # at most half of the largest block

    said: dict[str, list[Any]] = {}
    for record in await on_topic(ours.kafka, "trialops.randomization"):
        headers = dict(record.headers)
        if headers.get("ce_trial") == ours.trial.encode():
            name = headers["ce_type"].decode().split(".")[1]
            said.setdefault(name, []).append((headers["ce_id"], record.value or b""))
    once = {name: dict(events) for name, events in said.items()}  # a dead relay's rows come twice
    randomized = [PatientRandomized.decode(v) for v in once["PatientRandomized"].values()]
    assert sorted((one.number, one.subject, one.arm or "") for one in randomized) == [
        (one.number, one.subject, one.arm) for one in drawn
    ]
    refused = [RandomizationRefused.decode(v) for v in once["RandomizationRefused"].values()]
    assert len(refused) == SUBJECTS - TARGET
    reasons = {one.reason for one in refused}
    assert {"stratum_closed"} < reasons <= {"cap_reached", "stratum_closed", "site_cap_reached"}
    assert {one.subject for one in refused}.isdisjoint(one.subject for one in drawn)
    [closed] = [RandomizationClosed.decode(v) for v in once["RandomizationClosed"].values()]
    assert (closed.cause, closed.randomized) == ("target_reached", TARGET)

"""Subjects' lives through the service as it runs, on PostgreSQL, against the same simple model.

Its consumer takes batches, commands come over HTTP, an amendment comes into force in the middle,
records are repeated and come in the wrong order, and the process is a new one again and again.
"""

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import pytest

from shared.contracts.events import EVENTS
from shared.contracts.events.base import Event
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened
from shared.runtime import http
from shared.runtime.consumer import Consumer
from tests.integration.randomizer.test_versions import BEGINS, TRIAL, Randomizer, randomizer
from tests.integration.runtime.records import Sent, sent
from tests.issuer import Issuer
from tests.unit.contracts.test_versions import amendment, file
from tests.unit.randomizer.life import SITES, as_told
from tests.unit.randomizer.made import failed, screened
from tests.unit.randomizer.model import Impossible, Limits, Model, Told

__all__ = ["randomizer"]  # the fixture

SECOND_SITE = "  - {id: IT002, time_zone: Europe/Rome}\n"
DESIGN = """\
randomization:
  design: permuted_block
  block_sizes: [3]
  target: {target}
  caps: {{sites: {{IT001: {cap}}}, site_strata: {{IT002: {{s1: {cell}}}}}}}
  milestones: [50, 75]
"""
# The target, the cap of one site, and that of the other site's stratum.
BEFORE = {"target": 40, "cap": 25, "cell": 20}
AFTER = {"target": 12, "cap": 8, "cell": 5}
NAMES = {event.ce_type(): event for event in EVENTS}
ROLES = {"pause": "safety_officer"}


def limits(target: int, cap: int, cell: int) -> Limits:
    cells = {("IT002", "s1"): cell}
    return Limits(target=target, sites={"IT001": cap}, cells=cells, percents=(50, 75))


@dataclass
class Trial:
    """The service and the model side by side."""

    service: Randomizer
    issuer: Issuer
    dice: random.Random
    model: Model
    newest: dict[str, PatientScreened] = field(default_factory=dict)
    sequences: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    sent: list[Sent] = field(default_factory=list)

    def record(self, event: Event) -> Sent:
        """The next record of its key."""
        subject = event.model_dump()["subject"]
        self.sequences[event.TOPIC, subject] += 1
        made = sent(self.sequences[event.TOPIC, subject], subject, data=event, trial=TRIAL)
        self.sent.append(made)
        return made

    async def take(self, *batch: Sent) -> None:
        """One batch of the consumer; sometimes old records are among them."""
        again = [one.again() for one in self.sent if self.dice.random() < 0.02]
        service = self.service.service
        settings = self.service.work._settings
        consumer = Consumer("randomizer", service.subscriptions, self.service.work, settings)
        await consumer.take([*batch, *(one for one in again if one.key != batch[0].key)])

    def form(self, name: str) -> PatientScreened:
        """A subject's next form, correction, signature or attempt; the model hears of it later."""
        before, dice = self.newest.get(name), self.dice
        if before and before.verdict == "eligible" and not before.signed and dice.random() < 0.7:
            form = before.model_copy(update={"signed": True})
        else:
            again = bool(before) and dice.random() < 0.3
            attempt, revision = (before.attempt, before.revision + 1) if before else (1, 1)
            form = screened(
                int(name[-4:]),
                site=name[:5],
                stratum="s1",
                verdict=dice.choice(("eligible", "eligible", "eligible", "ineligible")),
                signed=dice.random() < 0.6,
                attempt=attempt + again,
                revision=1 if again else revision,
                version=self.model.newest,
            )
        self.newest[name] = form
        return form

    def hears(self, form: PatientScreened) -> None:
        at = (form.attempt, form.revision, form.signed)
        self.model.screened(form.subject, form.site, at, form.verdict, "s1", form.protocol_version)

    async def commands(self, path: str, expected: Callable[[], None]) -> None:
        """A person asks over HTTP; it is possible exactly where the model says so."""
        gate = http.Gate(self.service.work, self.issuer.tokens())
        app = http.application("randomizer", "1", self.service.service.all_routes(), gate)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            answer = await client.post(
                f"/v1/trials/{TRIAL}/{path}",
                json={"reason": "a test"},
                headers=self.issuer.bearer(ROLES.get(path, "trial_manager")),
            )
        try:
            expected()
        except Impossible:
            assert answer.status_code == 409, (path, answer.text)
        else:
            assert answer.status_code == 200, (path, answer.text)

    async def goes_on(self, names: Iterable[str]) -> None:
        """Something happens."""
        dice, model = self.dice, self.model
        some = dice.sample(sorted(names), dice.randint(1, 6))
        name = some[0]
        match dice.choices(
            ("forms", "late", "failure", "withdrawal", "pause", "resume", "site", "restart"),
            (45, 8, 6, 6, 9, 14, 6, 6),
        )[0]:
            case "forms":
                forms = [self.form(one) for one in some]
                await self.take(*map(self.record, forms))
                for form in forms:
                    self.hears(form)
            case "late":
                first, second = self.form(name), self.form(name)
                earlier, later = self.record(first), self.record(second)
                await self.take(later)
                await self.take(earlier)
                self.hears(first)
                self.hears(second)
            case "failure":
                before = self.newest.get(name)
                attempt = before.attempt if before else 1
                over = failed(int(name[-4:]), site=name[:5], attempt=attempt)
                await self.take(self.record(over))
                model.failed(name, name[:5], attempt)
            case "withdrawal":
                data = {"subject": name, "site": name[:5], "from": "consent"}
                event = SubjectWithdrawn.model_validate({**data, "date": date(2026, 3, 1)})
                if not self.sequences[event.TOPIC, name]:
                    await self.take(self.record(event))
                    model.took_back(name, name[:5])
            case "pause":
                await self.commands("pause", model.pause)
            case "resume":
                await self.commands("resume", model.resume)
            case "site":
                site = dice.choice(SITES)
                opened = not model.sites[site]
                verb = "open" if opened else "close"
                await self.commands(f"sites/{site}/{verb}", lambda: model.switch(site, opened))
            case "restart":
                await self.service.start()

    async def said(self) -> dict[str, list[Told]]:
        """By key, all that was said in the model's words."""
        rows = await self.service.pool.fetch(
            "SELECT key, headers, value FROM outbox WHERE topic = 'trialops.randomization'"
            " ORDER BY id"
        )
        found: dict[str, list[Told]] = {}
        for row in rows:
            event = NAMES[json.loads(row["headers"])["ce_type"]].decode(row["value"])
            told = as_told(event)
            if told is not None:
                found.setdefault(row["key"], []).append(told)
        return found

    def expected(self) -> dict[str, list[Told]]:
        """The same of the model; what concerns the whole trial has the trial's key."""
        found: dict[str, list[Told]] = {TRIAL: [("activated", "1.0")]}
        found[TRIAL] += [("site", site, True) for site in ("IT001", "701", "IT002")]
        for told in self.model.told:
            named = len(told) > 1 and told[1] in self.model.people
            found.setdefault(f"{TRIAL}:{told[1]}" if named else TRIAL, []).append(told)
        return found


@asynccontextmanager
async def trial(service: Randomizer, folder: Path, seed: int) -> AsyncIterator[Trial]:
    first = file(site=SECOND_SITE) + DESIGN.format(**BEFORE)
    second = amendment("2.0", "2026-05-01", site=SECOND_SITE)
    service.write("a.yaml", first)
    service.write("b.yaml", second + DESIGN.format(**AFTER))
    await service.start()
    sites = dict.fromkeys((*SITES, "701"), True)
    model = Model({"1.0": limits(**BEFORE)}, "1.0", sites)
    yield Trial(service, Issuer(folder), random.Random(seed), model)


@pytest.mark.parametrize("seed", range(3))
async def test_lives_on_a_database_are_those_of_the_model(
    randomizer: Randomizer, tmp_path: Path, seed: int
) -> None:
    names = [f"{SITES[n > 14]}-{n:04d}" for n in range(1, 25)]
    async with trial(randomizer, tmp_path, seed) as lived:
        for _ in range(30):
            await lived.goes_on(names)
        assert len(lived.model.drawn) > 3
        assert await lived.said() == lived.expected()
        randomizer.clock.now = BEGINS
        await randomizer.start()
        lived.model.amend("2.0", limits(**AFTER))
        for _ in range(30):
            await lived.goes_on(names)
        assert await lived.said() == lived.expected()
    rows = await randomizer.pool.fetch("SELECT number, subject FROM allocation ORDER BY number")
    drawn = [(number, one[0]) for number, one in enumerate(lived.model.drawn, 1)]
    assert [tuple(row) for row in rows] == drawn
    waiting = await randomizer.pool.fetch(
        "SELECT subject FROM subject WHERE standing = 'waiting' ORDER BY arrival"
    )
    people = lived.model.people
    queue = [name for name in lived.model.queue if people[name].stands == "waiting"]
    assert [row["subject"] for row in waiting] == queue


async def test_an_amendment_tells_milestones_and_ends_what_waits(
    randomizer: Randomizer, tmp_path: Path
) -> None:
    """The draws of every site are counted and all who wait are called, whoever is named."""
    names = [f"{SITES[n % 2]}-{n:04d}" for n in range(1, 18)]
    async with trial(randomizer, tmp_path, 0) as lived:
        for name in names[:14]:
            form = screened(int(name[-4:]), site=name[:5], stratum="s1")
            await lived.take(lived.record(form))
            lived.hears(form)
        await lived.commands("pause", lived.model.pause)
        waits = screened(int(names[14][-4:]), site=names[14][:5], stratum="s1")
        await lived.take(lived.record(waits))
        lived.hears(waits)
        randomizer.clock.now = BEGINS
        await randomizer.start()
        lived.model.amend("2.0", limits(**AFTER))
        said = await lived.said()
        assert said == lived.expected()
    assert [told[1:] for told in said[TRIAL] if told[0] == "milestone"] == [
        ("trial", None, None, 50, 14, 12),
        ("trial", None, None, 75, 14, 12),
        ("site", "IT001", None, 50, 7, 8),
        ("site", "IT001", None, 75, 7, 8),
        ("site_stratum", "IT002", "s1", 50, 7, 5),
        ("site_stratum", "IT002", "s1", 75, 7, 5),
    ]
    refused = [
        told for key, of in said.items() if key != TRIAL for told in of if told[0] != "drawn"
    ]
    assert [told[0] for told in refused] == ["waiting", "refused"]

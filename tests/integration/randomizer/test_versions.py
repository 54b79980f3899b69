"""An amendment in the randomizer: in force on its day, beside the version before, and for ever."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from services.randomizer.app import build
from services.randomizer.replay import read, replay
from shared.contracts.events.screening import PatientScreened
from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.consumer import Consumer
from shared.runtime.database import NotYet, Pool
from shared.runtime.protocols import Refused
from shared.runtime.timers import Timers
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import sent
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer
from tests.unit.contracts.test_versions import amendment, file
from tests.unit.randomizer.made import screened
from tests.waiting import until

TRIAL = "T1"
DAY = timedelta(days=1)
BEGINS = datetime.fromisoformat("2026-04-30T22:00:00+00:00")
FIRST = file() + "randomization: {design: permuted_block, block_sizes: [3, 6]}\n"
SECOND = (
    amendment("2.0", "2026-05-01", '"701": not_approved')
    + "randomization: {design: permuted_block, block_sizes: [9], target: 30}\n"
)


@dataclass
class Clock:
    """The platform's time, which a test moves."""

    now: datetime = BEGINS - DAY


@dataclass
class Randomizer:
    """One process of the randomizer without Kafka; `restart` takes up what the folder holds."""

    folder: Path
    pool: Pool
    work: Work
    clock: Clock
    _sequences: dict[str, int] = field(default_factory=dict)

    async def start(self) -> None:
        """As its process starts: whatever is due comes into force."""
        settings = self.work._settings
        self.service = build(settings)
        for job in self.service.at_start:
            await job(self.work)

    async def hears(self, *screenings: PatientScreened) -> None:
        """One batch of the consumer."""
        settings = self.work._settings
        consumer = Consumer("randomizer", self.service.subscriptions, self.work, settings)
        records = []
        for one in screenings:
            self._sequences[one.subject] = self._sequences.get(one.subject, 0) + 1
            records.append(sent(self._sequences[one.subject], one.subject, data=one, trial=TRIAL))
        await consumer.take(records)

    async def said(self) -> list[str]:
        """Type and version, or number and version, of all that was said but of seed and sites."""
        rows = await self.pool.fetch(
            "SELECT headers, value FROM outbox WHERE topic = 'trialops.randomization' ORDER BY id"
        )
        found = []
        for row in rows:
            name = json.loads(row["headers"])["ce_type"].split(".")[1]
            data = json.loads(row["value"])
            if "protocol_version" in data:
                found.append(f"{name} {data['protocol_version']}")
        return found

    @asynccontextmanager
    async def keeping_time(self) -> AsyncIterator[None]:
        """Its timers at work."""
        task = asyncio.create_task(Timers(self.work, self.service.timers).run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def write(self, name: str, text: str) -> None:
        """A file of the protocols' folder."""
        (self.folder / name).write_text(text)


@pytest.fixture
async def randomizer(postgres: str, tmp_path: Path) -> AsyncIterator[Randomizer]:
    folder, clock = tmp_path / "protocols", Clock()
    folder.mkdir()
    (tmp_path / "seed_key").write_bytes(base64.b64encode(bytes(32)))
    async with database(postgres, "randomizer") as addresses:
        settings = settings_of("", addresses.service, protocols=folder, keys=tmp_path, retries=0)
        async with runtime_database.pool(settings, "randomizer") as pool:
            work = Work("randomizer", pool, settings, lambda: clock.now, lambda: None)
            made = Randomizer(folder, pool, work, clock)
            made.write("a.yaml", FIRST)
            made.write("b.yaml", SECOND)
            yield made


@asynccontextmanager
async def asking(
    randomizer: Randomizer, folder: Path
) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
    """Its routes: method, path, role, who asks, and a list where one is sent."""
    issuer = Issuer(folder)
    gate = http.Gate(randomizer.work, issuer.tokens())
    app = http.application("randomizer", "1", randomizer.service.all_routes(), gate)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:

        async def ask(
            method: str, path: str, role: str, sub: str, rows: str | None = None
        ) -> httpx.Response:
            return await client.request(
                method,
                f"/v1/trials/{TRIAL}/{path}",
                json={"reason": "done"} if method == "POST" else None,
                content=rows,
                headers=issuer.bearer(role, sub=sub),
            )

        yield ask


def of(number: int, version: str, site: str = "IT001") -> PatientScreened:
    return screened(number, site=site, stratum="s1", version=version)


async def test_a_version_comes_into_force_at_its_instant_and_is_told_once(
    randomizer: Randomizer,
) -> None:
    await randomizer.start()
    assert await randomizer.said() == ["TrialActivated 1.0"]
    due = await randomizer.pool.fetchval("SELECT due FROM timer WHERE kind = 'activation'")
    assert due == BEGINS

    async def told_twice() -> bool:
        return len(await randomizer.said()) > 1

    async with randomizer.keeping_time():
        randomizer.clock.now = BEGINS
        await until(told_twice)
    assert await randomizer.said() == ["TrialActivated 1.0", "TrialActivated 2.0"]
    assert await randomizer.pool.fetchval("SELECT count(*) FROM timer") == 0
    await randomizer.start()
    assert await randomizer.said() == ["TrialActivated 1.0", "TrialActivated 2.0"]
    [row] = await randomizer.pool.fetch("SELECT protocol_version FROM trial")
    assert row["protocol_version"] == "2.0"


async def test_a_start_after_the_day_brings_every_version_in_force_in_order(
    randomizer: Randomizer,
) -> None:
    randomizer.clock.now = BEGINS + DAY
    await randomizer.start()
    assert await randomizer.said() == ["TrialActivated 1.0", "TrialActivated 2.0"]


async def test_a_screening_never_comes_before_its_version_and_never_waits_for_the_timer(
    randomizer: Randomizer,
) -> None:
    await randomizer.start()
    with pytest.raises(NotYet):
        await randomizer.hears(of(1, "2.0"))
    randomizer._sequences.clear()
    randomizer.clock.now = BEGINS
    await randomizer.hears(of(1, "2.0"), of(2, "1.0", "701"))
    said = await randomizer.said()
    assert said[:2] == ["TrialActivated 1.0", "TrialActivated 2.0"]
    assert sorted(said[2:]) == ["PatientRandomized 1.0", "PatientRandomized 2.0"]


async def test_a_version_that_is_not_here_is_a_dead_letter_that_loses_nothing(
    randomizer: Randomizer,
) -> None:
    (randomizer.folder / "b.yaml").unlink()
    randomizer.clock.now = BEGINS
    await randomizer.start()
    await randomizer.hears(of(1, "2.0"), of(2, "1.0"))
    assert await randomizer.said() == ["TrialActivated 1.0", "PatientRandomized 1.0"]
    [letter] = await randomizer.pool.fetch("SELECT key, reason FROM dead_letter")
    assert letter["key"] == "T1:IT001-0001"
    assert letter["reason"] == "version '2.0' of the protocol is not here"


async def test_who_waits_for_the_list_of_an_earlier_version_learns_that_the_trial_is_full(
    randomizer: Randomizer,
) -> None:
    """The draw that ends the trial is another's, in a batch that names nobody who waits."""
    randomizer.write("a.yaml", file() + "randomization: {design: listed}\n")
    randomizer.write("b.yaml", SECOND.replace("target: 30", "target: 1"))
    await randomizer.start()
    await randomizer.hears(of(1, "1.0", "701"), of(2, "1.0", "701"))
    randomizer.clock.now = BEGINS
    await randomizer.hears(of(3, "2.0"))
    said = await randomizer.said()
    assert sorted(said[1:3]) == ["RandomizationWaiting 1.0"] * 2
    assert sorted(said[3:]) == [
        "PatientRandomized 2.0",
        "RandomizationRefused 1.0",
        "RandomizationRefused 1.0",
        "TrialActivated 2.0",
    ]
    left = "SELECT count(*) FROM subject WHERE standing = 'waiting'"
    assert await randomizer.pool.fetchval(left) == 0


async def test_a_list_may_have_the_arms_of_the_version_that_waits_for_it(
    randomizer: Randomizer, tmp_path: Path
) -> None:
    """The newest version has another arm in their stratum, and draws without a list."""
    randomizer.write("a.yaml", file() + "randomization: {design: listed}\n")
    newest = SECOND.replace("Other}", "Other, closed: true}\n  - {id: C, title: New}")
    randomizer.write("b.yaml", newest.replace("{A: 1, B: 2}", "{A: 1, C: 2}"))
    await randomizer.start()
    await randomizer.hears(of(1, "1.0", "701"), of(2, "1.0", "701"))
    randomizer.clock.now = BEGINS
    await randomizer.start()
    async with asking(randomizer, tmp_path) as ask:
        other = await ask("PUT", "allocation-list", "statistician", "one", "s1,B\ns1,C\n")
        assert (other.status_code, other.json()["errors"][0]["loc"]) == (422, ["line", 2])
        loaded = await ask("PUT", "allocation-list", "statistician", "one", "s1,B\ns1,A\n")
    assert loaded.status_code == 200, loaded.text
    rows = await randomizer.pool.fetch("SELECT arm FROM allocation ORDER BY number")
    assert [row["arm"] for row in rows] == ["B", "A"]


async def test_who_waits_in_a_trial_that_was_closed_is_told_at_the_next_start(
    randomizer: Randomizer,
) -> None:
    """A backup between the close and the refusals leaves such rows."""
    randomizer.write("a.yaml", file() + "randomization: {design: listed}\n")
    (randomizer.folder / "b.yaml").unlink()
    await randomizer.start()
    await randomizer.hears(of(1, "1.0"), of(2, "1.0", "701"))
    await randomizer.start()
    before = await randomizer.said()
    assert len(before) == 3
    await randomizer.pool.execute("UPDATE trial SET state = 'closed', closed_by = 'closed'")
    for _ in range(2):
        await randomizer.start()
        assert (await randomizer.said())[3:] == ["RandomizationRefused 1.0"] * 2
    left = "SELECT count(*) FROM subject WHERE standing = 'waiting'"
    assert await randomizer.pool.fetchval(left) == 0


async def test_a_version_in_force_must_be_in_the_folder(randomizer: Randomizer) -> None:
    """A process with the older folder would draw by caps and designs that are over."""
    randomizer.clock.now = BEGINS
    await randomizer.start()
    (randomizer.folder / "b.yaml").unlink()
    with pytest.raises(Refused, match=r"version 2\.0 of T1 is in force"):
        await randomizer.start()
    with pytest.raises(NotYet):
        await randomizer.hears(of(1, "1.0"))
    randomizer.write("b.yaml", SECOND.replace("target: 30", "target: 31"))
    with pytest.raises(Refused, match="changed, but its version is still"):
        await randomizer.start()


async def test_two_versions_at_once_draw_apart_and_the_opened_seed_proves_both(
    randomizer: Randomizer, tmp_path: Path
) -> None:
    await randomizer.start()
    await randomizer.hears(*(of(n, "1.0", "701") for n in range(1, 5)))
    randomizer.clock.now = BEGINS
    await randomizer.start()  # a restart in between: nothing is held in memory
    for n in range(5, 33):
        await randomizer.hears(of(n, "2.0") if n % 2 else of(n, "1.0", "701"))
    rows = await randomizer.pool.fetch(
        "SELECT arm FROM allocation WHERE protocol_version = '2.0' ORDER BY number"
    )
    arms = [row["arm"] for row in rows]
    assert len(arms) == 13  # the target of the newest version counts both
    assert (arms[:9].count("A"), arms[:9].count("B")) == (3, 6)

    async with asking(randomizer, tmp_path) as ask:
        enrolment = (await ask("GET", "enrolment?by=arm", "statistician", "one")).json()
        assert (enrolment["state"], enrolment["randomized"], enrolment["target"]) == (
            "closed",
            30,
            30,
        )
        assert sum(enrolment["arms"]["s1"].values()) == 30
        assert (await ask("POST", "seed/open", "statistician", "one")).status_code == 202
        opened = await ask("POST", "seed/open", "statistician", "two")
    assert opened.status_code == 201
    found = replay(read(opened.content))
    assert (found.ok, found.checked) == (True, 30)
    bundle = opened.json()
    assert [one["protocol_version"] for one in bundle["earlier"]] == ["1.0"]
    bundle["allocations"][20]["protocol_version"] = "1.0"
    if opened.json()["allocations"][20]["protocol_version"] == "1.0":
        bundle["allocations"][20]["protocol_version"] = "2.0"
    assert not replay(read(json.dumps(bundle))).ok

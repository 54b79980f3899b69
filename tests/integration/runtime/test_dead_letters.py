"""Promise 4: a letter waits for a person to replay or drop it; only its own key waits behind."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from shared.contracts.events.safety import KeyResumed, KeyWaiting
from shared.contracts.events.screening import ScreeningFailed
from shared.contracts.topics import MAX_DEAD_LETTER_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.consumer import Consumer
from shared.runtime.database import Connection, Pool
from shared.runtime.deadroutes import DeadLetters
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received, Record
from shared.runtime.subscription import Collection, DataFault, Subscription
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, Sent, sent
from tests.integration.runtime.running import owning, settings_of
from tests.issuer import Issuer

TOPIC = "trialops.screening"
COLLECTED = "trialops.audit"
TOLD = "trialops.randomization"
"""A topic whose waiting keys are told."""


@dataclass
class Service:
    """A consumer that refuses what it is told to, with its dead letters over HTTP."""

    pool: Pool
    work: Work
    consumer: Consumer
    client: httpx.AsyncClient
    issuer: Issuer
    refuses: set[tuple[str, int]] = field(default_factory=set)

    async def on_failed(
        self, db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> Sequence[NewEvent]:
        await db.executemany(
            "INSERT INTO heard (key, attempt) VALUES ($1, $2)",
            [(received.envelope.key, received.data.attempt) for received in batch],
        )
        for received in batch:
            if (received.data.subject, received.data.attempt) in self.refuses:
                raise DataFault("told to refuse it")
        return []

    async def hears(self, *records: Sent) -> None:
        await self.consumer.take(records)

    async def heard(self, subject: str = "IT001-0001", trial: str = "T1") -> list[int]:
        rows = await self.pool.fetch(
            "SELECT attempt FROM heard WHERE key = $1 ORDER BY nth", f"{trial}:{subject}"
        )
        return [row["attempt"] for row in rows]

    def manager(self, *trials: str) -> dict[str, str]:
        return self.issuer.bearer("trial_manager", sub="mia", trials=list(trials or ("*",)))

    async def listed(self, *trials: str) -> list[dict[str, object]]:
        response = await self.client.get("/v1/dead", headers=self.manager(*trials))
        assert response.status_code == 200
        items: list[dict[str, object]] = response.json()["items"]
        return items

    async def settle(
        self, letter: object, verb: str = "replay", *trials: str, **headers: str
    ) -> httpx.Response:
        return await self.client.post(
            f"/v1/dead/{letter}/{verb}",
            json={"reason": "it was a test"} if verb == "drop" else None,
            headers=self.manager(*trials) | headers,
        )

    async def told(self) -> list[tuple[str, str, str, str]]:
        """What was said of waiting keys: type, letter, key, actor."""
        rows = await self.pool.fetch(
            "SELECT key, headers, value FROM outbox WHERE topic = 'trialops.safety' ORDER BY id"
        )
        headers = [json.loads(row["headers"]) for row in rows]
        data = [json.loads(row["value"]) for row in rows]
        assert {one["topic"] for one in data} <= {TOLD}
        return [
            (said["ce_type"].split(".")[1], one["letter"], row["key"], said["ce_actor"])
            for row, said, one in zip(rows, headers, data, strict=True)
        ]

    async def waiting(self) -> int:
        count: int = await self.pool.fetchval("SELECT count(*) FROM above_watermark")
        return count


@pytest.fixture
async def service(kafka: str, postgres: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with database(postgres, "randomizer") as addresses:
        async with owning(addresses, "randomizer") as owner:
            await owner.execute(
                "CREATE TABLE heard (nth bigint GENERATED ALWAYS AS IDENTITY, key text,"
                " attempt int); GRANT SELECT, INSERT ON heard TO trialops_randomizer"
            )
        settings = settings_of(kafka, addresses.service)
        async with (
            runtime_database.pool(settings, "randomizer") as pool,
            _serving(
                pool, Work("randomizer", pool, settings, lambda: NOON, lambda: None), tmp_path
            ) as made,
        ):
            yield made


@asynccontextmanager
async def _serving(pool: Pool, work: Work, folder: Path) -> AsyncIterator[Service]:
    async def on_failed(
        db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> Sequence[NewEvent]:
        return await made.on_failed(db, now, batch)

    async def collect(db: Connection, now: datetime, batch: list[Record]) -> Sequence[NewEvent]:
        raise DataFault("never")

    def key_waiting(letter: str, topic: str) -> KeyWaiting:
        return KeyWaiting(letter=letter, topic=topic)

    def key_resumed(letter: str, topic: str) -> KeyResumed:
        return KeyResumed(letter=letter, topic=topic)

    subscriptions: list[Subscription | Collection] = [
        Subscription(TOPIC, {ScreeningFailed: on_failed}),
        Subscription(TOLD, {ScreeningFailed: on_failed}, key_waiting, key_resumed),
        Collection(COLLECTED, collect),
    ]
    issuer = Issuer(folder)
    routes = DeadLetters({heard.topic: heard for heard in subscriptions}).routes()
    app = http.application("randomizer", "1", routes, http.Gate(work, issuer.tokens()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        consumer = Consumer("randomizer", subscriptions, work, work._settings)
        made = Service(pool, work, consumer, client, issuer)
        yield made


async def test_a_letter_is_listed_and_shown_without_what_it_holds(service: Service) -> None:
    poison = sent(1).with_header("ce_actor", b"\xff")
    await service.hears(poison, sent(2))
    [item] = await service.listed()
    assert item == {
        "id": item["id"],
        "topic": TOPIC,
        "partition": 0,
        "offset": poison.offset,
        "key": "T1:IT001-0001",
        "reason": "ce_actor is null, no text or given twice",
    }
    one = await service.client.get(f"/v1/dead/{item['id']}", headers=service.manager())
    assert one.json() == item


async def test_a_list_pages_to_its_end(service: Service) -> None:
    await service.hears(*(sent(1, f"IT001-000{n}").with_header("ce_id", None) for n in range(5)))
    seen, after = [], None
    while True:
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = await service.client.get("/v1/dead", params=query, headers=service.manager())
        seen += [item["id"] for item in page.json()["items"]]
        after = page.json()["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen)
    bad = await service.client.get("/v1/dead?after=x", headers=service.manager())
    assert bad.status_code == 422


async def test_replayed_it_is_applied_and_those_who_waited_follow_in_order(
    service: Service,
) -> None:
    service.refuses = {("IT001-0001", 2)}
    await service.hears(*(sent(n) for n in range(1, 201)), sent(1, "IT001-0002"))
    assert (await service.heard(), await service.heard("IT001-0002")) == ([1], [1])
    assert await service.waiting() == 198
    [letter] = await service.listed()
    service.refuses.clear()
    answer = await service.settle(letter["id"])
    assert (answer.status_code, answer.json()) == (200, {"id": letter["id"], "state": "replayed"})
    assert await service.heard() == list(range(1, 201))
    assert await service.waiting() == 0
    assert await service.listed() == []
    await service.hears(sent(201))
    assert (await service.heard())[-1] == 201


async def test_dropped_it_is_passed_over_for_a_reason_and_the_rest_goes_on(
    service: Service,
) -> None:
    service.refuses = {("IT001-0001", 1)}
    await service.hears(*(sent(n) for n in (1, 2, 3)))
    [letter] = await service.listed()
    missing = await service.client.post(
        f"/v1/dead/{letter['id']}/drop", json={}, headers=service.manager()
    )
    assert missing.status_code == 422
    assert (await service.settle(letter["id"], "drop")).json()["state"] == "dropped"
    assert await service.heard() == [2, 3]
    again = await service.settle(letter["id"], "drop")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-settled")


async def test_settling_is_recorded_with_the_person_and_the_reason(service: Service) -> None:
    service.refuses = {("IT001-0001", 1)}
    await service.hears(sent(1))
    [letter] = await service.listed()
    await service.settle(letter["id"], "drop")
    row = await service.pool.fetchrow(
        "SELECT key, headers, value FROM outbox WHERE topic = 'trialops.randomizer.record'"
    )
    assert row is not None
    assert row["key"] == "T1"
    assert json.loads(row["headers"])["ce_actor"] == "mia"
    assert row["value"].decode() == (
        f'{{"letter":"{letter["id"]}","outcome":"dropped","reason":"it was a test"}}'
    )


async def test_what_is_still_dead_stays_as_it_was(service: Service) -> None:
    service.refuses = {("IT001-0001", 1)}
    await service.hears(sent(1), sent(2))
    [letter] = await service.listed()
    refused = await service.settle(letter["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/still-dead")
    assert "told to refuse it" in refused.json()["detail"]
    assert await service.listed() == [letter]
    assert (await service.heard(), await service.waiting()) == ([], 1)
    service.refuses.clear()
    assert (await service.settle(letter["id"])).status_code == 200
    assert await service.heard() == [1, 2]


async def test_one_that_waited_may_become_the_next_letter(service: Service) -> None:
    service.refuses = {("IT001-0001", 1), ("IT001-0001", 3)}
    await service.hears(*(sent(n) for n in range(1, 6)))
    [first] = await service.listed()
    service.refuses = {("IT001-0001", 3)}
    assert (await service.settle(first["id"])).status_code == 200
    assert (await service.heard(), await service.waiting()) == ([1, 2], 2)
    [third] = await service.listed()
    assert (await service.settle(third["id"], "drop")).status_code == 200
    assert (await service.heard(), await service.waiting()) == ([1, 2, 4, 5], 0)


async def test_only_the_letter_that_is_next_in_its_key_can_be_settled(service: Service) -> None:
    service.refuses = {("IT001-0001", 1)}
    await service.hears(sent(1), sent(2))
    [letter] = await service.listed()
    async with service.pool.acquire() as db:
        await db.execute("UPDATE watermark SET parked = $1", uuid4())
    for verb in ("replay", "drop"):
        refused = await service.settle(letter["id"], verb)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-next")


@pytest.mark.parametrize("kind", ["nameless", "conflict", "collected"])
async def test_a_letter_that_blocks_nothing_can_only_be_dropped(
    service: Service, kind: str
) -> None:
    match kind:
        case "nameless":
            await service.hears(sent(1).with_header("ce_id", None))
        case "conflict":
            await service.hears(sent(1), sent(1))
        case _:
            await service.hears(replace(sent(1), topic=COLLECTED))
    before = await service.pool.fetch("SELECT * FROM watermark")
    [letter] = await service.listed()
    refused = await service.settle(letter["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-replayable")
    assert (await service.settle(letter["id"], "drop")).status_code == 200
    assert await service.pool.fetch("SELECT * FROM watermark") == before


async def test_another_record_at_the_place_of_a_letter_is_another_letter(service: Service) -> None:
    """A topic that was made again gives out its offsets once more."""
    first = sent(1, subject="IT001-0001")
    service.refuses |= {("IT001-0001", 1), ("IT001-0002", 1)}
    await service.hears(first)
    await service.hears(first)
    [letter] = await service.listed()
    assert (await service.settle(letter["id"], "drop")).status_code == 200
    second = sent(1, subject="IT001-0002").again(first.offset)
    nameless = replace(sent(1, subject="IT001-0003").again(first.offset), key=None)
    after = sent(2, subject="IT001-0002")
    for _ in range(2):
        await service.hears(second, after, nameless)
    nobodys, waits = await service.listed()
    assert (nobodys["key"], waits["key"]) == (None, "T1:IT001-0002")
    service.refuses.clear()
    assert (await service.settle(waits["id"])).status_code == 200
    assert await service.heard("IT001-0002") == [1, 2]


async def test_letters_of_other_trials_do_not_exist(service: Service) -> None:
    service.refuses = {("IT001-0001", 1)}
    good = sent(1)
    await service.hears(
        sent(1),
        sent(1, trial="T2"),
        good.with_header("ce_trial", b"T3"),  # under the key of T1: a conflict
        replace(good.with_header("ce_id", None), offset=900_001),  # nameless: of no trial
        replace(sent(1), key=b"T1:nobody", offset=900_002),  # not a key of ours
    )
    every = {str(item["id"]): item for item in await service.listed()}
    mine = {str(item["id"]) for item in await service.listed("T1")}
    assert {every[name]["key"] for name in mine} == {"T1:IT001-0001"}
    assert {every[name]["key"] for name in every} > {"T2:IT001-0001", "T1:nobody", None}
    for name in every:
        shown = await service.client.get(f"/v1/dead/{name}", headers=service.manager("T1"))
        assert shown.status_code == (200 if name in mine else 404)
        if name not in mine:
            for verb in ("replay", "drop"):
                assert (await service.settle(name, verb, "T1")).status_code == 404
    for name in ("x", str(uuid4()), "%00", "x" * 5000):
        for verb in ("replay", "drop"):
            key = {"idempotency-key": "k"}
            assert (await service.settle(name, verb, **key)).status_code == 404
        shown = await service.client.get(f"/v1/dead/{name}", headers=service.manager())
        assert shown.status_code == 404
    others = service.issuer.bearer("site", "statistician")
    assert (await service.client.get("/v1/dead", headers=others)).status_code == 403


async def test_a_repeated_replay_with_its_key_is_answered_as_the_first(service: Service) -> None:
    service.refuses = {("IT001-0001", 1)}
    await service.hears(sent(1))
    [letter] = await service.listed()
    service.refuses.clear()
    key = {"idempotency-key": "k"}
    first = await service.settle(letter["id"], **key)
    again = await service.settle(letter["id"], **key)
    assert first.content == again.content
    assert await service.heard() == [1]


async def test_a_letter_is_told_on_the_dead_topic_with_its_bytes_and_origin(
    service: Service,
) -> None:
    poison = sent(1).with_header("ce_time", b"yesterday").with_header("ce_site", b"S" * 50_000)
    await service.hears(poison)
    row = await service.pool.fetchrow("SELECT * FROM outbox")
    assert row is not None
    assert (row["topic"], row["key"], row["sequence"]) == (
        "trialops.randomizer.dead",
        "T1:IT001-0001",
        1,
    )
    assert row["value"] == poison.value
    headers = json.loads(row["headers"])
    [letter] = await service.listed()
    assert headers["ce_id"] == letter["id"]
    assert headers["ce_type"] == "trialops.DeadLettered.v1"
    assert headers["dead_ce_time"] == "yesterday"
    assert headers["dead_reason"] == "ce_time cannot be read"
    assert headers["dead_topic"] == TOPIC
    assert headers["dead_offset"] == str(poison.offset)
    assert headers["dead_ce_site"] == "S" * 50_000


async def test_a_letter_too_large_for_its_topic_leaves_out_what_has_no_room(
    service: Service,
) -> None:
    """Audit reads `.dead` topics, whose records may be as large as a letter itself."""
    large = replace(sent(1), value=b"x" * 2 * 1024 * 1024)
    for name in ("ce_time", "ce_site", "ce_actor"):
        large = large.with_header(name, name[3:].encode() * 10_000)
    await service.hears(large)
    row = await service.pool.fetchrow("SELECT headers, value FROM outbox")
    assert row is not None
    headers = json.loads(row["headers"])
    size = len(row["value"]) + sum(len(name) + len(text) + 16 for name, text in headers.items())
    assert size < MAX_DEAD_LETTER_BYTES
    assert row["value"] == b"x" * len(row["value"])
    assert headers["dead_offset"] == str(large.offset)
    assert headers["dead_ce_sequence"] == "1"
    assert "dead_ce_actor" not in headers
    kept = await service.pool.fetchrow("SELECT value, headers FROM dead_letter")
    assert kept is not None
    assert kept["value"] == large.value


def loud(number: int, subject: str = "IT001-0001") -> Sent:
    """A record of the topic whose waiting keys are told."""
    return replace(sent(number, subject), topic=TOLD)


async def test_a_key_that_begins_to_wait_is_told_once_and_told_again_when_it_goes_on(
    service: Service,
) -> None:
    service.refuses = {("IT001-0001", 1), ("IT001-0001", 3)}
    first = loud(1)
    await service.hears(first, loud(2), loud(1, "IT001-0002"))
    await service.hears(first.again(), loud(3))
    [one] = await service.listed()
    waits = ("KeyWaiting", one["id"], "T1:IT001-0001", "randomizer")
    assert await service.told() == [waits]
    assert (await service.settle(one["id"])).status_code == 409  # still dead: nothing to tell
    assert await service.told() == [waits]

    service.refuses = {("IT001-0001", 3)}
    assert (await service.settle(one["id"])).status_code == 200
    [third] = await service.listed()
    goes_on = ("KeyResumed", one["id"], "T1:IT001-0001", "mia")
    waits_again = ("KeyWaiting", third["id"], "T1:IT001-0001", "randomizer")
    assert await service.told() == [waits, goes_on, waits_again]
    assert (await service.settle(third["id"], "drop")).status_code == 200
    assert (await service.told())[3:] == [("KeyResumed", third["id"], "T1:IT001-0001", "mia")]


async def test_a_letter_that_blocks_nothing_makes_no_key_wait(service: Service) -> None:
    good = loud(1)
    await service.hears(good, loud(2).with_header("ce_id", None), loud(1))
    letters = await service.listed()
    assert len(letters) == 2
    for letter in letters:
        assert (await service.settle(letter["id"], "drop")).status_code == 200
    service.refuses = {("IT001-0001", 1)}
    await service.hears(sent(1))  # of a topic that tells nothing
    assert await service.told() == []


async def test_a_waiting_key_that_is_none_of_ours_is_told_of_the_platform(
    service: Service,
) -> None:
    await service.hears(replace(loud(1), key=b"T1:nobody"))
    [(event, _, key, _)] = await service.told()
    assert (event, key) == ("KeyWaiting", "platform")

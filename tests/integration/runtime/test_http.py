"""The gate: every request is answered in one order, and an answer says what its transaction did."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from pydantic import create_model
from starlette.responses import Response

from shared.contracts.events.screening import ScreeningFailed
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.runtime import database as runtime_database
from shared.runtime import health, http
from shared.runtime.consumer import Consumer
from shared.runtime.database import Connection, Overtaken, Pool
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import conflict, not_found
from shared.runtime.record import Received, Record
from shared.runtime.routes import Body, Call, Query, Route
from shared.runtime.security import Role
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription
from shared.runtime.work import Answer, Work
from tests.chaos.proxy import proxied
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, failed
from tests.integration.runtime.running import make_topic, on_topic, settings_of
from tests.integration.runtime.test_relay import emptied, relaying
from tests.issuer import Issuer
from tests.waiting import until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Thing(Body):
    subject: str
    padding: int = 0


class ByArm(Query):
    by: Literal["arm"] | None = None


@dataclass
class Things:
    """A small service: POST keeps a thing and says so."""

    event: type[ScreeningFailed] = ScreeningFailed
    overtaken: int = 0
    hold: asyncio.Event | None = None
    decided: int = 0
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def routes(self) -> list[Route]:
        site = frozenset({Role.SITE})
        statistician = frozenset({Role.STATISTICIAN})
        return [
            Route("POST", "/v1/trials/{trial}/things", site, self.add, "add", body=Thing),
            Route(
                "GET",
                "/v1/trials/{trial}/things",
                site,
                self.read,
                "read",
                query=ByArm,
                by_arm=statistician,
            ),
            Route("POST", "/v1/seal", statistician, self.read, "open", sealed=True),
            Route("GET", "/v1/broken", site, self.break_down, "break"),
            Route("GET", "/v1/open", None, self.read, "open to all"),
        ]

    async def add(self, call: Call) -> Response:
        trial = call.trial

        async def decide(db: Connection, now: datetime) -> Answer:
            self.decided += 1
            if call.body.subject == "IT001-0009":
                raise conflict("taken", "It is taken.")
            if self.decided <= self.overtaken:
                raise Overtaken
            self.waiting.set()
            if self.hold:
                await self.hold.wait()
            said = self.event(
                subject=call.body.subject,
                site="IT001",
                screening="s" * (1 + call.body.padding),
                attempt=self.decided,
            )
            event = NewEvent(said, now, trial=trial, subject=said.subject, actor=call.caller.sub)
            return Answer({"attempt": self.decided}, 201, [event])

        return await call.write(decide)

    async def read(self, call: Call) -> Response:
        if "trial" in call.path and call.trial == "T9":
            raise not_found("trial")
        return Response(b"{}", media_type="application/json")

    async def break_down(self, call: Call) -> Response:
        raise RuntimeError("canary")


@dataclass
class Served:
    """The service over HTTP, with its parts."""

    client: httpx.AsyncClient
    things: Things
    pool: Pool
    settings: Settings
    issuer: Issuer
    work: Work

    async def post(self, body: object = None, **headers: str) -> httpx.Response:
        given = {"subject": "IT001-0001"} if body is None else body
        signed = self.issuer.bearer("site") | headers
        return await self.client.post("/v1/trials/T1/things", json=given, headers=signed)

    async def said(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        rows = await self.pool.fetch("SELECT headers, value FROM outbox ORDER BY id")
        return [(json.loads(row["headers"]), json.loads(row["value"])) for row in rows]


@asynccontextmanager
async def serving(settings: Settings, issuer: Issuer) -> AsyncIterator[Served]:
    things = Things()
    async with runtime_database.pool(settings, "screening") as pool:
        work = Work("screening", pool, settings, lambda: NOON, lambda: None)
        app = http.application("screening", "1", things.routes(), http.Gate(work, issuer.tokens()))

        async def database_answers() -> bool:
            return bool(await pool.fetchval("SELECT true"))

        health.add(app, {"database": database_answers})
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Served(client, things, pool, settings, issuer, work)


@pytest.fixture
async def served(kafka: str, postgres: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with (
        database(postgres, "screening") as addresses,
        serving(settings_of(kafka, addresses.service), Issuer(tmp_path)) as up,
    ):
        yield up


def problem(response: httpx.Response, status: int, type: str) -> dict[str, Any]:
    """The answer is this problem, and says nothing that it should not."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/problems/{type}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert "canary" not in response.text
    return body


LARGE = b'{"subject": "' + b"x" * 48 * 1024 + b'"}'


async def test_what_is_wrong_is_told_in_one_order(served: Served) -> None:
    """Each request is wrong in every later way too."""
    good = {"subject": "IT001-0009"}
    site, other = served.issuer.bearer("site", trials=["T1"]), served.issuer.bearer("auditor")
    bad_token = {"authorization": "Bearer canary"}

    async def post(trial: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        trial, _, query = trial.partition("?")
        path = f"/v1/trials/{trial}/things?{query}"
        return await served.client.post(path, content=content, headers=headers)

    problem(await post("T2?x=1", LARGE, {}), 401, "unauthorized")
    refused = await post("T2?x=1", LARGE, bad_token)
    problem(refused, 401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    problem(await post("T2?x=1", LARGE, {"authorization": "Basic YTpi"}), 401, "unauthorized")
    problem(await post("T2?x=1", LARGE, other), 403, "forbidden")
    problem(await post("T2?x=1", LARGE, site), 413, "too-large")
    problem(await post("T2?x=1", b"{", site), 422, "invalid")
    problem(await post("T2?x=1", json.dumps(good).encode(), site), 422, "invalid")
    problem(await post("T2", json.dumps(good).encode(), site), 404, "not-found")
    problem(await post("T1", json.dumps(good).encode(), site), 409, "taken")
    assert (await post("T1", b'{"subject": "IT001-0001"}', site)).status_code == 201
    assert served.things.decided == 2


async def test_a_body_of_48_kib_is_taken_and_one_byte_more_is_not(served: Served) -> None:
    for more, status in ((0, 201), (1, 413)):
        body = b'{"subject":"IT001-0001"}'.rjust(48 * 1024 + more)
        response = await served.client.post(
            "/v1/trials/T1/things", content=body, headers=served.issuer.bearer("site")
        )
        assert response.status_code == status


async def test_queries_are_read_strictly(served: Served) -> None:
    path, signed = "/v1/trials/T1/things", served.issuer.bearer("site")
    for query, place in (("unknown=1", "unknown"), ("by=x", "by"), ("by=x&by=x", "by")):
        body = problem(await served.client.get(f"{path}?{query}", headers=signed), 422, "invalid")
        assert body["errors"][0]["loc"] == ["query", place]
    assert (await served.client.get(path, headers=signed)).status_code == 200


async def test_what_is_no_route_is_a_problem_too(served: Served) -> None:
    signed = served.issuer.bearer("site")
    for path in ("/", "/v1", "/v1/open/", "/docs", "/redoc", "/v1/trials//things"):
        problem(await served.client.get(path, headers=signed), 404, "not-found")
    for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        response = await served.client.request(method, "/v1/open", headers=signed)
        assert response.status_code == 405
        assert response.headers["allow"] == "GET"
        assert response.headers["content-type"] == "application/problem+json"
    several = await served.client.delete("/v1/trials/T1/things", headers=signed)
    assert several.status_code == 405
    assert several.headers.get_list("allow") == ["GET, POST"]


async def test_an_internal_error_tells_nothing(served: Served) -> None:
    response = await served.client.get("/v1/broken", headers=served.issuer.bearer("site"))
    problem(response, 500, "internal")
    assert "RuntimeError" not in response.text


async def test_what_would_be_too_large_an_event_is_413_and_not_kept(served: Served) -> None:
    body = {"subject": "IT001-0001", "padding": MAX_EVENT_BYTES}
    problem(await served.post(body, **{"idempotency-key": "k"}), 413, "too-large")
    assert await served.said() == []
    assert await served.pool.fetchval("SELECT count(*) FROM idempotency") == 0


# ---- refusals are recorded


async def test_refusals_that_count_are_recorded_with_person_path_and_status(
    served: Served,
) -> None:
    get, post = served.client.get, served.client.post
    site = served.issuer.bearer("site", sub="anna")
    statistician = served.issuer.bearer("statistician", sub="eva", trials=["T1"])
    await post("/v1/seal", headers=site)  # 403, sealed
    await post("/v1/seal")  # 401, sealed
    await get("/v1/trials/T1/things?by=arm", headers=site)  # 403, by arm
    await get("/v1/trials/T2/things?by=arm", headers=statistician)  # 404, by arm
    await get("/v1/open", headers={"authorization": "Bearer canary"})  # open to all
    await get("/v1/broken", headers={"authorization": "Bearer canary"})  # a refused sign-in
    await get("/v1/broken")  # nobody tried to sign in
    await get("/v1/broken", headers=statistician)  # 403, nothing to guard
    await get("/v1/trials/T2/things", headers=served.issuer.bearer("site", trials=["T1"]))  # 404
    facts = [data for _, data in await served.said()]
    assert [(f["person"], f["method"], f["path"], f["status"]) for f in facts] == [
        ("anna", "POST", "/v1/seal", 403),
        (None, "POST", "/v1/seal", 401),
        ("anna", "GET", "/v1/trials/T1/things?by=arm", 403),
        ("eva", "GET", "/v1/trials/T2/things?by=arm", 404),
        (None, "GET", "/v1/broken", 401),
    ]
    assert {headers["ce_type"] for headers, _ in await served.said()} == {
        "trialops.AccessRefused.v1"
    }


async def test_arms_are_for_who_may_see_them(served: Served) -> None:
    path = "/v1/trials/T1/things?by=arm"
    allowed = await served.client.get(path, headers=served.issuer.bearer("statistician"))
    assert allowed.status_code == 200
    plain = await served.client.get(path[:-7], headers=served.issuer.bearer("statistician"))
    problem(plain, 403, "forbidden")


# ---- idempotency


async def test_the_same_key_and_bytes_give_the_first_answer_again(served: Served) -> None:
    key = {"idempotency-key": "k1"}
    first, again = await served.post(**key), await served.post(**key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert served.things.decided == 1
    assert len(await served.said()) == 1
    other_bytes = await served.post({"subject": "IT001-0002"}, **key)
    problem(other_bytes, 409, "idempotency-key-reused")
    body = problem(await served.post(**{"idempotency-key": "x" * 256}), 422, "invalid")
    assert body["errors"][0]["loc"] == ["header", "Idempotency-Key"]


async def test_a_key_belongs_to_one_person_and_path(served: Served) -> None:
    eva = served.issuer.bearer("site", sub="eva") | {"idempotency-key": "k"}
    await served.post(**{"idempotency-key": "k"})
    for path in ("/v1/trials/T1/things", "/v1/trials/T2/things"):
        await served.client.post(path, json={"subject": "IT001-0001"}, headers=eva)
    assert served.things.decided == 3


async def test_an_error_is_not_kept(served: Served) -> None:
    key = {"idempotency-key": "k"}
    problem(await served.post({"subject": "IT001-0009"}, **key), 409, "taken")
    assert (await served.post({"subject": "IT001-0002"}, **key)).status_code == 201


@pytest.mark.parametrize("first_ends_well", [True, False])
async def test_a_twin_under_way_waits(served: Served, first_ends_well: bool) -> None:
    served.things.hold = asyncio.Event()
    key = {"idempotency-key": "k"}
    first = asyncio.create_task(served.post(**key))
    await served.things.waiting.wait()
    twins = [asyncio.create_task(served.post(**key)) for _ in range(3)]

    async def all_wait() -> bool:
        found: int = await served.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return found == 3

    await until(all_wait)
    assert served.things.decided == 1
    if not first_ends_well:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    served.things.hold.set()
    answers = [await twin for twin in twins]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert served.things.decided == (1 if first_ends_well else 2)
    assert len(await served.said()) == 1


async def test_the_answer_kept_is_that_of_the_try_that_was_committed(served: Served) -> None:
    served.things.overtaken = 2
    first = await served.post(**{"idempotency-key": "k"})
    again = await served.post(**{"idempotency-key": "k"})
    assert first.json() == again.json() == {"attempt": 3}
    [(_, data)] = await served.said()
    assert data["attempt"] == 3


# ---- the trace


async def test_a_trace_goes_from_the_request_through_the_topic_to_what_the_event_causes(
    served: Served, kafka: str
) -> None:
    topic = await make_topic(kafka)
    served.things.event = create_model("ScreeningFailed", __base__=ScreeningFailed)
    served.things.event.TOPIC = topic
    await served.post(traceparent=TRACE)
    [(headers, _)] = await served.said()
    assert headers["ce_traceparent"].split("-")[1] == TRACE.split("-")[1]
    async with relaying(served.pool, served.settings):
        await emptied(served.pool)
    [record] = await on_topic(kafka, topic)

    async def on_failed(
        db: Connection, now: datetime, batch: list[Received[ScreeningFailed]]
    ) -> list[NewEvent]:
        return [NewEvent(failed(), now, trial="T1", cause=received.envelope) for received in batch]

    subscription = Subscription(topic, {ScreeningFailed: on_failed})
    await Consumer("screening", [subscription], served.work, served.settings).take([record])
    [(caused, _)] = await served.said()
    assert caused["ce_traceparent"] == headers["ce_traceparent"]
    assert caused["ce_causationid"] == headers["ce_id"]
    assert caused["ce_actor"] == "screening"
    assert Record.of(record).envelope().actor == "someone"


@pytest.mark.parametrize("trace", ["canary", "", "00-0-0-0", "\u00e9"])
async def test_a_trace_that_cannot_be_read_is_no_fault(served: Served, trace: str) -> None:
    response = await served.client.post(
        "/v1/trials/T1/things",
        json={"subject": "IT001-0001"},
        headers=httpx.Headers(served.issuer.bearer("site") | {"traceparent": trace}, "utf-8"),
    )
    assert response.status_code == 201
    [(headers, _)] = await served.said()
    assert "canary" not in headers.get("ce_traceparent", "")


# ---- the database away


async def test_without_its_database_a_service_says_503_and_comes_back(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    async with (
        database(postgres, "screening") as addresses,
        proxied(addresses.service) as (line, near),
        serving(settings_of(kafka, near), Issuer(tmp_path)) as served,
    ):
        assert (await served.client.get("/readyz")).json()["ready"] is True
        await line.cut()
        for _ in range(served.settings.pool_size + 2):
            refused = await served.post()
            problem(refused, 503, "unavailable")
            assert refused.headers["retry-after"] == "1"
        not_ready = await served.client.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["checks"]) == (503, {"database": False})
        assert (await served.client.get("/livez")).status_code == 200
        bad_token = {"authorization": "Bearer canary"}
        problem(await served.client.get("/v1/broken", headers=bad_token), 401, "unauthorized")
        await line.mend()

        async def ready() -> bool:
            return (await served.client.get("/readyz")).status_code == 200

        await until(ready)
        assert (await served.post()).status_code == 201


async def test_requests_that_are_given_up_give_their_connections_back(served: Served) -> None:
    served.things.hold = asyncio.Event()
    for _ in range(3):
        under_way = [
            asyncio.create_task(served.post({"subject": f"IT001-00{n:02}"})) for n in range(20, 40)
        ]
        await served.things.waiting.wait()
        for request in under_way:
            request.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    served.things.hold.set()
    assert await served.said() == []
    assert (await served.post()).status_code == 201
    assert served.pool.get_idle_size() == served.pool.get_size()


async def test_metrics_and_the_api_itself_are_told_to_all(served: Served) -> None:
    await served.post()
    assert (await served.client.get("/metrics")).status_code == 200
    described = (await served.client.get("/openapi.json")).json()
    post = described["paths"]["/v1/trials/{trial}/things"]["post"]
    assert post["x-roles"] == ["site"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["required"] == ["subject"]
    assert "IT001" not in (await served.client.get("/metrics")).text

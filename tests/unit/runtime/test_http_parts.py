"""Problems, bodies and queries: what an answer says of a bad request, and of nothing else."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from pydantic import Field
from starlette.requests import Request

from shared.runtime import http, problems
from shared.runtime.idempotency import Key
from shared.runtime.problems import Problem
from shared.runtime.routes import Body, Page, Query, Reason, Route


def request_for(query: str = "", headers: Mapping[str, str] | None = None) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/v1/things",
            "query_string": query.encode(),
            "headers": raw,
        }
    )


def shown(problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(bytes(problem.response().body))
    return body


# ---- problems


def test_a_problem_is_rfc_9457_with_a_stable_type() -> None:
    problem = problems.conflict("not-next", "Another letter comes first.")
    assert shown(problem) == {
        "type": "/problems/not-next",
        "title": "Conflict",
        "status": 409,
        "detail": "Another letter comes first.",
    }
    response = problem.response()
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"


def test_places_are_told_and_lines_too() -> None:
    problem = problems.invalid([(("form", "ages", 0), "is not a number")])
    assert problem.body(line=3)["line"] == 3
    assert shown(problem)["errors"] == [{"loc": ["form", "ages", 0], "msg": "is not a number"}]


def test_headers_that_a_status_asks_for() -> None:
    assert problems.unauthorized("x").response().headers["www-authenticate"] == "Bearer"
    assert problems.unavailable().response().headers["retry-after"] == "1"
    assert shown(problems.too_large("x"))["status"] == 413
    assert shown(problems.forbidden())["type"] == "/problems/forbidden"
    assert shown(problems.not_found("trial"))["type"] == "/problems/not-found"


# ---- bodies


class Order(Body):
    amount: int = Field(ge=1)
    note: str | None = None


@pytest.mark.parametrize(
    ("raw", "loc"),
    [
        (b"", []),
        (b"{", []),
        (b"\xff", []),
        (b"[]", []),
        (b"null", []),
        (b'{"amount": 1, "amount": 2}', ["amount"]),
        (b'{"amount": NaN}', ["amount"]),
        (b'{"amount": "1"}', ["amount"]),
        (b'{"amount": true}', ["amount"]),
        (b'{"amount": 1.0}', ["amount"]),
        (b'{"amount": 0}', ["amount"]),
        (b'{"amount": 1, "canary": 1}', ["canary"]),
        (b'{"amount": 1, "note": "\\ud800"}', ["note"]),
        (b'{"amount": 1, "note": "\\u0000"}', ["note"]),
        (b"[" * 5000 + b"]" * 5000, []),
    ],
)
def test_a_bad_body_is_422_with_its_place(raw: bytes, loc: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        http.parse(Order, raw)
    assert refused.value.status == 422
    [error] = shown(refused.value)["errors"]
    assert error["loc"] == loc


def test_a_good_body_is_its_model() -> None:
    assert http.parse(Order, b'{"amount": 2}') == Order(amount=2)
    for reason in ("", " ", "x" * 2001):
        with pytest.raises(Problem):
            http.parse(Reason, json.dumps({"reason": reason}).encode())


# ---- queries


class Filter(Page):
    site: str | None = None
    by: Literal["arm"] | None = None


async def nowhere(_: object) -> Any:
    raise AssertionError


LIST = Route("GET", "/v1/things", frozenset(), nowhere, "things", query=Filter)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1_0", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=+1", "limit"),
        ("limit=%D9%A1", "limit"),
        ("site=A&site=A", "site"),
        ("unknown=1", "unknown"),
        ("by=site", "by"),
        ("by=ARM", "by"),
        (f"after={'x' * 201}", "after"),
    ],
)
def test_a_bad_query_is_422_with_its_place(query: str, place: str) -> None:
    with pytest.raises(Problem) as refused:
        http._query(LIST, request_for(query))
    assert refused.value.status == 422
    assert shown(refused.value)["errors"][0]["loc"] == ["query", place]


@pytest.mark.parametrize("query", ["site=%00", "%00=1", "%00=1&%00=2", "site=a%00&site=b"])
def test_a_query_with_a_nul_is_422_and_can_be_answered(query: str) -> None:
    with pytest.raises(Problem) as refused:
        http._query(LIST, request_for(query))
    assert refused.value.status == 422
    assert shown(refused.value)["errors"][0]["loc"][0] == "query"


def test_a_good_query_is_its_model() -> None:
    assert http._query(LIST, request_for("limit=1000&after=x&site=%C3%A9")) == Filter(
        limit=1000, after="x", site="\u00e9"
    )
    assert http._query(LIST, request_for()) == Filter()
    plain = Route("GET", "/x", None, nowhere, "x")
    assert http._query(plain, request_for()) == Query()
    with pytest.raises(Problem):
        http._query(plain, request_for("limit=1"))


# ---- idempotency keys


def test_a_key_belongs_to_person_method_path_and_bytes() -> None:
    key = Key.of("k1", "anna", "POST", "/v1/x", b"{}")
    assert key is not None
    assert key.scope == ("anna", "POST", "/v1/x", "k1")
    assert key.body == Key.of("k2", "eva", "PUT", "/", b"{}", 3).body  # type: ignore[union-attr]
    assert key.body != Key.of("k1", "anna", "POST", "/v1/x", b"{ }").body  # type: ignore[union-attr]
    assert Key.of(None, "anna", "POST", "/v1/x", b"") is None


@pytest.mark.parametrize("text", ["", "x" * 256, "caf\u00e9", "a\tb", "a\x00b", "\u0661"])
def test_a_malformed_key_is_422(text: str) -> None:
    with pytest.raises(Problem) as refused:
        Key.of(text, "anna", "POST", "/v1/x", b"")
    assert refused.value.status == 422
    assert shown(refused.value)["errors"][0]["loc"] == ["header", "Idempotency-Key"]


def test_the_longest_key_is_taken() -> None:
    assert Key.of("x" * 255, "anna", "POST", "/v1/x", b"") is not None

"""People who use the services over HTTP, each with a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

PROBLEM = "application/problem+json"
_NEVER_TOLD = ("Traceback", 'File "', "asyncpg", "pydantic", "SELECT ", "INSERT ", "UPDATE ")


@dataclass(frozen=True)
class Person:
    """Somebody with a token, who looks at every answer: an error is a problem and tells no code."""

    http: httpx.Client = field(repr=False)
    services: Mapping[str, str] = field(repr=False)
    sub: str = ""
    token: str | None = field(default=None, repr=False)

    def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request below `/v1`; `key` is the Idempotency-Key."""
        sent = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        sent |= {} if key is None else {"idempotency-key": key}
        url = f"{self.services[service]}/v1{path}"
        raw = httpx.Headers(sent | dict(headers or {}), encoding="latin-1")
        answer = self.http.request(method, url, headers=raw, **more)
        if not answer.is_success:
            check_problem(answer)
        return answer

    def get(self, service: str, path: str, **query: Any) -> httpx.Response:
        """A question."""
        return self.ask("GET", service, path, params=query)

    def post(
        self, service: str, path: str, body: object = None, key: str | None = None
    ) -> httpx.Response:
        """A command with a JSON body."""
        return self.ask("POST", service, path, key=key, json=body)

    def pages(self, service: str, path: str, limit: int | str = 1000, **query: Any) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        after: dict[str, str] = {}
        while True:
            answer = self.get(service, path, limit=limit, **query, **after)
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            if answer.json()["next"] is None:
                return items
            after = {"after": answer.json()["next"]}


def check_problem(answer: httpx.Response) -> None:
    """The answer is a problem of RFC 9457 with its own status, and shows nothing of the inside."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] and problem["title"] and problem["detail"]
    for error in problem.get("errors", ()):
        assert isinstance(error["loc"], list) and error["msg"]
    assert not [word for word in _NEVER_TOLD if word in answer.text], answer.text


def kind(answer: httpx.Response) -> str:
    """The last part of a problem's type."""
    return str(answer.json()["type"]).rpartition("/")[2]


def places(answer: httpx.Response) -> list[list[str | int]]:
    """Where a form or body is wrong."""
    return [error["loc"] for error in answer.json()["errors"]]

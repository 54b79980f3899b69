"""The platform's HTTP, asked with patience: an answer that did not come is asked for again.

A POST carries an Idempotency-Key, so asking again is safe whatever was killed in between.
"""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from deploy.embedded.keys import Keys
from deploy.tokens import Bearer, issue
from shared.contracts import jsontext

_AT_ONCE: Final = 8
_SECONDS: Final = 180.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_PAGE: Final = 1000
_PASSING: Final = frozenset({502, 503, 504})


class Refused(Exception):
    """A service did not do what was asked: which request, and its answer."""


class Doors:
    """All services of one platform, by name; at most eight requests at once."""

    def __init__(
        self,
        services: Mapping[str, str],
        keys: Keys,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._services = services
        self._keys = keys
        self._tokens: dict[Bearer, str] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self.written = 0
        """How often something was asked of which anything may follow."""

        self._client = httpx.AsyncClient(timeout=30, trust_env=False, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(self, service: str, path: str, bearer: Bearer, **query: str) -> Any:
        """The JSON of an answer; a reading, too, may be a fact of its own."""
        self.written += 1
        return await self._ask("GET", service, path, bearer, {}, b"", query)

    async def every(self, service: str, path: str, bearer: Bearer, **query: str) -> list[Any]:
        """All items of a list, page after page."""
        items: list[Any] = []
        page: Any = {"next": None}
        while not items or page["next"] is not None:
            after = {} if page["next"] is None else {"after": str(page["next"])}
            page = await self.get(service, path, bearer, limit=str(_PAGE), **query, **after)
            items += page["items"]
            if not page["items"]:
                break
        return items

    async def post(
        self,
        service: str,
        path: str,
        bearer: Bearer,
        key: str,
        body: object,
        *,
        quiet: bool = False,
    ) -> Any:
        """The JSON of the answer to what was sent, once, under the key.

        `quiet`: it is kept, and no service does anything because of it.
        """
        self.written += not quiet
        headers = {"idempotency-key": key, "content-type": "application/json"}
        return await self._ask("POST", service, path, bearer, headers, jsontext.dumps(body), {})

    async def put_csv(self, service: str, path: str, bearer: Bearer, key: str, text: str) -> Any:
        """The JSON of the answer to an upload."""
        self.written += 1
        headers = {"idempotency-key": key, "content-type": "text/csv"}
        return await self._ask("PUT", service, path, bearer, headers, text.encode(), {})

    def token(self, bearer: Bearer) -> str:
        """A development token, signed at first use."""
        if bearer not in self._tokens:
            self._tokens[bearer], _ = issue(self._keys, bearer)
        return self._tokens[bearer]

    async def _ask(
        self,
        method: str,
        service: str,
        path: str,
        bearer: Bearer,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, str],
    ) -> Any:
        headers |= {"authorization": f"Bearer {self.token(bearer)}"}
        url = f"{self._services[service]}{path}"
        request = f"{method} {service} {path}"
        deadline, pause = time.monotonic() + _SECONDS, _FIRST_PAUSE
        while True:
            async with self._turn:
                try:
                    answer = await self._client.request(
                        method, url, headers=headers, content=body, params=query
                    )
                except httpx.TransportError as fault:
                    said = f"no answer ({type(fault).__name__})"
                else:
                    if answer.is_success:
                        return jsontext.loads(answer.content)
                    said = f"{answer.status_code}: {answer.text[:300]}"
                    if answer.status_code not in _PASSING:
                        raise Refused(f"{request}: {said}")
            if time.monotonic() > deadline:
                raise Refused(f"{request}, again and again for {_SECONDS:.0f} s: {said}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

"""The other services, asked over HTTP as the person who is signed in: they keep the limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from services.portal.people import Person
from services.portal.tokens import Signer
from shared.contracts import jsontext
from shared.runtime import logs, telemetry
from shared.runtime.settings import Settings

_log = logs.logger("client")

_LONGEST = 24 * 1024 * 1024

_NAMES = {
    "screening": "Screening",
    "randomizer": "Randomization",
    "safety": "Safety",
    "notifier": "Alerting",
    "audit": "The log",
    "portal": "The portal",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said, a refusal too. `body` is JSON with exact numbers, else text.

    A service that is down is a 503 with a sentence like any other refusal.
    """

    status: int
    body: Any = None
    type: str = ""
    detail: str = ""
    errors: Sequence[tuple[tuple[str | int, ...], str]] = ()
    content: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether it was done, or found."""
        return 200 <= self.status < 300


class Services:
    """The other services by name."""

    def __init__(self, settings: Settings, signer: Signer | None) -> None:
        self._addresses = settings.services
        self._settings = settings
        self._signer = signer
        self._http: httpx.AsyncClient | None = None

    @property
    def names(self) -> list[str]:
        """The services that there are."""
        return list(self._addresses)

    async def ask(
        self,
        person: Person,
        method: str,
        service: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """One request below `/v1`; never raises for what a service says or fails to say."""
        address = self._addresses.get(service)
        if address is None or self._signer is None:
            return _down(service)
        headers = {"authorization": f"Bearer {self._signer.token(person)}"}
        if key:
            headers["idempotency-key"] = quote(key, safe="")  # a form's, whatever it holds
        if body is not None:
            headers["content-type"] = "application/json"
        if trace := telemetry.traceparent():
            headers["traceparent"] = trace
        try:
            answer = await self._client().request(
                method,
                f"{address}/v1{path}",
                params=query,
                headers=headers,
                content=None if body is None else jsontext.dumps(body),
            )
        except httpx.HTTPError as fault:
            logs.warn(_log, "a service does not answer", fault, route=service)
            return _down(service)
        return _read(service, answer)

    async def ready(self, service: str) -> bool:
        """Whether the service says that it can do its work."""
        try:
            answer = await self._client().get(f"{self._addresses[service]}/readyz", timeout=2)
        except (httpx.HTTPError, KeyError):
            return False
        return answer.is_success

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            limits = httpx.Limits(max_connections=self._settings.ask_connections)
            # Not by a proxy of the environment: the services are beside us.
            self._http = httpx.AsyncClient(
                timeout=self._settings.ask_timeout_s, limits=limits, trust_env=False
            )
        return self._http


def name_of(service: str) -> str:
    """The service in the words of a page."""
    return _NAMES.get(service, service)


def _down(service: str) -> Answer:
    sentence = f"{name_of(service)} does not answer at the moment. Try again in a minute."
    return Answer(503, type="unavailable", detail=sentence)


def _read(service: str, answer: httpx.Response) -> Answer:
    if len(answer.content) > _LONGEST:
        return _down(service)
    kind = answer.headers.get("content-type", "")
    body: Any = answer.text if kind.startswith("text/") else None
    if "json" in kind:
        try:
            body = jsontext.loads(answer.content)
        except jsontext.BadJson:
            return _down(service)
    if answer.is_success:
        return Answer(answer.status_code, body, content=answer.content)
    if not isinstance(body, dict) or answer.status_code >= 500:
        return _down(service)
    return Answer(
        answer.status_code,
        body,
        str(body.get("type", "")).rpartition("/")[2],
        str(body.get("detail", "")),
        [(tuple(one["loc"]), str(one["msg"])) for one in body.get("errors", ())],
        answer.content,
    )

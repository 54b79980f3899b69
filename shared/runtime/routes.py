"""A service's routes as data: who may call what with which body. A test walks the table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.idempotency import Key
from shared.runtime.problems import not_found
from shared.runtime.security import Caller, Role
from shared.runtime.work import Decide, Work

MAX_BODY = 48 * 1024


def _digits(given: object) -> object:
    """Decimal digits and nothing else: `1_0` and `+1` are numbers to Python, `1.0` to pydantic."""
    if isinstance(given, str) and not (given.isascii() and given.isdigit()):
        raise ValueError("must be a whole number")
    return given


Whole = Annotated[int, BeforeValidator(_digits)]
"""A number in a query."""


class Query(BaseModel):
    """A route's query parameters; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Query):
    """Where in a list to go on, and how many items."""

    after: str | None = Field(default=None, max_length=200)
    limit: Whole = Field(default=100, ge=1, le=1000)


class Body(BaseModel):
    """A request's JSON object: strict types, unknown members refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Reason(Body):
    """Why a person decides so."""

    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")


@dataclass
class Call:
    """One authorised request with its body and query parsed."""

    request: Request
    work: Work
    signed_in: Caller | None
    body: Any = None
    raw: bytes = b""
    query: Any = None

    @property
    def caller(self) -> Caller:
        """Who calls; open routes have no caller and must not ask."""
        if self.signed_in is None:
            raise RuntimeError("an open route has no caller")
        return self.signed_in

    @property
    def path(self) -> Mapping[str, str]:
        """The values of the path's parameters."""
        return self.request.path_params

    @cached_property
    def trial(self) -> str:
        """The path's trial; 404 where it is outside the caller's scope."""
        trial = self.path["trial"]
        if not self.caller.may_see_trial(trial):
            raise not_found("trial")
        return trial

    def key(self, body: bytes | None = None, line: int = 0) -> Key | None:
        """The request's Idempotency-Key, for the whole body or one line of it; a POST's alone."""
        if self.request.method != "POST":
            return None
        return Key.of(
            self.request.headers.get("idempotency-key"),
            self.caller.sub,
            self.request.method,
            self.request.scope["path"],
            self.raw if body is None else body,
            line,
        )

    async def write(self, decide: Decide) -> Response:
        """Run a command and answer with what it said, now or the first time."""
        kept = await self.work.write(decide, self.key())
        return Response(kept.answer, kept.status, media_type="application/json")


Endpoint = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One route. `roles` None: open to all. `by_arm`: who may ask it with `?by=arm`.

    Without a `body` model the endpoint gets the bytes, of a `media_type`, or, where it `streams`,
    reads them itself. `answers` are for the documents: by status the model of the JSON, or the
    media type of anything else; `also` is one in which it answers, too. Refusals of a `sealed`
    route, and of reads by arm, are recorded.
    """

    method: str
    path: str
    roles: frozenset[Role] | None
    endpoint: Endpoint
    summary: str
    body: type[BaseModel] | None = None
    query: type[Query] = Query
    answers: Mapping[int, type[BaseModel] | str] = field(default_factory=dict)
    also: str | None = None
    media_type: str = "application/json"
    streams: bool = False
    by_arm: frozenset[Role] | None = None
    sealed: bool = False

    def asks_by_arm(self, request: Request) -> bool:
        """Whether this request asks for what only `by_arm` may see."""
        return self.by_arm is not None and "arm" in request.query_params.getlist("by")

    def roles_for(self, request: Request) -> frozenset[Role] | None:
        """Who may make this request."""
        return self.by_arm if self.asks_by_arm(request) else self.roles

    def guards(self, request: Request) -> bool:
        """Whether a refusal of this request is recorded."""
        return self.sealed or self.asks_by_arm(request)

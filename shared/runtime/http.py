"""HTTP: every request passes the same gates in the same order, then reaches its endpoint.

401, 403, 413, 422 and then whatever the endpoint says (404, 409), as the contract orders them.
"""

import re
import time
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.contracts import jsontext
from shared.contracts.events.access import AccessRefused
from shared.contracts.subjects import TRIAL_PATTERN
from shared.runtime import database, logs, problems, telemetry
from shared.runtime.clock import wall
from shared.runtime.openapi import Application, Endpoint
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem
from shared.runtime.routes import MAX_BODY, Call, Route
from shared.runtime.security import BadToken, Caller, Tokens
from shared.runtime.work import Answer, Work

_log = logs.logger("http")
_DRAINED = 8 * 1024 * 1024
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_REFUSED = (401, 403, 404, 409)


class Gate:
    """Takes requests to endpoints, or answers why not."""

    def __init__(self, work: Work, tokens: Tokens) -> None:
        self._work = work
        self._tokens = tokens

    async def pass_through(self, route: Route, request: Request) -> Response:
        """The answer to one request, whatever goes wrong."""
        started = time.perf_counter()
        parent = request.headers.get("traceparent")
        with telemetry.request_span(route.path, route.method, parent):
            response = await self._answered(route, request)
        seen = {"route": route.path, "method": route.method}
        telemetry.http_duration.record(time.perf_counter() - started, seen)
        telemetry.http_requests.add(1, seen | {"status": response.status_code})
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _answered(self, route: Route, request: Request) -> Response:
        caller: Caller | None = None
        try:
            caller = self._caller(route, request)
            return await route.endpoint(await self._call(route, request, caller))
        except Problem as problem:
            refused = problem
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as fault:
            if database.passing(fault) or database.conflicting(fault):
                logs.warn(_log, "database out of reach", fault, route=route.path)
                return problems.unavailable().response()
            logs.warn(_log, "request failed", fault, route=route.path)
            return problems.internal().response()
        presented = "authorization" in request.headers
        if (refused.status == 401 and presented) or (
            refused.status in _REFUSED and route.guards(request)
        ):
            await self._record(route, request, caller or self._known(request), refused.status)
        return refused.response()

    def _caller(self, route: Route, request: Request) -> Caller | None:
        roles = route.roles_for(request)
        if roles is None:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise problems.unauthorized("This needs a bearer token.")
        try:
            caller = self._tokens.caller(token.strip(), wall().timestamp())
        except BadToken as why:
            raise problems.unauthorized(str(why)) from why
        if not caller.has(*roles):
            raise problems.forbidden()
        return caller

    def _known(self, request: Request) -> Caller | None:
        """Who was refused for their roles: the token itself holds."""
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        try:
            return self._tokens.caller(token, wall().timestamp())
        except BadToken:
            return None

    async def _call(self, route: Route, request: Request, caller: Caller | None) -> Call:
        call = Call(request, self._work, caller)
        if not route.streams and route.method != "GET":
            call.raw = await read_body(request, MAX_BODY)
        if route.body is not None:
            call.body = parse(route.body, call.raw)
        call.query = _query(route, request)
        return call

    async def _record(
        self, route: Route, request: Request, caller: Caller | None, status: int
    ) -> None:
        """Best effort: that the record cannot be kept must not turn a refusal into an error.

        A fact of the trial where it is in the caller's scope, else of no trial.
        """
        trial = request.path_params.get("trial", "")
        known = caller and caller.may_see_trial(trial) and re.fullmatch(TRIAL_PATTERN, trial)
        by_arm = "?by=arm" if route.asks_by_arm(request) else ""
        fact = AccessRefused(
            person=caller.sub if caller else None,
            method=request.method,
            path=(request.url.path + by_arm)[:300],
            status=status,
        )

        def event(now: datetime) -> NewEvent:
            return NewEvent(fact, now, trial=trial if known else None, actor=fact.person)

        async def decide(db: database.Connection, now: datetime) -> Answer:
            return Answer(None, events=[event(now)])

        try:
            await self._work.write(decide)
        except Exception as fault:
            logs.warn(_log, "a refusal was not recorded", fault, route=route.path, status=status)


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body; 413 over `limit` bytes, after hearing the client out within bounds."""
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > _DRAINED:
            break
    if size > limit:
        raise problems.too_large(f"The body is over {limit // 1024} KiB.")
    return bytes(body)


def parse(model: type[BaseModel], raw: bytes) -> BaseModel:
    """The body as its model; 422 names the places."""
    try:
        return model.model_validate(jsontext.loads(raw))
    except jsontext.BadJson as why:
        raise problems.invalid([(why.loc, why.msg)], "The body is not the JSON expected.") from why
    except ValidationError as why:
        raise problems.invalid(_errors(why)) from why


def _errors(why: ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    found = why.errors(include_input=False, include_url=False, include_context=False)
    return [(error["loc"], error["msg"]) for error in found]


def _query(route: Route, request: Request) -> BaseModel:
    given = request.query_params.multi_items() if request.scope["query_string"] else []
    for name, value in given:
        if "\x00" in name + value:
            place = ("query",) if "\x00" in name else ("query", name)
            raise problems.invalid([(place, "has a character that cannot be stored")])
    twice = [name for name, _ in given if len(request.query_params.getlist(name)) > 1]
    if twice:
        raise problems.invalid([(("query", twice[0]), "is given more than once")])
    try:
        return route.query.model_validate(dict(given))
    except ValidationError as why:
        raise problems.invalid([(("query", *loc), msg) for loc, msg in _errors(why)]) from why


def application(service: str, version: str, routes: Sequence[Route], gate: Gate) -> Application:
    """The service's HTTP application; `/openapi.json` describes every route."""
    app = Application(service, version)
    for route in routes:
        app.serve(route, _endpoint(route, gate))

    async def http_problem(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        status = error.status_code
        name = {404: "not-found", 405: "method-not-allowed"}.get(status, "invalid")
        detail = "There is no such route here."
        headers = _HEADERS | dict(error.headers or {})
        if status == 405:
            headers["Allow"] = ", ".join(app.methods_at(request.scope))
        return Problem(status, name, detail, headers=headers).response()

    app.add_exception_handler(HTTPException, http_problem)
    return app


def _endpoint(route: Route, gate: Gate) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await gate.pass_through(route, request)

    return endpoint

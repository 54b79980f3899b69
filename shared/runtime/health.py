"""`/livez`, `/readyz`, `/metrics`: open to all, and without anything about a trial."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

Check = Callable[[], Awaitable[bool]]
Told = Callable[[], Mapping[str, object]]

_PATIENCE_S = 2.0


def add(app: FastAPI, checks: Mapping[str, Check], told: Told = dict) -> None:
    """Add the three routes; `/readyz` is 200 only while every check holds.

    `told` is what its body says beside the checks, once they are done.
    """

    @app.get("/livez", summary="the process answers")
    async def livez() -> Response:
        return _answer(200, {"live": True})

    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "a check does not hold"}}

    @app.get("/readyz", summary="the service can do its work", responses=not_ready)
    async def readyz() -> Response:
        names = list(checks)
        held = await asyncio.gather(*(_holds(checks[name]) for name in names))
        ready = all(held)
        body = {"ready": ready, "checks": dict(zip(names, held, strict=True)), **told()}
        return _answer(200 if ready else 503, body)

    @app.get(
        "/metrics",
        summary="metrics in Prometheus' text format",
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await check()
    except Exception:
        return False


def _answer(status: int, body: object) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")

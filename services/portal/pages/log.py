"""The audit log: a search, an entry with its proof, and what an inspector takes away."""

import base64
import json
from collections.abc import Mapping
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from services.portal import bundle
from services.portal.visit import AUDITOR, Page, Visit
from shared.contracts.envelope import parse_time
from shared.runtime.security import ALL

_ROWS = 50
_IN_MEMORY = 4 * 1024 * 1024
_CHUNK = 64 * 1024
_FILTERS = ("subject", "type", "actor", "from", "to")


async def log(visit: Visit) -> Response:
    """The search; entries in the log's order."""
    asked = {name: visit.query.get(name, "").strip() for name in _FILTERS}
    platform = visit.query.get("of") == "platform"
    answer = await visit.ask(
        "GET",
        "audit",
        _entries(visit, platform),
        query={
            **{name: _in_full(name, value) for name, value in asked.items() if value},
            "limit": str(_ROWS),
            **({"after": visit.query["after"]} if visit.query.get("after") else {}),
        },
    )
    items = answer.body["items"] if answer.ok else []
    return visit.page(
        "log.html",
        200 if answer.ok else answer.status,
        asked=asked,
        platform=platform,
        may_see_platform=ALL in visit.person.trials,
        rows=[{"index": item["index"], **_head(item["entry"])} for item in items],
        next=answer.body["next"] if answer.ok else None,
        errors=[f"{loc[-1]}: {msg}" for loc, msg in answer.errors] or [answer.detail],
        ok=answer.ok,
        checkpoint=await _checkpoint(visit),
    )


async def entry(visit: Visit) -> Response:
    """One entry with what proves it: the browser itself works out the log's root from it."""
    index = _index(visit)
    platform = visit.query.get("of") == "platform"
    # The page before an entry may be empty, so it is asked for by what comes after the one before.
    query = {"limit": "1"} | ({"after": str(index - 1)} if index else {})
    answer = await visit.ask("GET", "audit", _entries(visit, platform), query=query)
    if not answer.ok:
        visit.refused(answer)
    item = next((one for one in answer.body["items"] if one["index"] == index), None)
    if item is None:
        visit.problem(404, "There is no such entry, or not for you.")
    checkpoint = await _checkpoint(visit)
    hashes = None
    if checkpoint and index < checkpoint["size"]:
        asked = {"index": str(index), "size": str(checkpoint["size"])}
        proof = await visit.ask("GET", "audit", "/log/proof/inclusion", query=asked)
        hashes = proof.body["hashes"] if proof.ok else None
    line = item["entry"]
    return visit.page(
        "entry.html",
        index=index,
        platform=platform,
        head=_head(line),
        attributes=_attributes(line),
        raw=base64.b64encode(line.encode()).decode(),
        checkpoint=checkpoint,
        hashes=hashes,
    )


async def take_away(visit: Visit) -> Response:
    """The whole log as one file; nothing is sent before all of it is there."""
    if ALL not in visit.person.trials:
        visit.problem(404, "The whole log is for auditors of all trials.")

    async def read(path: str) -> bytes:
        answer = await visit.ask("GET", "audit", f"/log/{path}")
        if not answer.ok:
            visit.refused(answer)
        return answer.content

    file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed when it is sent
    try:
        await bundle.write(file, read)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    headers = {"content-disposition": 'attachment; filename="log.zip"'}
    return StreamingResponse(
        iter(partial(file.read, _CHUNK), b""),
        media_type="application/zip",
        headers=headers,
        background=BackgroundTask(file.close),
    )


def _entries(visit: Visit, platform: bool) -> str:
    return "/entries" if platform else f"/trials/{visit.trial}/entries"


def _index(visit: Visit) -> int:
    given = visit.path["index"]
    if not (given.isascii() and given.isdecimal() and len(given) <= 15):
        visit.problem(404, "There is no such entry, or not for you.")
    return int(given)


def _in_full(name: str, value: str) -> str:
    """A filter as the log takes it: an event's name with its prefix, a day as its first instant."""
    if name == "type" and "." not in value:
        return f"trialops.{value}.v1"
    if name in ("from", "to"):
        try:
            parse_time(value)
        except ValueError:
            return f"{value}T00:00:00Z"
    return value


async def _checkpoint(visit: Visit) -> Mapping[str, Any] | None:
    """The newest signed head (C2SP tlog-checkpoint): origin, size, root, then signatures."""
    answer = await visit.ask("GET", "audit", "/log/checkpoint")
    key = await visit.ask("GET", "audit", "/log/key")
    if not answer.ok or not key.ok:
        return None
    origin, size, root, *_ = answer.body.splitlines()
    return {
        "origin": origin,
        "size": int(size),
        "root": root,
        "note": answer.body,
        "key": key.body.strip(),
        "raw": base64.b64encode(answer.content).decode(),
    }


def _attributes(line: str) -> list[tuple[str, str]]:
    """The entry's members as they stand, each value as compact JSON or its text."""
    found = json.loads(line, parse_float=str)
    return [
        (name, value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False))
        for name, value in found.items()
    ]


def _head(line: str) -> dict[str, Any]:
    """What a list shows of an entry."""
    found = json.loads(line, parse_float=str)
    name = str(found.get("type", "")).removeprefix("trialops.").rpartition(".")[0]
    return {
        "type": name,
        "time": parse_time(found["time"]),
        "subject": found.get("subject"),
        "actor": found.get("actor"),
    }


PAGES = (
    Page("GET", "/trials/{trial}/log", AUDITOR, log),
    Page("GET", "/trials/{trial}/log/bundle", AUDITOR, take_away),
    Page("GET", "/trials/{trial}/log/{index}", AUDITOR, entry),
)

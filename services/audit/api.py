"""Audit's HTTP: the log's key, checkpoint, tiles and proofs for everyone; entries for auditors."""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from services.audit import checkpoints, store, tiles, tree
from services.audit.checkpoint import VerifierKey
from services.audit.store import Filter
from services.audit.tiles import EntryTile, HashTile
from shared.contracts import jsontext
from shared.contracts.envelope import parse_time
from shared.contracts.subjects import SUBJECT_PATTERN
from shared.runtime.database import Connection
from shared.runtime.problems import Problem, invalid, not_found
from shared.runtime.routes import Call, Page, Query, Route, Whole
from shared.runtime.security import ALL, Role

_AUDITOR = frozenset({Role.AUDITOR})
_TEXT, _OCTETS = "text/plain", "application/octet-stream"
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


Time = Annotated[datetime, BeforeValidator(parse_time)]


class InclusionQuery(Query):
    """Entry `index` in the log of `size` entries."""

    index: Whole = Field(ge=0)
    size: Whole = Field(ge=1)


class ConsistencyQuery(Query):
    """The log of `from` entries and that of `to` entries."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False)

    old: Whole = Field(alias="from", ge=1)
    new: Whole = Field(alias="to", ge=1)


class EntriesQuery(Page):
    """Which entries: by subject, whole `ce_type`, actor, and time from (included) to (not)."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False)

    after: str | None = Field(default=None, pattern=r"^[0-9]{1,18}$")
    subject: str | None = Field(default=None, pattern=f"^{SUBJECT_PATTERN}$")
    type: str | None = Field(default=None, min_length=1, max_length=200)
    actor: str | None = Field(default=None, min_length=1, max_length=200)
    since: Time | None = Field(default=None, alias="from")
    until: Time | None = Field(default=None, alias="to")


class Inclusion(BaseModel):
    """An inclusion proof (RFC 6962, 2.1.1); hashes in base64."""

    index: int
    size: int
    hashes: list[str]


class Consistency(BaseModel):
    """A consistency proof (RFC 6962, 2.1.2); hashes in base64."""

    old: int = Field(alias="from")
    new: int = Field(alias="to")
    hashes: list[str]


class Entry(BaseModel):
    """An entry: the line that is hashed, as text."""

    index: int
    entry: str


class Entries(BaseModel):
    """A page of the log."""

    items: list[Entry]
    next: str | None


class Api:
    """The routes of the log; `trials` are the ids that the protocols name."""

    def __init__(self, trials: Sequence[str], key: VerifierKey) -> None:
        self._trials = frozenset(trials)
        self._key = key

    def routes(self) -> list[Route]:
        """The table."""
        log = "/v1/log"
        return [
            Route(
                "GET",
                f"{log}/key",
                None,
                self.key,
                "the log's verifier key (C2SP)",
                answers={200: _TEXT},
            ),
            Route(
                "GET",
                f"{log}/checkpoint",
                None,
                self.checkpoint,
                "the newest signed head",
                answers={200: _TEXT},
            ),
            Route(
                "GET",
                f"{log}/tile/entries/{{tile:path}}",
                _AUDITOR,
                self.entry_tile,
                "raw entries",
                answers={200: _OCTETS},
            ),
            Route(
                "GET",
                f"{log}/tile/{{tile:path}}",
                None,
                self.hash_tile,
                "hashes (C2SP tiles)",
                answers={200: _OCTETS},
            ),
            Route(
                "GET",
                f"{log}/proof/inclusion",
                None,
                self.inclusion,
                "that an entry is in the log",
                query=InclusionQuery,
                answers={200: Inclusion},
            ),
            Route(
                "GET",
                f"{log}/proof/consistency",
                None,
                self.consistency,
                "that a log continues an older one",
                query=ConsistencyQuery,
                answers={200: Consistency},
            ),
            Route(
                "GET",
                "/v1/trials/{trial}/entries",
                _AUDITOR,
                self.entries,
                "entries of a trial",
                query=EntriesQuery,
                answers={200: Entries},
            ),
            Route(
                "GET",
                "/v1/entries",
                _AUDITOR,
                self.platform_entries,
                "entries of no trial",
                query=EntriesQuery,
                answers={200: Entries},
            ),
        ]

    async def key(self, call: Call) -> Response:
        """The key that checkpoints are checked with."""
        return Response(f"{self._key.line}\n", media_type=_TEXT)

    async def checkpoint(self, call: Call) -> Response:
        """The signed note."""
        async with call.work.reading() as db:
            published = await checkpoints.latest(db)
        if published is None:
            raise Problem(503, "unavailable", "No checkpoint is signed yet; ask again in a second.")
        return Response(published.note, media_type=_TEXT)

    async def hash_tile(self, call: Call) -> Response:
        """Hashes of one tile, full or partial."""
        tile = _tile(call.path["tile"])
        if not isinstance(tile, HashTile):
            raise not_found("tile")
        tile_bytes = await self._published(call, lambda db, size: tree.hash_tile(db, tile, size))
        return _octets(tile_bytes, _FOR_EVER if tile.width == tiles.WIDTH else None)

    async def entry_tile(self, call: Call) -> Response:
        """Entries as they are hashed, each behind its length (C2SP tlog-tiles)."""
        tile = _tile(f"entries/{call.path['tile']}")
        if not isinstance(tile, EntryTile) or ALL not in call.caller.trials:
            raise not_found("tile")
        return _octets(
            await self._published(call, lambda db, size: tree.entry_tile(db, tile, size))
        )

    async def _published(
        self, call: Call, read: Callable[[Connection, int], Awaitable[bytes | None]]
    ) -> bytes:
        async with call.work.reading() as db:
            published = await checkpoints.latest(db)
            found = await read(db, published.size) if published else None
        if found is None:
            raise not_found("tile")
        return found

    async def inclusion(self, call: Call) -> Response:
        """The hashes between an entry and the root."""
        index, size = call.query.index, call.query.size
        hashes = await _proof(call, lambda db: tree.inclusion(db, index, size))
        return _json({"index": index, "size": size, "hashes": hashes})

    async def consistency(self, call: Call) -> Response:
        """The hashes that make both roots."""
        old, new = call.query.old, call.query.new
        hashes = await _proof(call, lambda db: tree.consistency(db, old, new))
        return _json({"from": old, "to": new, "hashes": hashes})

    async def entries(self, call: Call) -> Response:
        """Entries of one trial, in the log's order."""
        if call.trial not in self._trials:
            raise not_found("trial")
        return await _found(call, call.trial)

    async def platform_entries(self, call: Call) -> Response:
        """Facts of no trial, for auditors of all trials."""
        if ALL not in call.caller.trials:
            raise not_found("entries")
        return await _found(call, None)


def _tile(path: str) -> HashTile | EntryTile:
    try:
        return tiles.parse(f"tile/{path}")
    except ValueError as why:
        raise not_found("tile") from why


async def _proof(call: Call, prove: Callable[[Connection], Awaitable[list[bytes]]]) -> list[str]:
    try:
        async with call.work.reading() as db:
            hashes = await prove(db)
    except ValueError as why:
        raise invalid([(("query",), str(why))]) from why
    return [base64.b64encode(one).decode() for one in hashes]


async def _found(call: Call, trial: str | None) -> Response:
    query: EntriesQuery = call.query
    which = Filter(query.subject, query.type, query.actor, query.since, query.until)
    after = None if query.after is None else int(query.after)
    async with call.work.reading() as db:
        rows = await store.search(db, trial, which, after, query.limit + 1)
    shown = rows[: query.limit]
    items = [{"index": index, "entry": line.decode()} for index, line in shown]
    more = str(shown[-1][0]) if len(rows) > query.limit else None
    return _json({"items": items, "next": more})


def _octets(content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, media_type=_OCTETS, headers=headers)


def _json(body: object) -> Response:
    return Response(jsontext.dumps(body), media_type="application/json")

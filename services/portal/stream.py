"""Server-sent events: they say which fragments of a page to fetch again, never what is in them.

Each process listens to the database and passes on what is in a session's scope. A stream that
misses something (its reader was slow, the database was away) is told that everything changed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import asyncpg
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from services.portal import feed, security
from services.portal.door import Door
from services.portal.feed import KINDS, Change, Kind
from services.portal.people import Person
from shared.runtime import logs
from shared.runtime.security import Role
from shared.runtime.work import Work

_log = logs.logger("stream")

_EVERY_S = 0.5  # between two messages of a stream: a replay of a trial changes more than eyes see
_HEARTBEAT_S = 15
_LOOK_S = 1.0  # whether the process ends
_STREAMS = 200
_STREAMS_OF_ONE = 6

_BY_SITE = frozenset({Role.SITE, Role.INVESTIGATOR})


@dataclass(eq=False)
class Listener:
    """One open stream: whose, of which trial, and the kinds that changed since it last told."""

    person: Person
    trial: str
    changed: set[Kind] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ending: anyio.Event = field(default_factory=anyio.Event)  # the process ends

    def hear(self, change: Change) -> None:
        """Keep what concerns this stream."""
        if change.kind != "alerts" and change.trial != self.trial:
            return
        if change.trial is not None and not self.person.may_see_trial(change.trial):
            return
        by_site = self.person.role in _BY_SITE and change.site is not None
        if by_site and change.site is not None and not self.person.may_see_site(change.site):
            return
        self.changed.add(change.kind)
        self.woken.set()

    def hear_everything(self) -> None:
        """Something may have been missed."""
        self.changed.update(KINDS)
        self.woken.set()


class Hub:
    """The open streams of this process, and what tells them."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    async def run(self, work: Work) -> None:
        """Listen to the database until cancelled, on a connection of its own."""
        lost = asyncio.Event()
        async with work.pool.acquire() as db:
            db.add_termination_listener(lambda *_: lost.set())
            await db.add_listener(feed.CHANNEL, self._on_notice)
            for listener in self._listeners:
                listener.hear_everything()
            try:
                await lost.wait()
            finally:
                with suppress(asyncpg.InterfaceError):  # a lost one has gone from the pool
                    await db.remove_listener(feed.CHANNEL, self._on_notice)

    def _on_notice(self, *notice: Any) -> None:
        change = feed.load(str(notice[-1]))
        for listener in self._listeners:
            listener.hear(change)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[bool]:
        """Whether there is room for one more stream, which then hears until the end of this."""
        own = [one for one in self._listeners if one.person.sub == listener.person.sub]
        if len(self._listeners) >= _STREAMS or len(own) >= _STREAMS_OF_ONE:
            yield False
            return
        self._listeners.add(listener)
        try:
            yield True
        finally:
            self._listeners.discard(listener)


class Stream:
    """The route of the streams."""

    def __init__(self, hub: Hub, door: Door) -> None:
        self._hub = hub
        self._door = door

    async def serve(self, request: Request) -> Response:
        """The stream of one page; it ends with its session."""
        found = await self._door.signed_in(request)
        trial = request.query_params.get("trial", "")
        if found is None:
            return security.secured(Response("Sign in first.", 401, media_type="text/plain"))
        listener = Listener(found[1], trial)
        listener.hear_everything()  # what changed since the page was made, or the line was lost
        return security.secured(
            EventSourceResponse(
                self._events(request, listener),
                ping=_HEARTBEAT_S,
                shutdown_event=listener.ending,
                shutdown_grace_period=2 * _LOOK_S,
                headers={"x-accel-buffering": "no"},
            )
        )

    async def _events(self, request: Request, listener: Listener) -> AsyncIterator[ServerSentEvent]:
        with self._hub.listening(listener) as room:
            if not room:
                return
            # A number to begin with, so that a page that comes back says so.
            yield ServerSentEvent(event="connected", data="", id="0")
            looked = time.monotonic()
            while not listener.ending.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(listener.woken.wait(), _LOOK_S)
                if time.monotonic() - looked >= _HEARTBEAT_S:
                    looked = time.monotonic()
                    if await self._door.signed_in(request) is None:
                        yield ServerSentEvent(event="signed-out", data="")
                        return
                listener.woken.clear()
                kinds, listener.changed = sorted(listener.changed), set()
                for kind in kinds:
                    yield ServerSentEvent(event=f"{kind}-changed", data="", id="1")
                await asyncio.sleep(_EVERY_S)

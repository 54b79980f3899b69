"""Waiting until the platform has worked everything off: outboxes empty, consumers caught up.

Two looks in a row must agree. The first sees every record up to the ends consumed, so that whatever
they caused is committed; if then every outbox is empty and the ends are still the same, nothing was
sent in between, and so nothing is left that anybody could still react to.
"""

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import asyncpg
from aiokafka.errors import KafkaError

from deploy.embedded.lag import Ends, Groups
from deploy.embedded.probes import http_answers
from deploy.embedded.state import Endpoints
from shared.runtime.database import Connection

_EVERY = 0.02  # seconds between two looks
_READINESS_EVERY = 0.5  # seconds between two questions who is down

_PASSING = (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Unsettled(Exception):
    """The platform did not come to rest in time."""


class Settler:
    """Keeps its connections between calls; `async with Settler(endpoints) as settler`."""

    def __init__(self, endpoints: Endpoints, seconds: float = 120) -> None:
        self._services = endpoints["services"]
        self._postgres = endpoints["postgres"]
        self._groups = Groups(endpoints["kafka"])
        self._connections: dict[str, Connection] = {}
        self._seconds = seconds
        self._down_now: set[str] = set()
        self._look_for_the_down = 0.0

    async def __aenter__(self) -> Self:
        await self._groups.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._disconnect()
        await self._groups.stop()

    async def settle(self) -> set[str]:
        """Return when all is worked off; the services that are down are named and not waited for.

        Unsettled, with what is left, if that takes longer than the seconds given at first.
        """
        deadline = time.monotonic() + self._seconds
        before: Ends | None = None
        left = "nothing seen"
        while time.monotonic() < deadline:
            if time.monotonic() >= self._look_for_the_down:
                self._down_now = await self._down()
                self._look_for_the_down = time.monotonic() + _READINESS_EVERY
            try:
                left, ends = await self._look(sorted(self._services.keys() - self._down_now))
            except _PASSING as fault:  # a server is being started again
                left, ends = f"{type(fault).__name__}: {fault}", {}
                self._disconnect()
            if not left and ends == before:
                return set(self._down_now)
            before = None if left else ends
            await asyncio.sleep(_EVERY if left else 0)
        raise Unsettled(f"not at rest after {self._seconds:.0f} s: {left}")

    async def _look(self, services: list[str]) -> tuple[str, Ends]:
        """What is left to do, "" for nothing, and the ends of the topics that were consumed."""
        full = [service for service in services if not await self._outbox_is_empty(service)]
        if full:
            return f"rows in the outbox of {', '.join(full)}", {}
        ends, behind = await self._groups.look(services)
        return (f"records not consumed by {', '.join(behind)}" if behind else ""), ends

    async def _outbox_is_empty(self, service: str) -> bool:
        connection = self._connections.get(service)
        if connection is None:
            schema = {"search_path": service}
            connection = await asyncpg.connect(self._postgres, server_settings=schema, timeout=10)
            self._connections[service] = connection
        try:
            return bool(await connection.fetchval("select not exists (select from outbox)"))
        except asyncpg.UndefinedTableError:  # a service that says nothing has none
            return True

    async def _down(self) -> set[str]:
        ports = {name: urlsplit(url).port or 80 for name, url in self._services.items()}
        answers = await asyncio.gather(*map(http_answers, ports.values()))
        return {name for name, ready in zip(ports, answers, strict=True) if not ready}

    def _disconnect(self) -> None:
        for connection in self._connections.values():
            with suppress(OSError):
                connection.terminate()
        self._connections.clear()

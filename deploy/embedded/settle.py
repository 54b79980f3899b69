"""Waiting until the platform has worked everything off: outboxes, records, timers that are due.

Two looks in a row must agree. The first sees every record up to the ends consumed, so that whatever
they caused is committed; if then every outbox is empty, no timer is due and the ends are still the
same, nothing was sent in between, and so nothing is left that anybody could still react to.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
from aiokafka.errors import KafkaError

from deploy.embedded import clock, presence
from deploy.embedded.kafka_logins import admin_access
from deploy.embedded.lag import Ends, Groups
from deploy.embedded.presence import Presence
from deploy.embedded.state import Endpoints, State
from shared.runtime.database import Connection

_EVERY = 0.01  # seconds between two looks
_ASK_SOON, _ASK_AGAIN = 0.5, 5.0  # seconds between two questions who is down

_PASSING = (
    KafkaError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what is left of a statement when its server is gone
    OSError,
)

# One statement looks at the schemas of all services, at one instant. A service that says nothing
# has no outbox, one that waits for nothing no timers.
_LOOK = """
CREATE FUNCTION pg_temp.look(services text[])
RETURNS TABLE (service text, full_outbox boolean, next_due timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH service IN ARRAY services LOOP
        full_outbox := false;
        next_due := null;
        IF to_regclass(format('%I.outbox', service)) IS NOT NULL THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %I.outbox)', service) INTO full_outbox;
        END IF;
        IF to_regclass(format('%I.timer', service)) IS NOT NULL THEN
            EXECUTE format('SELECT min(due) FROM %I.timer', service) INTO next_due;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$
"""


class Unsettled(Exception):
    """The platform did not come to rest in time."""


@dataclass(frozen=True)
class Rest:
    """A platform at rest: who was down and not waited for, when the others' next timer is due.

    `records` says how many there are of each topic that is consumed.
    """

    down: frozenset[str]
    due: datetime | None
    records: Mapping[str, int] = field(default_factory=dict)


class Settler:
    """Keeps its connections between calls; `async with Settler(endpoints) as settler`."""

    def __init__(self, endpoints: Endpoints, seconds: float = 120) -> None:
        self._services = endpoints["services"]
        self._postgres = endpoints["postgres"]
        self._state = State(Path(endpoints["state"]))
        self._kafka = admin_access(endpoints)
        self._groups: Groups | None = None
        self._connection: Connection | None = None
        self._seconds = seconds
        self._endpoints = endpoints
        self._presence = Presence()
        self._asked = -math.inf
        self._due: datetime | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._disconnect()
        if self._groups is not None:
            await self._groups.stop()

    async def settle(self) -> Rest:
        """Return when all is worked off; the services that are down are named and not waited for.

        One that runs and is not ready is waited for: what it has to do it will do late. Unsettled,
        with what is left, if that takes longer than the seconds given at first.
        """
        deadline = time.monotonic() + self._seconds
        left = ""
        while time.monotonic() < deadline:
            await self._see_who_is_down(work_is_left=bool(left))
            try:
                present = sorted(self._services.keys() - self._presence.down)
                left, ends = await self._look_twice(present)
            except _PASSING as fault:  # a server is being started again
                left, ends = f"{type(fault).__name__}: {fault}", {}
                self._disconnect()
            if not left and self._presence.unready:
                left = f"{', '.join(sorted(self._presence.unready))} not ready"
            if not left:
                records: Counter[str] = Counter()
                for partition, end in ends.items():
                    records[partition.topic] += end
                return Rest(self._presence.down, self._due, records)
            await asyncio.sleep(_EVERY)
        raise Unsettled(f"not at rest after {self._seconds:.0f} s: {left}")

    async def _look_twice(self, services: list[str]) -> tuple[str, Ends]:
        """What is left to do, "" for nothing, and the ends of the topics that were consumed."""
        if left := await self._in_the_database(services):
            return left, {}
        groups = await self._connected()
        ends, behind = await groups.look(services)
        if behind:
            return f"records not consumed by {', '.join(behind)}", ends
        if left := await self._in_the_database(services):
            return left, ends
        return ("" if await groups.still(ends) else "records just sent"), ends

    async def _connected(self) -> Groups:
        if self._groups is None:
            groups = Groups(self._kafka)
            await groups.start()
            self._groups = groups
        return self._groups

    async def _in_the_database(self, services: list[str]) -> str:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._postgres, timeout=10)
            await self._connection.execute(_LOOK)
        now = clock.now(self._state)
        rows = await self._connection.fetch("SELECT * FROM pg_temp.look($1)", services)
        if full := [row["service"] for row in rows if row["full_outbox"]]:
            return f"rows in the outbox of {', '.join(full)}"
        dues = {row["service"]: row["next_due"] for row in rows if row["next_due"] is not None}
        if late := [service for service, due in dues.items() if due <= now]:
            return f"timers that are due in {', '.join(late)}"
        self._due = min(dues.values(), default=None)
        return ""

    async def _see_who_is_down(self, *, work_is_left: bool) -> None:
        """Ask the services, now and then; sooner while one is down or does not get done."""
        since = time.monotonic() - self._asked
        soon = self._presence.down or work_is_left
        if since > (_ASK_SOON if soon else _ASK_AGAIN):
            self._presence = await presence.look(self._endpoints)
            self._asked = time.monotonic()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.terminate()
        self._connection = None

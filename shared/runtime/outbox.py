"""The outbox: what a transaction says to the world is committed with it, and sent afterwards."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from uuid_utils import uuid7

from shared.contracts.envelope import Envelope, attributes, key_of
from shared.contracts.events.base import Event
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.runtime import telemetry
from shared.runtime.clock import wall
from shared.runtime.database import Connection, Pool

HEADERS = TypeAdapter(dict[str, str])
"""How the outbox writes a record's headers."""


class TooLarge(ValueError):
    """an event's data is over the limit of 60 KiB"""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that made the service act, where no more of it than this can be read."""

    id: UUID
    traceparent: str | None = None


class NewEvent(NamedTuple):
    """A fact that a transaction adds. `cause` is the event that made the service act, if one did.

    `time` is the platform's; `actor` the person's `sub`, None for the service itself.
    """

    data: Event
    time: datetime
    trial: str | None = None
    subject: str | None = None
    site: str | None = None
    actor: str | None = None
    cause: Envelope | Cause | None = None


class Outgoing(NamedTuple):
    """A record before it has its sequence: what the outbox keeps of it."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes


def outgoing(service: str, event: NewEvent, traceparent: str | None) -> Outgoing:
    """The record of a new event; TooLarge where its data passes the limit.

    A caused event goes on in the trace of its cause, any other in the current one.
    """
    data, time, trial, subject, site, actor, cause = event
    value = data.encode()
    if len(value) > MAX_EVENT_BYTES:
        raise TooLarge(f"{type(data).__name__} is over {MAX_EVENT_BYTES} bytes")
    headers = attributes(
        id=str(uuid7()),
        source=f"/trialops/{service}",
        type=data.ce_type(),
        time=time,
        actor=actor or service,
        sequence=None,
        trial=trial,
        subject=subject,
        site=site,
        causation=cause.id if cause else None,
        traceparent=(cause.traceparent if cause else None) or traceparent,
    )
    return Outgoing(data.TOPIC.format(service=service), key_of(trial, subject), headers, value)


def _of_few(count: int) -> str:
    """The statement of `put` for so many records, each of another key."""
    rows = ", ".join(
        f"({nth}, ${first}, ${first + 1}, ${first + 2}, ${first + 3}::bytea)"
        for nth, first in enumerate(range(1, 4 * count, 4))
    )
    return f"""
        WITH r (nth, topic, key, headers, value) AS (VALUES {rows}), drawn AS (
            INSERT INTO sequence AS s (topic, key, last)
            SELECT topic, key, 1 FROM r ORDER BY topic COLLATE "C", key COLLATE "C"
            ON CONFLICT (topic, key) DO UPDATE SET last = s.last + 1
            RETURNING s.topic, s.key, s.last
        )
        INSERT INTO outbox (topic, key, sequence, headers, value)
        SELECT topic, key, drawn.last, r.headers, r.value
        FROM r JOIN drawn USING (topic, key) ORDER BY r.nth
        """  # noqa: S608 - numbers of parameters alone


_FEW = 4
_STATEMENTS = {count: _of_few(count) for count in range(1, _FEW + 1)}
"""A request's one or two events cost half as much as values than as sets by `unnest`."""


def _written(headers: dict[str, str], untraced: str) -> str:
    return HEADERS.dump_json({"ce_traceparent": untraced, **headers}).decode()


async def add(db: Connection, service: str, events: Sequence[NewEvent]) -> None:
    """Put events into the outbox, each with the next number of its (topic, key).

    The last thing a transaction does: the numbers' locks are held from here to the commit.
    """
    traceparent = telemetry.traceparent()
    await put(db, [outgoing(service, event, traceparent) for event in events])


async def put(db: Connection, records: Sequence[Outgoing]) -> None:
    """Keep records in their order, drawing their sequences in one statement.

    The rows of `sequence` are locked in (topic, key) order, so two transactions cannot deadlock,
    and an outbox id is drawn only while its key's lock is held: ids order a key's records as
    they commit. A record that belongs to no trace gets one: by it the check at start (`restored`)
    tells what a relay of ours has sent from what anybody else has.
    """
    if not records:
        return
    untraced = telemetry.new_trace()
    if len(records) <= _FEW and len({record[:2] for record in records}) == len(records):
        rows = [(topic, key, _written(of, untraced), value) for topic, key, of, value in records]
        await db.execute(_STATEMENTS[len(rows)], *chain.from_iterable(rows))
        return
    counts = Counter((record.topic, record.key) for record in records)
    wanted = sorted(counts)
    each: list[int] = []
    after: list[int] = []
    if len(counts) < len(records):  # else each key has one record: what `unnest` misses is null
        each = [counts[place] for place in wanted]
        for record in records:
            counts[record.topic, record.key] -= 1
            after.append(counts[record.topic, record.key])
    topics, keys, headers, values = zip(*records, strict=True)
    await db.execute(
        """
        WITH drawn AS (
            INSERT INTO sequence AS s (topic, key, last)
            SELECT topic, key, coalesce(n, 1)
            FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (topic, key, n)
            ON CONFLICT (topic, key) DO UPDATE SET last = s.last + EXCLUDED.last
            RETURNING s.topic, s.key, s.last
        )
        INSERT INTO outbox (topic, key, sequence, headers, value)
        SELECT r.topic, r.key, drawn.last - coalesce(r.after, 0), r.headers, r.value
        FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])
             WITH ORDINALITY AS r (topic, key, after, headers, value, nth)
        JOIN drawn USING (topic, key)
        ORDER BY r.nth
        """,
        *zip(*wanted, strict=True),
        each,
        topics,
        keys,
        after,
        [_written(of, untraced) for of in headers],
        values,
    )


async def oldest_s(pool: Pool) -> float | None:
    """Seconds since the oldest row was made, by the time in its UUIDv7; None without a row."""
    headers = await pool.fetchval("SELECT headers FROM outbox ORDER BY id LIMIT 1")
    if headers is None:
        return None
    made_ms = UUID(HEADERS.validate_json(headers)["ce_id"]).int >> 80
    return max(0.0, wall().timestamp() - made_ms / 1000)

"""Dead letters: records that cannot be applied, kept with their reason until a person decides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from shared.contracts.envelope import ATTRIBUTES, PLATFORM_KEY, attributes, key_of
from shared.contracts.subjects import SUBJECT_PATTERN, TRIAL_PATTERN
from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, dead_topic
from shared.runtime import telemetry
from shared.runtime.database import Connection
from shared.runtime.outbox import Outgoing
from shared.runtime.record import RawRecord, Record, dump_headers, load_headers

_KEY = re.compile(rf"({TRIAL_PATTERN})(?::({SUBJECT_PATTERN}))?", re.ASCII)
_ROOM_FOR_HEADERS = 64 * 1024
_ROOM_FOR_OWN_HEADERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that cannot be applied and why; where it `blocks`, its key's later records wait."""

    record: Record
    reason: str
    blocks: bool
    id: UUID = field(default_factory=uuid7)


def named(key: str | None) -> tuple[str | None, str | None]:
    """The trial and subject that a record key names, None for `platform` and what is no key."""
    found = _KEY.fullmatch(key or "")
    return (found[1], found[2]) if found and key != PLATFORM_KEY else (None, None)


def trial_of(key: str | None) -> str | None:
    """The trial that a record key names, None for `platform` and for what is no key."""
    return named(key)[0]


async def bury(db: Connection, letters: Sequence[Letter]) -> list[Letter]:
    """Keep letters and return the new ones: a record that is a letter already is passed over.

    Another record at the place of one is new: its topic was made again.
    """
    if not letters:
        return []
    records = [letter.record for letter in letters]
    rows = await db.fetch(
        """
        INSERT INTO dead_letter (id, topic, "partition", "offset", key, sequence, ce_id, blocks,
                                 reason, headers, record_key, value)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::text[],
                             $6::bigint[], $7::uuid[], $8::boolean[], $9::text[], $10::text[],
                             $11::bytea[], $12::bytea[])
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        [letter.id for letter in letters],
        [record.topic for record in records],
        [record.partition for record in records],
        [record.offset for record in records],
        [record.identity.key if record.identity else None for record in records],
        [record.identity.sequence if record.identity else None for record in records],
        [record.identity.ce_id if record.identity else None for record in records],
        [letter.blocks for letter in letters],
        [letter.reason for letter in letters],
        [dump_headers(record.raw_headers) for record in records],
        [record.raw_key for record in records],
        [record.value for record in records],
    )
    new = {row["id"] for row in rows}
    for letter in letters:
        telemetry.dead_letters.add(1, {"topic": letter.record.topic})
    return [letter for letter in letters if letter.id in new]


def announcement(service: str, now: datetime, letter: Letter) -> Outgoing:
    """`DeadLettered`: the bytes as they came, the original headers as `dead_*`, reason and origin.

    What has no room in a record of the topic stays in the table: the end of a value, a long header.
    Keyed as the record was where its key is one of ours, so that nothing else can pose as a key.
    """
    record = letter.record
    key = (record.raw_key or b"").decode(errors="replace")
    trial, subject = named(key)
    headers = attributes(
        id=str(letter.id),
        source=f"/trialops/{service}",
        type="trialops.DeadLettered.v1",
        time=now,
        actor=service,
        sequence=None,
        trial=trial,
        subject=subject,
        site=None,
        causation=record.identity.ce_id if record.identity else None,
        traceparent=telemetry.traceparent(),
    )
    value = (record.value or b"")[: MAX_DEAD_LETTER_BYTES - _ROOM_FOR_HEADERS]
    left = MAX_DEAD_LETTER_BYTES - len(value) - _ROOM_FOR_OWN_HEADERS
    originals: dict[str, str] = {}
    for name in ATTRIBUTES:
        size = 64 + len(record.headers.get(name, "").encode())
        if name in record.headers and size <= left:
            originals[f"dead_{name}"] = record.headers[name]
            left -= size
    origin = {
        "dead_reason": letter.reason,
        "dead_topic": record.topic,
        "dead_partition": str(record.partition),
        "dead_offset": str(record.offset),
    }
    return Outgoing(
        dead_topic(service), key_of(trial, subject), headers | originals | origin, value
    )


@dataclass(frozen=True, slots=True)
class Buried:
    """A kept letter as it is shown: no payload, no header, only where it stood and why."""

    id: UUID
    topic: str
    partition: int
    offset: int
    key: str | None
    reason: str


async def listed(
    db: Connection, trials: Sequence[str] | None, after: UUID | None, limit: int
) -> list[Buried]:
    """Open letters in order of their ids; `trials` None: of every trial and of none."""
    rows = await db.fetch(
        """
        SELECT id, topic, "partition", "offset", key, reason FROM dead_letter
        WHERE state = 'open' AND ($1::uuid IS NULL OR id > $1)
          AND ($2::text[] IS NULL
               OR (split_part(key, ':', 1) = ANY($2) AND key ~ $4 AND key <> $5))
        ORDER BY id LIMIT $3
        """,
        after,
        trials,
        limit,
        f"^{_KEY.pattern}$",
        PLATFORM_KEY,
    )
    return [Buried(*row) for row in rows]


async def one(db: Connection, letter: UUID) -> Buried | None:
    """An open letter, None where there is none."""
    row = await db.fetchrow(
        """
        SELECT id, topic, "partition", "offset", key, reason FROM dead_letter
        WHERE id = $1 AND state = 'open'
        """,
        letter,
    )
    return Buried(*row) if row else None


@dataclass(frozen=True, slots=True)
class Exhumed:
    """A letter taken out to be settled: the record again, and whether its key waits for it."""

    id: UUID
    record: Record
    blocks: bool
    state: str


async def exhume(db: Connection, letter: UUID) -> Exhumed | None:
    """The letter, locked, or None where there is none."""
    row = await db.fetchrow("SELECT * FROM dead_letter WHERE id = $1 FOR UPDATE", letter)
    if row is None:
        return None
    raw = RawRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["record_key"],
        value=row["value"],
        headers=load_headers(row["headers"]),
    )
    return Exhumed(letter, Record.of(raw), row["blocks"], row["state"])


async def settle(db: Connection, letter: UUID, state: str) -> None:
    """The letter was `replayed` or `dropped`."""
    await db.execute("UPDATE dead_letter SET state = $2 WHERE id = $1", letter, state)

"""What a consumer has seen: one watermark a (topic, key); offsets rewound to zero change nothing.

At or below it a record is a repeat, one above it is next, further above it is a gap. This memory
grows with subjects, not with events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.runtime.database import Connection, Overtaken
from shared.runtime.record import Identity, RawRecord, Record, dump_headers, load_headers


class Kept(NamedTuple):
    """A record above the watermark; `record` is None where it was taken already."""

    position: Identity
    record: Record | None


@dataclass(slots=True)
class Watermark:
    """How far one key has come; changed in memory, written once at the end of the transaction."""

    key: str
    sequence: int = 0
    ce_id: UUID | None = None
    parked: UUID | None = None
    above: bool = False
    known: bool = False  # it has a row, locked by this transaction
    changed: bool = False

    def raise_to(self, sequence: int, ce_id: UUID) -> None:
        """Everything up to `sequence` has been seen."""
        self.sequence, self.ce_id, self.changed = sequence, ce_id, True
        self.parked = None

    def park(self, ce_id: UUID) -> None:
        """The next record is a dead letter; all later ones wait behind it."""
        self.parked, self.changed = ce_id, True

    def leave_above(self, any_above: bool) -> None:
        """Whether records above the watermark are kept beside it."""
        if self.above != any_above:
            self.above, self.changed = any_above, True


async def lock(db: Connection, topic: str, keys: Iterable[str]) -> dict[str, Watermark]:
    """The keys' watermarks, locked in the order of their keys; new keys start at 0."""
    wanted = sorted(set(keys))
    rows = await db.fetch(
        """
        SELECT key, sequence, ce_id, parked, above FROM watermark
        WHERE topic = $1 AND key = ANY($2::text[]) ORDER BY key FOR UPDATE
        """,
        topic,
        wanted,
    )
    marks = {key: Watermark(key) for key in wanted}
    for key, sequence, ce_id, parked, above in rows:
        marks[key] = Watermark(key, sequence, ce_id, parked, above, known=True)
    return marks


async def save(db: Connection, topic: str, marks: Iterable[Watermark]) -> None:
    """Write the changed watermarks in one statement.

    A new key cannot be locked before it has a row: where another transaction made the row
    meanwhile, nothing matches it here, and Overtaken undoes this one.
    """
    changed = sorted((mark for mark in marks if mark.changed), key=lambda mark: mark.key)
    if not changed:
        return
    # In a batch like most, nothing is parked and nothing waits: what `unnest` then misses is null.
    parked = [mark.parked for mark in changed]
    above = [mark.above for mark in changed]
    known = [mark.known for mark in changed]
    written: int = await db.fetchval(
        """
        WITH mark AS (
            SELECT key, sequence, ce_id, parked,
                   coalesce(above, false) AS above, coalesce(known, false) AS known
            FROM unnest($2::text[], $3::bigint[], $4::uuid[], $5::uuid[],
                        $6::boolean[], $7::boolean[])
                 AS m (key, sequence, ce_id, parked, above, known)
        ), raised AS (
            UPDATE watermark AS w
            SET sequence = mark.sequence, ce_id = mark.ce_id,
                parked = mark.parked, above = mark.above
            FROM mark WHERE mark.known AND w.topic = $1 AND w.key = mark.key
            RETURNING 1
        ), made AS (
            INSERT INTO watermark (topic, key, sequence, ce_id, parked, above)
            SELECT $1, key, sequence, ce_id, parked, above FROM mark WHERE NOT known
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM raised) + (SELECT count(*) FROM made)
        """,
        topic,
        [mark.key for mark in changed],
        [mark.sequence for mark in changed],
        [mark.ce_id for mark in changed],
        parked if any(parked) else [],
        above if any(above) else [],
        known if any(known) else [],
    )
    if written != len(changed):
        raise Overtaken


async def kept(db: Connection, topic: str, marks: Iterable[Watermark], each: int) -> list[Kept]:
    """The lowest `each` records kept above each of these watermarks."""
    wanted = list(marks)
    rows = await db.fetch(
        """
        SELECT found.* FROM unnest($2::text[], $3::bigint[]) AS wanted (key, sequence)
        CROSS JOIN LATERAL (
            SELECT key, sequence, ce_id, "partition", "offset", headers, value
            FROM above_watermark AS a
            WHERE a.topic = $1 AND a.key = wanted.key AND a.sequence > wanted.sequence
            ORDER BY a.sequence LIMIT $4
        ) AS found
        """,
        topic,
        [mark.key for mark in wanted],
        [mark.sequence for mark in wanted],
        each,
    )
    return [
        Kept(
            Identity(row["key"], row["sequence"], row["ce_id"]),
            None
            if row["headers"] is None
            else Record.of(
                RawRecord(
                    topic=topic,
                    partition=row["partition"],
                    offset=row["offset"],
                    key=row["key"].encode(),
                    value=row["value"],
                    headers=load_headers(row["headers"]),
                )
            ),
        )
        for row in rows
    ]


async def keep(db: Connection, records: Sequence[Record], *, taken: bool) -> list[Record]:
    """Keep records above the watermark; those returned conflict with another id kept there.

    A record that was `taken` already leaves only its position.
    """
    if not records:
        return []
    positions = [identity for record in records if (identity := record.identity)]
    rows = await db.fetch(
        """
        INSERT INTO above_watermark AS a
               (topic, key, sequence, ce_id, "partition", "offset", headers, value)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::int[],
                             $6::bigint[], $7::text[], $8::bytea[])
        ON CONFLICT (topic, key, sequence) DO UPDATE SET ce_id = a.ce_id
        RETURNING key, sequence, ce_id
        """,
        [record.topic for record in records],
        [position.key for position in positions],
        [position.sequence for position in positions],
        [position.ce_id for position in positions],
        [record.partition for record in records],
        [record.offset for record in records],
        [None if taken else dump_headers(record.raw_headers) for record in records],
        [None if taken else record.value for record in records],
    )
    there = {(row["key"], row["sequence"]): row["ce_id"] for row in rows}
    return [
        record
        for record, position in zip(records, positions, strict=True)
        if there[position.key, position.sequence] != position.ce_id
    ]


async def release(db: Connection, topic: str, positions: Sequence[Identity]) -> None:
    """Forget records that are no longer above the watermark."""
    if positions:
        await db.execute(
            """
            DELETE FROM above_watermark AS a
            USING unnest($2::text[], $3::bigint[]) AS gone (key, sequence)
            WHERE a.topic = $1 AND a.key = gone.key AND a.sequence = gone.sequence
            """,
            topic,
            [position.key for position in positions],
            [position.sequence for position in positions],
        )


async def forget(db: Connection, topic: str, marks: Mapping[str, Watermark]) -> None:
    """Release what is kept at or below these watermarks: it has been seen."""
    await db.execute(
        """
        DELETE FROM above_watermark AS a USING unnest($2::text[], $3::bigint[]) AS mark (key, last)
        WHERE a.topic = $1 AND a.key = mark.key AND a.sequence <= mark.last
        """,
        topic,
        list(marks),
        [mark.sequence for mark in marks.values()],
    )

"""What audit remembers of the log: entries and the full tiles over them. INSERT and SELECT only.

Each function runs in its caller's transaction. One writer at a time: `append` takes `lock`, a
caller that looks at `known` first takes it before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from services.audit import merkle, tiles, tree
from services.audit.entry import Entry
from services.audit.tiles import WIDTH
from shared.runtime.database import Connection

_COLUMNS = (
    "index", "ce_id", "topic", "key", "sequence", "trial", "subject", "type", "actor", "time",
    "line", "leaf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """An entry that is there already, by what a record may repeat or contradict."""

    index: int
    ce_id: UUID
    topic: str
    key: str
    sequence: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries of a trial to find; None: all. Times are `since` <= time < `until`."""

    subject: str | None = None
    type: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def lock(db: Connection) -> None:
    """Makes this transaction the log's only writer until it ends; taking it again is free."""
    # The number is "audit" in ASCII. The next statement sees all that the lock's last holder did,
    # as long as the transaction reads committed.
    await db.execute("select pg_advisory_xact_lock(418581342580)")


async def known(
    db: Connection, ce_ids: Sequence[UUID], positions: Sequence[tuple[str, str, int]]
) -> list[Known]:
    """The entries that have one of these ids or one of these (topic, key, sequence)."""
    rows = await db.fetch(
        """
        select "index", ce_id, topic, key, sequence, leaf from entry where ce_id = any($1::uuid[])
        union
        select "index", ce_id, topic, key, sequence, leaf
        from unnest($2::text[], $3::text[], $4::bigint[]) as at (topic, key, sequence)
        join entry using (topic, key, sequence)
        """,
        list(ce_ids),
        [topic for topic, _, _ in positions],
        [key for _, key, _ in positions],
        [sequence for _, _, sequence in positions],
    )
    return [Known(**dict(row)) for row in rows]


async def append(db: Connection, entries: Sequence[Entry]) -> int:
    """Adds entries in this order and the tiles that they fill; the index of the first.

    Raises asyncpg's UniqueViolationError for a repeated id or (topic, key, sequence).
    """
    await lock(db)
    first = await tree.size(db)
    if not entries:
        return first
    await db.copy_records_to_table(
        "entry",
        columns=_COLUMNS,
        records=[
            (index, e.ce_id, e.topic, e.key, e.sequence, e.trial, e.subject, e.type, e.actor,
             e.time, e.line, e.leaf)
            for index, e in enumerate(entries, first)
        ],
    )  # fmt: skip
    full = tiles.completed(first, first + len(entries))
    for level, at_level in groupby(full, key=lambda tile: tile.level):
        numbers = [tile.n for tile in at_level]
        hashes = await tree.below(db, level, numbers[0] * WIDTH, (numbers[-1] + 1) * WIDTH)
        rows = []
        for at, n in enumerate(numbers):
            row = hashes[at * WIDTH : (at + 1) * WIDTH]
            rows.append((level, n, tiles.pack(row), merkle.combine(row)))
        await db.executemany(
            "insert into tile (level, n, hashes, root) values ($1, $2, $3, $4)", rows
        )
    return first


async def first_conflict(db: Connection, ce_id: UUID, leaf: bytes) -> bool:
    """Whether these bytes contradict the entry of this id for the first time; remembered."""
    status = await db.execute(
        "insert into conflict (ce_id, leaf) values ($1, $2) on conflict do nothing", ce_id, leaf
    )
    return bool(status.endswith(" 1"))


_SEARCH = """
    select "index", line from entry
    where trial = $1 and "index" > $2
    and ($3::text is null or subject = $3)
    and ($4::text is null or type = $4)
    and ($5::text is null or actor = $5)
    and ($6::timestamptz is null or time >= $6)
    and ($7::timestamptz is null or time < $7)
    order by "index" limit $8
"""
# `is not distinct from` would use no index.
_SEARCH_NO_TRIAL = _SEARCH.replace("trial = $1", "trial is null and $1::text is null")


async def search(
    db: Connection, trial: str | None, which: Filter, after: int | None, limit: int
) -> list[tuple[int, bytes]]:
    """(index, line) of a trial's entries (None: of no trial) after an index, in the log's order."""
    rows = await db.fetch(
        _SEARCH_NO_TRIAL if trial is None else _SEARCH,
        trial,
        -1 if after is None else after,
        which.subject,
        which.type,
        which.actor,
        which.since,
        which.until,
        limit,
    )
    return [(row["index"], row["line"]) for row in rows]

"""What audit remembers of the log: entries, full hash tiles, checkpoints. INSERT and SELECT only.

Each function runs in its caller's transaction. One writer at a time: `append` takes `lock`, a
caller that looks at `known` first takes it before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from services.audit import merkle, tiles
from services.audit.entry import Entry
from services.audit.merkle import Node
from services.audit.tiles import WIDTH, EntryTile, HashTile, Reader
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
class Published:
    """A signed checkpoint as it was served."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


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


async def size(db: Connection) -> int:
    """How many entries there are, under a checkpoint or not yet."""
    return int(await db.fetchval('select coalesce(max("index") + 1, 0) from entry'))


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
    first = await size(db)
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
        hashes = await _below(db, level, numbers[0] * WIDTH, (numbers[-1] + 1) * WIDTH)
        rows = []
        for at, n in enumerate(numbers):
            row = hashes[at * WIDTH : (at + 1) * WIDTH]
            rows.append((level, n, tiles.pack(row), merkle.combine(row)))
        await db.executemany(
            "insert into tile (level, n, hashes, root) values ($1, $2, $3, $4)", rows
        )
    return first


async def root(db: Connection, at: int) -> bytes:
    """The root of the first `at` entries; ValueError if there are fewer."""
    await _require(db, at)
    read = await reader(db, [(0, at)])
    return merkle.root(at, read)


async def inclusion(db: Connection, index: int, at: int) -> list[bytes]:
    """The proof that entry `index` is in the log of `at` entries; ValueError if there is none."""
    ranges = merkle.inclusion_ranges(index, at)
    await _require(db, at)
    return merkle.inclusion(index, at, await reader(db, ranges))


async def consistency(db: Connection, old: int, new: int) -> list[bytes]:
    """The proof that the log of `old` entries begins that of `new`; ValueError if there is none."""
    ranges = merkle.consistency_ranges(old, new)
    await _require(db, new)
    return merkle.consistency(old, new, await reader(db, ranges))


async def reader(db: Connection, ranges: Iterable[merkle.Range]) -> Reader:
    """Reads, in at most two statements a level, the tiles that hash these ranges of the tree."""
    nodes = merkle.nodes_of(ranges)
    wanted = sorted({tiles.holder(node) for node in nodes})
    rows = await db.fetch(
        """
        select level, n, hashes from tile
        join unnest($1::int[], $2::bigint[]) as wanted (level, n) using (level, n)
        """,
        [level for level, _ in wanted],
        [n for _, n in wanted],
    )
    at_hand = {(row["level"], row["n"]): row["hashes"] for row in rows}
    for level, n in wanted:
        # Only the tile at a level's right edge is not full, so this runs once a level.
        if (level, n) not in at_hand:
            edge = await _below(db, level, n * WIDTH, n * WIDTH + _reach(nodes, level, n))
            at_hand[level, n] = tiles.pack(edge)
    return Reader(at_hand)


async def hash_tile(db: Connection, tile: HashTile, published: int) -> bytes | None:
    """The bytes of a tile under a checkpoint of `published` entries; None if it reaches further."""
    if tile.width > tiles.width_at(tile.level, tile.n, published):
        return None
    start = tile.n * WIDTH
    if tile.width == WIDTH:
        found: bytes | None = await db.fetchval(
            "select hashes from tile where level = $1 and n = $2", tile.level, tile.n
        )
        return found
    return tiles.pack(await _below(db, tile.level, start, start + tile.width))


async def entry_tile(db: Connection, tile: EntryTile, published: int) -> bytes | None:
    """The bytes of an entry bundle under a checkpoint; None if it reaches further."""
    if tile.width > tiles.width_at(0, tile.n, published):
        return None
    start = tile.n * WIDTH
    rows = await db.fetch(
        'select line from entry where "index" >= $1 and "index" < $2 order by "index"',
        start,
        start + tile.width,
    )
    return tiles.bundle([row["line"] for row in rows])


async def add_checkpoint(
    db: Connection, at: int, root_hash: bytes, note: str, signed_at: datetime
) -> None:
    """Keeps a signed checkpoint; it is served once this transaction has committed."""
    await db.execute(
        "insert into checkpoint (size, root, note, signed_at) values ($1, $2, $3, $4)",
        at,
        root_hash,
        note,
        signed_at,
    )


async def latest_checkpoint(db: Connection) -> Published | None:
    """The newest checkpoint of the largest size; None before the first was signed."""
    row = await db.fetchrow(
        """
        select size, root, note, signed_at from checkpoint
        order by size desc, signed_at desc limit 1
        """
    )
    return Published(**dict(row)) if row else None


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing sequence numbers of one key, `first` to `last`, both included."""

    topic: str
    key: str
    first: int
    last: int


async def note_gaps(db: Connection, now: datetime) -> None:
    """Remembers, from now on, what is missing between each watermark and what came above it."""
    await db.execute(
        """
        insert into gap (topic, key, first, last, seen_at)
        select topic, key, w.sequence + 1, min(a.sequence) - 1, $1
        from watermark as w join above_watermark as a using (topic, key)
        where w.above group by topic, key, w.sequence
        on conflict do nothing
        """,
        now,
    )


async def tell_gaps(db: Connection, before: datetime) -> list[Gap]:
    """The gaps noted before a time that still stand and were not told; they are told now."""
    rows = await db.fetch(
        """
        update gap set told = true from watermark as w
        where not told and seen_at <= $1 and w.topic = gap.topic and w.key = gap.key
        and w.sequence < gap.last
        returning gap.topic, gap.key, gap.first, gap.last
        """,
        before,
    )
    return [Gap(**dict(row)) for row in rows]


async def grown_by_facts(db: Connection, but: str, since: Published | None) -> bool:
    """Whether there are entries of any other type than `but` after a checkpoint."""
    return bool(
        await db.fetchval(
            """
            select exists (select from entry
                           where "index" >= $1 and type is distinct from $2)
            """,
            since.size if since else 0,
            but,
        )
    )


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


async def _require(db: Connection, at: int) -> None:
    if not 0 <= at <= await size(db):
        raise ValueError(f"the log has no {at} entries")


async def _below(db: Connection, level: int, start: int, end: int) -> list[bytes]:
    """The hashes of a level from `start` up to `end`, made of what lies below: leaves, or tiles."""
    if level == 0:
        rows = await db.fetch(
            'select leaf from entry where "index" >= $1 and "index" < $2 order by "index"',
            start,
            end,
        )
        return [row["leaf"] for row in rows]
    rows = await db.fetch(
        "select root from tile where level = $1 and n >= $2 and n < $3 order by n",
        level - 1,
        start,
        end,
    )
    return [row["root"] for row in rows]


def _reach(nodes: Iterable[Node], level: int, n: int) -> int:
    """How many hashes of a tile these subtrees need, from its first on."""
    ends = [
        (((node.number + 1) << node.level % tiles.HEIGHT) - 1) % WIDTH + 1
        for node in nodes
        if tiles.holder(node) == (level, n)
    ]
    return max(ends)

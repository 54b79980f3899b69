"""The tree over the log's entries, read from its tables: size, roots, proofs, tiles.

Of hashes only full tiles are kept; those at the right edge are made from what lies below them.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.audit import merkle, tiles
from services.audit.merkle import Node
from services.audit.tiles import WIDTH, EntryTile, HashTile, Reader
from shared.runtime.database import Connection


async def size(db: Connection) -> int:
    """How many entries there are, under a checkpoint or not yet."""
    return int(await db.fetchval('select coalesce(max("index") + 1, 0) from entry'))


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
            edge = await below(db, level, n * WIDTH, n * WIDTH + _reach(nodes, level, n))
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
    return tiles.pack(await below(db, tile.level, start, start + tile.width))


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


async def below(db: Connection, level: int, start: int, end: int) -> list[bytes]:
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


async def _require(db: Connection, at: int) -> None:
    if not 0 <= at <= await size(db):
        raise ValueError(f"the log has no {at} entries")


def _reach(nodes: Iterable[Node], level: int, n: int) -> int:
    """How many hashes of a tile these subtrees need, from its first on."""
    ends = [
        (((node.number + 1) << node.level % tiles.HEIGHT) - 1) % WIDTH + 1
        for node in nodes
        if tiles.holder(node) == (level, n)
    ]
    return max(ends)

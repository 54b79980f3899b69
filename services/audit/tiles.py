"""Tiles of a log, as C2SP `tlog-tiles` has them: 256 hashes wide, 8 levels of the tree high.

Tile `n` of level `l` holds the hashes of complete subtrees of 256**l leaves; its own hash, once it
is full, is one hash of a tile of the level above. Entry bundles lie beside the tiles of level 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.audit.merkle import HASH_BYTES, Node, combine

HEIGHT = 8
WIDTH = 256
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 65_535

# Seven groups reach 10**21: beyond every index of a 64-bit log.
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<n>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class HashTile:
    """Where hashes are: level 0 to 63, index in the level, 1 to 256 hashes (256: full)."""

    level: int
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address below the log's prefix."""
        return f"tile/{self.level}/{_number(self.n, self.width)}"


@dataclass(frozen=True, slots=True)
class EntryTile:
    """Where entries are: index of the bundle, 1 to 256 entries (256: full)."""

    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address below the log's prefix."""
        return f"tile/entries/{_number(self.n, self.width)}"


def parse(path: str) -> HashTile | EntryTile:
    """The tile that a path such as `tile/0/x001/067` or `tile/entries/000.p/5` names.

    One tile has one path: extra zero groups, leading zeros, signs and widths over 255 are
    refused. Raises ValueError.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError("not the path of a tile")
    number = match["n"]
    if number.startswith("x000/"):
        raise ValueError("a tile's number has no leading groups of zeros")
    n = int(number.replace("x", "").replace("/", ""))
    width = int(match["width"] or WIDTH)
    if match["width"] is not None and width >= WIDTH:
        raise ValueError("a partial tile is 1 to 255 wide")
    if match["level"] == "entries":
        return EntryTile(n, width)
    level = int(match["level"])
    if level > MAX_LEVEL:
        raise ValueError("a tile's level is 0 to 63")
    return HashTile(level, n, width)


def width_at(level: int, n: int, size: int) -> int:
    """How many hashes tile `n` of `level` has in a tree of `size` leaves, 0 to 256."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - n * WIDTH))


def completed(old: int, new: int) -> Iterator[HashTile]:
    """The tiles that growth from `old` to `new` leaves makes full, from level 0 upwards."""
    level = 0
    while True:
        shift = HEIGHT * (level + 1)
        first, end = old >> shift, new >> shift
        if end == 0:
            return
        yield from (HashTile(level, n) for n in range(first, end))
        level += 1


def holder(node: Node) -> tuple[int, int]:
    """(level, n) of the tile whose hashes give the hash of this complete subtree."""
    level, height = divmod(node.level, HEIGHT)
    return level, (node.number << height) // WIDTH


def subtree(node: Node, hashes: bytes) -> bytes:
    """The hash of a complete subtree out of its tile's hashes; KeyError if they do not reach."""
    height = node.level % HEIGHT
    start = (node.number << height) % WIDTH
    part = hashes[start * HASH_BYTES : (start + (1 << height)) * HASH_BYTES]
    if len(part) != HASH_BYTES << height:
        raise KeyError(node)
    return combine(unpack(part))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads subtree hashes (`merkle.Read`) out of tiles at hand: (level, n) to hashes."""

    tiles: Mapping[tuple[int, int], bytes]

    def __call__(self, node: Node) -> bytes:
        return subtree(node, self.tiles[holder(node)])


def pack(hashes: Iterable[bytes]) -> bytes:
    """A tile's bytes: its hashes one after the other."""
    return b"".join(hashes)


def unpack(data: bytes) -> list[bytes]:
    """The hashes of a tile's bytes."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length, a big-endian uint16."""
    parts: list[bytes] = []
    for entry in entries:
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def _number(n: int, width: int) -> str:
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03}")
    suffix = "" if width == WIDTH else f".p/{width}"
    return "/".join(reversed(groups)) + suffix

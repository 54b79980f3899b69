"""A bundle: a whole log as one file, that `verify` checks with no service running.

A zip, uncompressed, with the paths of `/v1/log/` below it, in the order in which the log is read:
README, key, checkpoint, then for each 256 entries `tile/entries/N` and `tile/0/N`, then the tiles
of higher levels. No time and no machine is in it: the same log gives the same bytes.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path

from services.audit.tiles import HEIGHT, WIDTH, EntryTile, HashTile, width_at
from services.audit.verify import (
    MAX_BUNDLE,
    MAX_NOTE,
    MAX_TILE,
    README,
    Head,
    Key,
    Progress,
    Source,
)


def export(source: Source, path: Path, progress: Progress) -> dict[str, object]:
    """Writes the log under its present checkpoint to a file, whole or not at all.

    Entries go in as they are served, good or bad: a bundle is evidence, `verify` judges it.
    Raises verify.Fault where a part cannot be read.
    """
    key_line = source.read("key", MAX_NOTE)
    note = source.read("checkpoint", MAX_NOTE)
    key = Key.parse(key_line.decode("utf-8", "replace").removesuffix("\n"))
    head = Head.open(note, key)
    size = head.size
    part = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as zipped:
            _put(zipped, "README", README)
            _put(zipped, "key", key_line)
            _put(zipped, "checkpoint", note)
            done = 0
            for tile in tiles_of(size):
                limit = MAX_BUNDLE if isinstance(tile, EntryTile) else MAX_TILE
                _put(zipped, tile.path, source.read(tile.path, limit))
                if isinstance(tile, EntryTile):
                    done += tile.width
                    progress(done, size)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    root = base64.b64encode(head.root).decode()
    return {"file": str(path), "size": head.size, "root": root, "origin": key.name}


def tiles_of(size: int) -> Iterator[EntryTile | HashTile]:
    """Every tile of a log of `size` entries, full and partial, in a bundle's order."""
    for n in range(-(-size // WIDTH)):
        width = width_at(0, n, size)
        yield EntryTile(n, width)
        yield HashTile(0, n, width)
    level = 1
    while hashes := size >> (HEIGHT * level):
        for n in range(-(-hashes // WIDTH)):
            yield HashTile(level, n, width_at(level, n, size))
        level += 1


def _put(zipped: zipfile.ZipFile, name: str, data: bytes) -> None:
    # A ZipInfo made by hand has the time 1980-01-01 and says nothing of the machine it is made on.
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    zipped.writestr(info, data)

"""A whole log as one file, put together from the tiles that audit serves, for an inspector.

A zip, uncompressed, of README, key, checkpoint and every tile below it (C2SP tlog-tiles), in the
order and with the bytes that `trialops audit export` gives, so that the same log is the same file.
"""

import zipfile
from collections.abc import Awaitable, Callable, Iterator
from typing import IO

README = b"""A trialops audit log: check it with `trialops audit verify --bundle FILE`,
or alone with `python verify.py --bundle FILE`. `key` is the log's verifier key (compare it with
one that you had before), `checkpoint` its signed head, the rest tiles as C2SP tlog-tiles has them.
"""

_WIDTH, _HEIGHT = 256, 8

Read = Callable[[str], Awaitable[bytes]]
"""The bytes of a path below the log."""


async def write(file: IO[bytes], read: Read) -> None:
    """Write the log under its present checkpoint."""
    key, note = await read("key"), await read("checkpoint")
    size = int(note.split(b"\n")[1])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
        for name, data in (("README", README), ("key", key), ("checkpoint", note)):
            _put(zipped, name, data)
        for path in tiles(size):
            _put(zipped, path, await read(path))


def tiles(size: int) -> Iterator[str]:
    """The path of every tile, full and partial, of a log of `size` entries."""
    for n in range(-(-size // _WIDTH)):
        yield _path("entries", 0, n, size)
        yield _path("0", 0, n, size)
    level = 1
    while hashes := size >> (_HEIGHT * level):
        for n in range(-(-hashes // _WIDTH)):
            yield _path(str(level), level, n, size)
        level += 1


def _path(kind: str, level: int, n: int, size: int) -> str:
    """`tile/0/x001/234`, a partial one with `.p/W`."""
    rest, digits = n // 1000, f"{n % 1000:03}"
    while rest:
        rest, digits = rest // 1000, f"x{rest % 1000:03}/{digits}"
    width = min(_WIDTH, (size >> (_HEIGHT * level)) - n * _WIDTH)
    return f"tile/{kind}/{digits}" + ("" if width == _WIDTH else f".p/{width}")


def _put(zipped: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name)  # made by hand it has the time 1980-01-01 and names no machine
    info.create_system = 3
    info.external_attr = 0o644 << 16
    zipped.writestr(info, data)

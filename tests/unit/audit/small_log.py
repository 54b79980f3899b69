"""A whole log in memory, made with the product's own writers, to serve, export and tamper with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from services.audit import merkle, tiles
from services.audit.bundle import tiles_of
from services.audit.checkpoint import Checkpoint, Signer
from services.audit.entry import line
from services.audit.merkle import Node
from services.audit.tiles import EntryTile
from services.audit.verify import Missing

SIGNER = Signer("trialops.example/log", bytes(range(32)))


def header(number: int, sequence: int, subject: str | None = None) -> dict[str, str]:
    """The headers of the number-th event of a log, whose key has this many events by then."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(UUID(int=(7 << 76) | number)),
        "ce_source": "/trialops/screening",
        "ce_type": "trialops.PatientScreened.v1",
        "ce_time": "2025-03-01T08:00:00Z",
        "ce_trial": "NCT06903312",
        "ce_actor": "site",
        "ce_sequence": str(sequence),
        "content-type": "application/json",
    }
    return headers | ({"ce_subject": subject} if subject else {})


def lines(count: int, subjects: int = 7) -> list[bytes]:
    """The lines of a log of this many entries over some subjects, each with its sequence."""
    return [
        line(
            "trialops.screening",
            header(number, number // subjects + 1, f"IT001-{number % subjects:04}"),
            b'{"number": %d}' % number,
        )
        for number in range(count)
    ]


def reader(leaves: list[bytes]) -> merkle.Read:
    """Reads any complete subtree by hashing all its leaves."""

    def read(node: Node) -> bytes:
        start = node.number << node.level
        part = leaves[start : start + (1 << node.level)]
        assert len(part) == 1 << node.level
        return merkle.combine(part)

    return read


def hash_tile(leaves: list[bytes], level: int, n: int, width: int) -> bytes:
    """A tile's bytes, by hashing everything below it."""
    read = reader(leaves)
    start = n * tiles.WIDTH
    return b"".join(read(Node(tiles.HEIGHT * level, start + at)) for at in range(width))


@dataclass
class SmallLog:
    """A verify.Source over parts that a test may change."""

    entries: list[bytes]
    signer: Signer = SIGNER
    parts: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leaves = [merkle.leaf(entry) for entry in self.entries]
        self.parts = dict(self._parts())

    def checkpoint(self, size: int | None = None) -> bytes:
        """The signed checkpoint of the first `size` entries."""
        size = len(self.entries) if size is None else size
        root = merkle.combine(self.leaves[:size])
        return Checkpoint(self.signer.name, size, root).sign(self.signer).encode()

    def _parts(self) -> Iterator[tuple[str, bytes]]:
        yield "key", self.signer.verifier.line.encode() + b"\n"
        yield "checkpoint", self.checkpoint()
        for tile in tiles_of(len(self.entries)):
            start = tile.n * tiles.WIDTH
            if isinstance(tile, EntryTile):
                yield tile.path, tiles.bundle(self.entries[start : start + tile.width])
            else:
                yield tile.path, hash_tile(self.leaves, tile.level, tile.n, tile.width)

    def read(self, path: str, limit: int) -> bytes:
        """A part; as a server would, with no regard for what is asked for."""
        if path not in self.parts:
            raise Missing(f"there is no {path}")
        assert len(self.parts[path]) <= limit
        return self.parts[path]

    def leftovers(self) -> list[str]:
        """Nothing: a server has no list of its parts."""
        return []


def resigned(entries: Iterable[bytes], signer: Signer = SIGNER) -> SmallLog:
    """A log made anew of entries, proofs and all: what a forger with the key can do."""
    return SmallLog(list(entries), signer)

"""I5: the audit log proves itself and covers every record. From RFC 9162 and C2SP alone."""

import base64
import json
from collections import Counter
from hashlib import sha256

from tests.acceptance.proofs import leaf, signed_head
from tests.chaos.ledger import Ledger
from tests.chaos.world import World

_SHOWN = 5


class Tree:
    """A Merkle tree that grows by a leaf; its root for every size on the way."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []  # perfect ones, from left to right
        self.size = 0

    def add(self, hashed: bytes) -> None:
        """The next leaf's hash."""
        self.size += 1
        self._subtrees.append((1, hashed))
        while len(self._subtrees) > 1 and self._subtrees[-1][0] == self._subtrees[-2][0]:
            (width, left), (_, right) = self._subtrees[-2:]
            self._subtrees[-2:] = [(2 * width, _node(left, right))]

    def root(self) -> bytes:
        """Of all leaves so far."""
        if not self._subtrees:
            return sha256(b"").digest()
        found = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            found = _node(left, found)
        return found


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def i5_log(world: World, ledger: Ledger) -> list[str]:
    """The log's hashes, tiles and signed checkpoints agree, and each record is in it once."""
    faults = _hashes(world) + _coverage(world, ledger)
    for record in world.said("LogGapFound", "LogConflictFound"):
        if not _about_a_forgery(record.data, ledger):
            faults.append(f"audit told of {record.type}: {record.data}")
    shown = [f"I5 {fault}" for fault in faults[:_SHOWN]]
    more = len(faults) - _SHOWN
    return [*shown, f"I5 and {more} more"] if more > 0 else shown


def _about_a_forgery(data: dict[str, object], ledger: Ledger) -> bool:
    return (data.get("topic"), data.get("key")) in ledger.forged


def _hashes(world: World) -> list[str]:
    faults: list[str] = []
    tree, roots = Tree(), {0: sha256(b"").digest()}
    wanted = {row["size"] for row in world.rows("audit.checkpoint")}
    leaves = []
    for index, row in enumerate(world.rows("audit.entry")):
        if row["index"] != index:
            return [f"entry {index} is missing"]
        if leaf(row["line"]) != row["leaf"]:
            faults.append(f"entry {index} is not what its leaf says")
        leaves.append(row["leaf"])
        tree.add(row["leaf"])
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    for row in world.rows("audit.checkpoint"):
        if roots.get(row["size"]) != row["root"]:
            faults.append(f"the checkpoint of {row['size']} has another root")
        if world.log_key and signed_head(row["note"], world.log_key).root != row["root"]:
            faults.append(f"the checkpoint of {row['size']} was signed for another root")
    if not world.log_key:
        faults.append("audit does not tell its key")
    for row in world.rows("audit.tile"):
        if row["level"] == 0:
            own = leaves[row["n"] * 256 : row["n"] * 256 + 256]
            if b"".join(own) != row["hashes"]:
                faults.append(f"tile {row['n']} has other hashes")
    return faults


def _coverage(world: World, ledger: Ledger) -> list[str]:
    """Every event has one entry with its very bytes, and every entry its event."""
    entries = {row["ce_id"]: row for row in world.rows("audit.entry")}
    places = Counter((row["topic"], row["key"], row["sequence"]) for row in entries.values())
    faults = [f"{place} has {n} entries" for place, n in places.items() if n > 1]
    found = set()
    for record in world.firsts:
        entry = entries.get(record.id)
        found.add(record.id)
        if entry is None:
            if (record.topic, record.key) not in ledger.forged:
                faults.append(f"{record.place} is not in the log")
        elif not _same(bytes(entry["line"]), record.value, record.topic):
            faults.append(f"{record.place} stands in the log with other bytes")
    faults += [
        f"entry {row['index']} is of no record" for one, row in entries.items() if one not in found
    ]
    return faults


def _same(line: bytes, value: bytes | None, topic: str) -> bool:
    if value is None:
        return b'"data":' not in line
    if b'"datasha256":' in line and (topic.endswith(".dead") or len(value) > 40_000):
        said = json.loads(line)
        return bool(said["datasha256"] == sha256(value).hexdigest())
    coded = base64.b64encode(value)
    return line.endswith((b',"data":%s}' % value, b',"data_base64":"%s"}' % coded))

"""A stranger's check of the log: signed note, inclusion, consistency (RFC 9162, 2.1.3.2, 2.1.4.2).

Written from the standards alone, with nothing of the service's own code.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf(entry: bytes) -> bytes:
    """The leaf hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Head:
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def signed_head(note: str, key_line: str) -> Head:
    """The checkpoint's head; an exception where the key did not sign it (C2SP signed-note)."""
    name, key_id, key = key_line.strip().split("+", 2)
    algorithm_and_key = base64.b64decode(key)
    assert sha256(f"{name}\n".encode() + algorithm_and_key).digest()[:4].hex() == key_id
    assert algorithm_and_key[0] == 1  # Ed25519
    text, _, signatures = note.rpartition("\n\n")
    [line] = [line for line in signatures.splitlines() if line.startswith(f"\u2014 {name} ")]
    signature = base64.b64decode(line.split(" ")[2])
    assert signature[:4].hex() == key_id
    public = Ed25519PublicKey.from_public_bytes(algorithm_and_key[1:])
    public.verify(signature[4:], f"{text}\n".encode())
    origin, size, root, *_ = text.split("\n")
    return Head(origin, int(size), base64.b64decode(root))


def root_by_inclusion(index: int, size: int, entry: bytes, hashes: list[str]) -> bytes:
    """The root that an inclusion proof leads to."""
    at, last, found = index, size - 1, leaf(entry)
    for part in map(base64.b64decode, hashes):
        assert last > 0, "the proof is too long"
        if at % 2 or at == last:
            found = _node(part, found)
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, part)
        at, last = at >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return found


def roots_by_consistency(
    old: int, new: int, old_root: bytes, hashes: list[str]
) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to."""
    if old == new:
        assert hashes == []
        return old_root, old_root
    parts = list(map(base64.b64decode, hashes))
    if old & (old - 1) == 0:
        parts.insert(0, old_root)
    at, last = old - 1, new - 1
    while at % 2:
        at, last = at >> 1, last >> 1
    first = second = parts[0]
    for part in parts[1:]:
        assert last > 0, "the proof is too long"
        if at % 2 or at == last:
            first, second = _node(part, first), _node(part, second)
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            second = _node(second, part)
        at, last = at >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return first, second

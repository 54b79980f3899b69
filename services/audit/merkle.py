"""Merkle tree hashing and proofs of RFC 6962 section 2.1 (the same tree as RFC 9162 section 2.1).

A tree is never held in memory: roots and proofs ask a reader for the hashes of complete subtrees,
about log2(size) of them, and hash those together. Hashes are 32 bytes, SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


class Node(NamedTuple):
    """A complete subtree: the 2**level leaves from number * 2**level on."""

    level: int
    number: int


Range = tuple[int, int]
"""Leaves from the first number up to, without, the second."""

Read = Callable[[Node], bytes]
"""Gives the hash of a complete subtree."""


def leaf(entry: bytes) -> bytes:
    """The leaf hash of an entry's bytes: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def combine(hashes: Sequence[bytes]) -> bytes:
    """The tree hash over leaf hashes, in linear time; every hash but the last may as well be the
    root of a complete subtree of one common size (the last of any size up to it)."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        # An odd hash at the right rises unhashed: this is the RFC's split at a power of two.
        odd = [row[-1]] if len(row) % 2 else []
        row = [node(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)] + odd
    return row[0]


def root(size: int, read: Read) -> bytes:
    """The root of the first `size` leaves; SHA-256 of nothing for an empty tree."""
    return range_hash((0, size), read) if size else EMPTY_ROOT


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
    return [range_hash(part, read) for part in inclusion_ranges(index, size)]


def consistency(first: int, second: int, read: Read) -> list[bytes]:
    """The proof that the tree of `first` leaves is a prefix of that of `second` (2.1.4.1)."""
    return [range_hash(part, read) for part in consistency_ranges(first, second)]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes are the inclusion proof; ValueError unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """The ranges whose hashes are the consistency proof; ValueError unless 1 <= first <= second."""
    if not 1 <= first <= second:
        raise ValueError(f"no proof from size {first} to size {second}")
    ranges: list[Range] = []
    start, end = 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    # The verifier knows the old root; a smaller last subtree it must be told.
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def subtrees(part: Range) -> list[Node]:
    """The complete subtrees that make up a range of the tree, from left to right."""
    start, end = part
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def nodes_of(ranges: Iterable[Range]) -> set[Node]:
    """Every complete subtree that the hashes of these ranges need."""
    return {each for part in ranges for each in subtrees(part)}


def range_hash(part: Range, read: Read) -> bytes:
    """The tree hash over one range of a tree (a whole tree or one part of a proof)."""
    *others, last = subtrees(part)
    value = read(last)
    for other in reversed(others):
        value = node(read(other), value)
    return value


def verify_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root_hash: bytes
) -> bool:
    """Whether the proof shows this leaf hash at `index` under the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, value = index, size - 1, leaf_hash
    for step in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            value = node(step, value)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            value = node(value, step)
        here, last = here >> 1, last >> 1
    return last == 0 and value == root_hash


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether the proof shows the first tree to be a prefix of the second (RFC 9162, 2.1.4.2)."""
    if not 1 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    steps = list(proof)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node(step, old), node(step, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = node(new, step)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(size: int) -> int:
    """The largest power of two below size (size > 1)."""
    return 1 << ((size - 1).bit_length() - 1)

"""The tree against the reference vectors of certificate-transparency, pymerkle, and itself."""

from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from services.audit import merkle
from services.audit.merkle import Node
from tests.unit.audit.small_log import reader

# The eight entries and the roots over the first 1 to 8 of them in the tests of
# github.com/google/certificate-transparency (merkle_tree_test.cc), also in RFC 6962 clients.
VECTOR = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
MANY = [merkle.leaf(b"%d" % number) for number in range(300)]


@cache
def many_root(size: int) -> bytes:
    return merkle.combine(MANY[:size])


def unhex(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def test_the_reference_vectors() -> None:
    leaves = [merkle.leaf(entry) for entry in VECTOR]
    read = reader(leaves)
    assert merkle.root(0, read) == bytes.fromhex(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert [merkle.root(size, read).hex() for size in range(1, 9)] == ROOTS
    roots = unhex(ROOTS)
    for (index, size), proof in INCLUSION.items():
        assert merkle.inclusion(index, size, read) == unhex(proof)
        assert merkle.verify_inclusion(index, size, leaves[index], unhex(proof), roots[size - 1])
    for (first, second), proof in CONSISTENCY.items():
        assert merkle.consistency(first, second, read) == unhex(proof)
        assert merkle.verify_consistency(
            first, second, unhex(proof), roots[first - 1], roots[second - 1]
        )


@given(st.integers(0, 299), st.integers(1, 300))
@settings(max_examples=200, deadline=None)
def test_every_entry_is_proven_and_no_other_hash_is(index: int, size: int) -> None:
    index %= size
    proof = merkle.inclusion(index, size, reader(MANY))
    root = many_root(size)
    assert len(proof) <= (size - 1).bit_length()
    assert merkle.verify_inclusion(index, size, MANY[index], proof, root)
    assert not merkle.verify_inclusion(index, size, merkle.leaf(b"forged"), proof, root)
    assert not merkle.verify_inclusion(index, size, MANY[index], [*proof, root], root)
    assert not merkle.verify_inclusion(index, size + 300, MANY[index], proof, root)
    if proof:
        assert not merkle.verify_inclusion(index, size, MANY[index], proof[1:], root)
        assert not merkle.verify_inclusion(index ^ 1, size, MANY[index], proof, root)


@given(st.integers(1, 300), st.integers(1, 300))
@example(256, 300)
@example(300, 300)
@settings(max_examples=200, deadline=None)
def test_every_prefix_is_proven_and_no_other_root_is(first: int, second: int) -> None:
    first, second = sorted((first, second))
    proof = merkle.consistency(first, second, reader(MANY))
    old, new = many_root(first), many_root(second)
    assert merkle.verify_consistency(first, second, proof, old, new)
    assert not merkle.verify_consistency(first, second, proof, merkle.leaf(b"forged"), new)
    assert not merkle.verify_consistency(first, second, proof, old, merkle.leaf(b"forged"))
    assert not merkle.verify_consistency(first, second, [*proof, new], old, new)
    if first < second:
        assert not merkle.verify_consistency(first, second, proof[:-1], old, new)


def test_every_size_up_to_eighty_proves_every_entry_and_prefix() -> None:
    read = reader(MANY)
    for size in range(1, 81):
        assert merkle.root(size, read) == many_root(size)
        for at in range(size):
            proof = merkle.inclusion(at, size, read)
            assert merkle.verify_inclusion(at, size, MANY[at], proof, many_root(size))
            proof = merkle.consistency(at + 1, size, read)
            assert merkle.verify_consistency(
                at + 1, size, proof, many_root(at + 1), many_root(size)
            )


def test_pymerkle_agrees() -> None:
    other = InmemoryTree(algorithm="sha256")
    for number in range(300):
        other.append_entry(b"%d" % number)
    for size in (1, 2, 3, 7, 64, 100, 255, 256, 257, 300):
        assert other.get_root(size) == many_root(size)
        for index in {0, size // 2, size - 1}:
            # Its paths begin with the leaf, and count entries from one.
            path = [bytes(each) for each in other.prove_inclusion(index + 1, size).path]
            assert path == [MANY[index], *merkle.inclusion(index, size, reader(MANY))]


@given(st.integers(1, 2**50), st.integers(1, 2**50))
@settings(max_examples=100, deadline=None)
def test_a_huge_log_is_proven_from_a_few_subtrees(one: int, other: int) -> None:
    first, second = sorted((one, other))
    asked: list[Node] = []

    # Every leaf of this log is the same, so a subtree's hash is a matter of its height.
    heights = [merkle.leaf(b"same")]
    while len(heights) < 52:
        heights.append(merkle.node(heights[-1], heights[-1]))

    def read(node: Node) -> bytes:
        asked.append(node)
        assert (node.number + 1) << node.level <= second
        return heights[node.level]

    old, new = merkle.root(first, read), merkle.root(second, read)
    proof = merkle.consistency(first, second, read)
    assert merkle.verify_consistency(first, second, proof, old, new)
    proof = merkle.inclusion(first - 1, second, read)
    assert merkle.verify_inclusion(first - 1, second, heights[0], proof, new)
    assert len(asked) < 6 * 51


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion(index, size, reader(MANY))
    assert not merkle.verify_inclusion(index, size, MANY[0], [], MANY[0])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_there_is_no_proof_between_sizes_that_do_not_follow(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        merkle.consistency(first, second, reader(MANY))
    assert not merkle.verify_consistency(first, second, [], MANY[0], MANY[0])

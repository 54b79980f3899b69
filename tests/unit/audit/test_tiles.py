"""Tiles as the specification has them: paths, widths, and what growth completes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit import merkle, tiles
from services.audit.bundle import tiles_of
from services.audit.tiles import EntryTile, HashTile, Reader
from tests.unit.audit.small_log import hash_tile

LEAVES = [merkle.leaf(b"%d" % number) for number in range(70_000)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (HashTile(0, 0), "tile/0/000"),
        (HashTile(0, 999), "tile/0/999"),
        (HashTile(1, 1000), "tile/1/x001/000"),
        (HashTile(0, 1_234_067), "tile/0/x001/x234/067"),
        (HashTile(63, 0, 1), "tile/63/000.p/1"),
        (HashTile(2, 5, 255), "tile/2/005.p/255"),
        (EntryTile(0), "tile/entries/000"),
        (EntryTile(1_234_067, 8), "tile/entries/x001/x234/067.p/8"),
    ],
)
def test_a_tile_has_one_path(tile: HashTile | EntryTile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001",
        "tile/0/x001", "tile/0/001/002", "tile/0/x001/x002", "tile/00/000", "tile/01/000",
        "tile/64/000", "tile/99/000", "tile/-1/000", "tile/+1/000", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/999", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p",
        "tile/0/000.P/1", "tile/0/000/", "/tile/0/000", "tile/0/000\n", "tile/ 0/000",
        "tile/Entries/000", "tile/entries/000.p/1/2", "tile/data/000", "tile/0/X001/000",
        "tile/0/\N{ARABIC-INDIC DIGIT ONE}00", "tile/0/" + "x001/" * 7 + "000", "tile/0/../000",
        "tile/0/x000/x001/000",
    ],
)  # fmt: skip
def test_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="tile"):
        tiles.parse(path)


@given(st.integers(0, 63), st.integers(0, 10**21 - 1), st.integers(1, 256))
def test_paths_are_read_back(level: int, n: int, width: int) -> None:
    assert tiles.parse(HashTile(level, n, width).path) == HashTile(level, n, width)
    assert tiles.parse(EntryTile(n, width).path) == EntryTile(n, width)


def test_the_specifications_example_of_seventy_thousand_entries() -> None:
    at = [tile for tile in tiles_of(70_000) if isinstance(tile, HashTile)]
    assert at[:273] == [HashTile(0, n) for n in range(273)]
    assert at[273:] == [
        HashTile(0, 273, 112),
        HashTile(1, 0),
        HashTile(1, 1, 17),
        HashTile(2, 0, 1),
    ]
    assert list(tiles_of(256)) == [EntryTile(0), HashTile(0, 0), HashTile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(st.integers(0, 2**40), st.integers(0, 70_000))
def test_growth_completes_each_tile_once(old: int, more: int) -> None:
    new = old + more
    full = list(tiles.completed(old, new))
    assert full == sorted(full, key=lambda tile: (tile.level, tile.n))
    for tile in full:
        assert tiles.width_at(tile.level, tile.n, new) == tiles.WIDTH
        assert tiles.width_at(tile.level, tile.n, old) < tiles.WIDTH
    for level in range(5):
        before = old >> (8 * (level + 1))
        after = new >> (8 * (level + 1))
        assert sum(tile.level == level for tile in full) == after - before


@given(st.integers(1, 70_000), st.data())
@settings(max_examples=15, deadline=None)
def test_any_subtree_of_a_log_is_read_from_one_tile(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    ranges = [*merkle.inclusion_ranges(index, size), *merkle.consistency_ranges(index + 1, size)]
    for node in merkle.nodes_of([*ranges, (0, size)]):
        level, n = tiles.holder(node)
        held = hash_tile(LEAVES, level, n, tiles.width_at(level, n, size))
        start = node.number << node.level
        expected = merkle.combine(LEAVES[start : start + (1 << node.level)])
        assert Reader({(level, n): held})(node) == expected


def test_a_tile_that_does_not_reach_gives_no_hash() -> None:
    with pytest.raises(KeyError):
        tiles.subtree(merkle.Node(1, 1), tiles.pack(LEAVES[:3]))


def test_a_bundle_has_each_entry_behind_its_length() -> None:
    longest = b"x" * tiles.MAX_ENTRY_BYTES
    assert tiles.bundle([b"{}", longest]) == b"\x00\x02{}\xff\xff" + longest
    with pytest.raises(OverflowError):
        tiles.bundle([longest + b"x"])

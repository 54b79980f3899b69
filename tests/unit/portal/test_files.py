"""What the portal serves as files: its bundle of the log, and its own style and script."""

import gzip
import re

import pytest

from services.audit.bundle import tiles_of
from services.audit.verify import README
from services.portal import assets, bundle


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000, 256_001, 1_000_300])
def test_the_bundle_has_the_tiles_of_the_inspectors_export(size: int) -> None:
    assert list(bundle.tiles(size)) == [tile.path for tile in tiles_of(size)]
    assert bundle.README == README


def test_an_asset_is_known_by_what_it_holds() -> None:
    for asset in assets.load().values():
        assert gzip.decompress(asset.packed) == asset.content
        assert re.fullmatch(rf"/static/[0-9a-f]{{16}}/{re.escape(asset.name)}", asset.address)


def test_style_and_script_leave_room_for_a_page_under_100_kb() -> None:
    found = assets.load()
    assert sum(len(asset.content) for asset in found.values()) < 85_000


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name, asset in assets.load().items():
        text = asset.content.decode()
        assert "@import" not in text
        assert "url(" not in text
        if name.endswith((".css", ".svg")):
            assert not re.findall(r"https?://(?!www\.w3\.org/)", text)

"""What a clone installs is pinned, compared, and says nothing about where it is fetched from."""

import re

import pytest

from deploy.embedded.jars import CHECKOUT

REQUIREMENTS = sorted((CHECKOUT / "requirements").glob("*.txt"))
LOCKS = [*REQUIREMENTS, CHECKOUT / "jgo.toml", CHECKOUT / "jgo.lock.toml"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_no_address(path: object) -> None:
    text = (CHECKOUT / str(path)).read_text()
    assert "://" not in text
    assert not re.search(r"index-url|find-links|trusted-host| @ ", text)


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes(path: object) -> None:
    for entry in (CHECKOUT / str(path)).read_text().replace("\\\n", " ").splitlines():
        assert re.fullmatch(r"[\w.\[\],-]+==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", entry)


def test_the_profiles_agree() -> None:
    """Each holds all of the one before it, at the same versions."""
    narrow: set[str] = set()
    for profile in ("runtime", "embedded", "demo", "dev"):
        text = (CHECKOUT / "requirements" / f"{profile}.txt").read_text()
        pins = set(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE))
        assert narrow < pins
        narrow = pins

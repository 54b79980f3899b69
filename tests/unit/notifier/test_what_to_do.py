"""Whoever is called finds what to do: each event that raises an alert has its row in the page."""

from pathlib import Path

import pytest

from services.notifier.rules import NotificationRules
from shared.contracts import protocol_file
from tests.unit.notifier.made import PROTOCOLS

DOCS = Path(__file__).parents[3] / "docs"


def rows() -> list[str]:
    """The first cells of the page's table."""
    _, _, section = (DOCS / "operations.md").read_text().partition("## When somebody is called")
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("file", sorted(PROTOCOLS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_alert_is_in_the_page(file: Path) -> None:
    named = " ".join(rows())
    raising = {
        event for rule in NotificationRules.of(protocol_file.load(file)).rules for event in rule.on
    }
    assert {event for event in raising if f"`{event}`" not in named} == set()

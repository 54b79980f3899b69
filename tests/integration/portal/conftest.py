"""A portal of a test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.portal.house import House, house


@pytest.fixture
async def portal(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    """A portal; no other service is up."""
    async with house(postgres, tmp_path) as opened:
        yield opened

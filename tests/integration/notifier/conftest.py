"""A notifier for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.notifier.house import House, house


@pytest.fixture
async def notifier(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    """With nobody on call yet."""
    async with house(postgres, tmp_path) as built:
        yield built

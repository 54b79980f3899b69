"""Safety for each test, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.safety.made import Safety, safety


@pytest.fixture
async def service(postgres: str, tmp_path: Path) -> AsyncIterator[Safety]:
    """One process of safety."""
    async with safety(postgres, tmp_path) as made:
        yield made

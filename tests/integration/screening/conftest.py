"""Screening for each test, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.screening.made import Screening, screening


@pytest.fixture
async def service(postgres: str, tmp_path: Path) -> AsyncIterator[Screening]:
    """One process of screening."""
    async with screening(postgres, tmp_path) as made:
        yield made

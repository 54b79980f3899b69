"""A service that lost one of its vital parts ends: its supervisor begins it anew."""

from pathlib import Path

from tests.chaos.small import small
from tests.waiting import until


async def test_without_its_consumer_a_service_ends(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    """It would stay up for ever, hear nothing, and say so on `/readyz` alone."""
    async with small(kafka, postgres, tmp_path, bug="consumer_ends") as service:
        service.start()

        async def ended() -> bool:
            return not any(process.is_alive() for process in service.processes)

        await until(ended, 30)
        assert [process.exitcode for process in service.processes] == [1]
        assert "RuntimeError" in service.log.read_text()
        service.processes.clear()

"""One real platform for all of these tests; each test has subjects, or a trial, of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.platform import Platform, running
from tests.acceptance.story import Story
from tests.acceptance.trials import NCT, write_protocols
from tests.servers import in_containers


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform, started by `trialops up --detach` in a new state folder."""
    folder = tmp_path_factory.mktemp("platform")
    protocols = write_protocols(folder / "protocols")
    with servers(folder) as outside, running(folder / "state", protocols, outside) as started:
        yield started


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Kafka and PostgreSQL for this platform alone, where the run is to use containers."""
    if not in_containers():
        yield {}
        return
    from tests.containers.servers import running_kafka, running_postgres  # late: slow to import

    with running_kafka(folder) as kafka, running_postgres() as postgres:
        yield {"TRIALOPS_KAFKA": kafka, "TRIALOPS_POSTGRES": postgres}


@pytest.fixture
def nct(platform: Platform) -> Story:
    """NCT06903312: an investigator signs before the draw."""
    return Story(platform, NCT)


@pytest.fixture
def tiny(platform: Platform) -> Callable[[str], Story]:
    """A tiny trial by its id."""

    def of(trial: str) -> Story:
        return Story(platform, trial)

    return of

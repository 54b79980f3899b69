"""One real platform for all of these tests; each test has subjects, or a trial, of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.platform import Platform, running
from tests.acceptance.story import Story
from tests.acceptance.trials import NCT, write_protocols


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform, started by `trialops up --detach` in a new state folder."""
    folder = tmp_path_factory.mktemp("platform")
    with running(folder / "state", write_protocols(folder / "protocols")) as started:
        yield started


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

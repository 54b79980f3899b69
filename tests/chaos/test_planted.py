"""The suite's own test: each known bug, planted in the runtime, breaks what the checks hold up.

For each there is a fault that reveals it; without a bug the same faults leave all as it must be.
"""

import pytest

from tests.chaos.planted import BUGS
from tests.chaos.small_faults import FAULTS, REVEALED_BY
from tests.chaos.small_run import Case, run

Found = dict[Case, list[str]]


@pytest.fixture(scope="module")
def broken(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each fault breaks, with each bug that it reveals and without."""
    cases = [
        *(Case(fault.__name__, bug) for bug, fault in REVEALED_BY.items()),
        *(Case(name) for name in FAULTS),
    ]
    return run(cases, postgres, tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(broken: Found, bug: str) -> None:
    assert broken[Case(REVEALED_BY[bug].__name__, bug)]


@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_bug_nothing_is_broken(broken: Found, fault: str) -> None:
    assert broken[Case(fault)] == []

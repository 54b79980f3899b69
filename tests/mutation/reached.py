"""Which functions each test calls, and how long it takes: what mutants are tried by."""

import json
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutation.children import Runner, Say, Untried, alone, with_next

#: Kept for the next run, while no file is newer.
KEPT: Final = Path("reached.json")

Learned = tuple[dict[str, float], dict[str, list[str]]]


def learned(runner: Runner) -> Learned:
    """CPU seconds by test, and tests by function; raises ``Untried`` where a test fails, or none
    would if every function did.
    """
    if KEPT.exists() and KEPT.stat().st_mtime > _changed():
        kept = json.loads(KEPT.read_text())
        if kept["seconds"].keys() == runner.items.keys():
            return kept["seconds"], kept["reached"]
    said = json.loads(alone(partial(Reached().learn, runner)))
    if said["fails"]:
        raise Untried(f"without a mutant there fails {said['fails']}")
    seconds: dict[str, float] = said["seconds"]
    quick_first = sorted(seconds, key=seconds.__getitem__)
    if not alone(partial(runner.until_killed, "fail", quick_first, seconds)).startswith("killed"):
        raise Untried("no test fails where every function does")
    KEPT.write_text(json.dumps(said))
    return seconds, said["reached"]


@dataclass(eq=False)
class Reached:
    """The pytest plugin that learns which functions each test calls."""

    by: dict[str, list[str]] = field(default_factory=dict)  # tests, by function
    everywhere: set[str] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, object, object]:
        """What is made once for a session, any test may need."""
        made = yield
        if fixturedef.scope == "session":
            self.everywhere |= self._hit()
        return made

    def learn(self, runner: Runner, say: Say) -> None:
        """In a child: every test with the code as it is."""
        set_mutant_under_test("stats")
        runner.config.pluginmanager.register(self)
        seconds: dict[str, float] = {}
        fails = ""
        for test, following in with_next([*runner.items]):
            began = time.process_time()
            passed = runner.one(test, following)
            seconds[test] = time.process_time() - began
            for function in self._hit():
                self.by.setdefault(function, []).append(test)
            if not passed:
                fails = f"{test}:\n{runner.failed}"
                break
        self.by |= {function: [*seconds] for function in self.everywhere}
        say(json.dumps({"fails": fails, "seconds": seconds, "reached": self.by}))

    def _hit(self) -> set[str]:
        """What was called since it was asked for last."""
        hit = {*state()._stats}  # mutmut tells it nowhere else
        state()._stats.clear()
        return hit


def _changed() -> float:
    """When the code or a test of it was changed last."""
    folders = [*map(str, config().source_paths), *config().pytest_add_cli_args_test_selection]
    files = [file for folder in folders for file in Path("..", folder).rglob("*.py")]
    return max(file.stat().st_mtime for file in files)

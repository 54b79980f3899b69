"""Tries the mutants in one pytest session; `tests.mutation` runs it within `mutants/`.

mutmut would begin pytest anew for every mutant. Here the tests are collected once, and a mutant is
a child of that process: it runs the tests that reach the mutant, first those that killed the
latest others, and ends at the first that fails. Results are kept where mutmut keeps its own, for
its `results`, `show` and `browse`.
"""

import fnmatch
import gc
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from tests.mutation import reached
from tests.mutation.children import Runner, Untried, begin, said

#: mutmut's exit codes.
CODES: Final = {"survived": 0, "killed": 1, "unreached": 33, "hangs": 36}
EVERY: Final = 15  # seconds between two lines of progress


class Mutant(NamedTuple):
    """One mutant, and the file that keeps what became of it."""

    name: str
    file: SourceFileMutationData

    @property
    def function(self) -> str:
        """What it is a mutant of."""
        return mangled_name_from_mutant_name(self.name)

    def became(self, verdict: str, seconds: float) -> None:
        """Keeps the result."""
        self.file.exit_code_by_key[self.name] = CODES[verdict]
        self.file.durations_by_key[self.name] = seconds
        self.file.save()


class Running(NamedTuple):
    """A mutant that is being tried, and the pipe of its process."""

    mutant: Mutant
    reading: int
    began: float


@dataclass(eq=False)
class Session:
    """The pytest plugin: its loop runs the mutants in place of the tests."""

    mutants: Sequence[Mutant]
    children: int
    seconds: dict[str, float] = field(default_factory=dict)  # of CPU, by test
    reached: dict[str, list[str]] = field(default_factory=dict)  # tests, by function
    killers: list[str] = field(default_factory=list)  # tests, the latest last
    running: dict[int, Running] = field(default_factory=dict)
    became: Counter[str] = field(default_factory=Counter)
    began: float = 0
    told: float = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learns what each test reaches, sees that a fault would be found, tries the mutants."""
        try:
            self._loop(session)
        except Untried as fault:
            pytest.exit(str(fault), 2)
        return True

    def _loop(self, session: pytest.Session) -> None:
        if session.testsfailed:
            raise Untried("the tests cannot be collected")
        runner = Runner(session.config, {item.nodeid: item for item in session.items})
        session.config.pluginmanager.register(runner)
        gc.freeze()  # else each child copies what its collector looks at
        self._learn(runner)
        self.began = self.told = time.monotonic()
        for mutant in self.mutants:
            self._try(runner, mutant)
        while self.running:
            self._end_one()
        self._tell()

    def _learn(self, runner: Runner) -> None:
        self.seconds, self.reached = reached.learned(runner)
        whole = sum(self.seconds.values())
        tell(f"{len(self.seconds)} tests of {whole:.0f} s for {len(self.mutants)} mutants")

    def _try(self, runner: Runner, mutant: Mutant) -> None:
        tests = self.reached.get(mutant.function, [])
        if not tests:
            self._end(mutant, "unreached", 0)
            return
        if len(self.running) == self.children:
            self._end_one()
        latest = {test: at for at, test in enumerate(self.killers)}
        order = sorted(tests, key=lambda test: (-latest.get(test, -1), self.seconds[test]))
        pid, reading = begin(partial(runner.until_killed, mutant.name, order, self.seconds))
        self.running[pid] = Running(mutant, reading, time.monotonic())

    def _end_one(self) -> None:
        """Waits for one of those that are being tried."""
        pid, status = os.wait()
        mutant, reading, began = self.running.pop(pid)
        verdict, _, test = said(reading).partition(" ")
        if os.WIFSIGNALED(status):
            verdict = "hangs" if os.WTERMSIG(status) == signal.SIGXCPU else "killed"
        elif verdict not in CODES:
            raise Untried(f"{mutant.name}: {verdict} {test}")
        elif test:
            self.killers = [*(one for one in self.killers if one != test), test]
        self._end(mutant, verdict, time.monotonic() - began)

    def _end(self, mutant: Mutant, verdict: str, seconds: float) -> None:
        mutant.became(verdict, seconds)
        self.became[verdict] += 1
        if time.monotonic() - self.told > EVERY:
            self._tell()

    def _tell(self) -> None:
        self.told = time.monotonic()
        verdicts = ", ".join(f"{self.became[verdict]} {verdict}" for verdict in CODES)
        tell(f"{self.became.total()} tried in {self.told - self.began:.0f} s: {verdicts}")


def chosen(names: Sequence[str]) -> list[Mutant]:
    """The mutants that have such a name; all where there is none."""
    found = []
    for path in walk_mutatable_files():
        file = SourceFileMutationData(path=path)
        file.meta_path = Path(f"{path}.meta")  # which mutmut looks for one folder up
        file.load()
        found += [Mutant(name, file) for name in file.exit_code_by_key]
    return [
        one for one in found if not names or any(fnmatch.fnmatch(one.name, name) for name in names)
    ]


def tell(text: str) -> None:
    """A line for who waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(names: Sequence[str]) -> int:
    """0 where all were tried."""
    mutants = chosen(names)
    if not mutants:
        tell("no mutant has such a name")
        return 1
    os.environ["MUTANT_UNDER_TEST"] = "stats"  # before the tests are imported, which look at it
    session = Session(mutants, os.cpu_count() or 1)
    given = ("--rootdir=.", "-s", "-qqq", "--tb=line", *config().pytest_add_cli_args)
    return int(pytest.main([*given, *config().pytest_add_cli_args_test_selection], [session]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Processes that run some of the collected tests, each with another mutant."""

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

#: CPU seconds that a test may take with a mutant, over five times what it takes without.
PATIENCE: Final = 3

Say = Callable[[str], object]


class Untried(Exception):
    """The mutants cannot be tried; says why."""


class Hangs(BaseException):
    """A test has used up its patience; no ``except Exception`` may hide it."""


@dataclass(eq=False)
class Runner:
    """Runs collected tests one by one; a pytest plugin, to see which fail."""

    config: pytest.Config
    items: Mapping[str, pytest.Item]
    failed: str = ""
    hangs: bool = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sees that the test at hand has failed."""
        if report.failed:
            self.failed = self.failed or report.longreprtext

    def one(self, test: str, following: str | None) -> bool:
        """Whether the test has passed; ``following`` says which fixtures stay."""
        item = self.items[test]
        after = None if following is None else self.items[following]
        self.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        return not self.failed

    def until_killed(
        self, mutant: str, tests: Sequence[str], seconds: Mapping[str, float], say: Say
    ) -> None:
        """The tests with the mutant, to the first that fails; says ``survived``, or ``killed`` or
        ``hangs`` with its name. ``seconds`` are those of CPU that each takes without."""
        set_mutant_under_test(mutant)
        signal.signal(signal.SIGVTALRM, self._alarm)
        # For what no alarm ends, such as a number of a billion digits: SIGXCPU.
        most = int(time.process_time() + 10 * PATIENCE + 5 * sum(seconds.values()))
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
        for test, following in with_next(tests):
            # Again each second, for what catches it and goes on.
            signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE + 5 * seconds[test], 1)
            passed = self.one(test, following)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if not passed:
                say(f"{'hangs' if self.hangs else 'killed'} {test}")
                return
        say("survived ")

    def _alarm(self, *_: object) -> NoReturn:
        self.hangs = True
        raise Hangs


def with_next(tests: Sequence[str]) -> Sequence[tuple[str, str | None]]:
    """Each test and the one after it."""
    return [*zip(tests, [*tests[1:], None], strict=True)]


def begin(run: Callable[[Say], None]) -> tuple[int, int]:
    """Runs it in a child that is a copy of this process: its id, and a pipe of what it says."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with os.fdopen(writing, "w", encoding="utf-8") as out:
        try:
            run(out.write)
        except BaseException as fault:
            out.write(json.dumps({"fails": repr(fault)}))
    os._exit(0)


def said(reading: int) -> str:
    """All that a child says."""
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return pipe.read()


def alone(run: Callable[[Say], None]) -> str:
    """What a child says that is waited for."""
    pid, reading = begin(run)
    told = said(reading)
    os.waitpid(pid, 0)
    return told

"""Services forked from a process that has imported the runtime: they start in a tenth of the time.

What runs in them is what the launcher runs.
"""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

import shared.runtime.service  # noqa: F401  imported before a fork, not after each
from tests.chaos import launcher

_PR_SET_PDEATHSIG = 1
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


def fork(service: str, environment: Mapping[str, str], log: Path) -> BaseProcess:
    """A process that is `python -m tests.chaos.launcher SERVICE` with this in its environment."""
    process = _forks.Process(target=_run, args=(service, environment, log), daemon=True)
    process.start()
    return process


def _run(service: str, environment: Mapping[str, str], log: Path) -> None:
    # It dies with the process that it was forked from, which dies with the test.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    launcher.main(service)

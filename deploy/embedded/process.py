"""One child process: started so that it cannot outlive us, stopped politely, then surely."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Identity:
    """Whom a process runs as when we are root; `search` lets it walk through private folders."""

    uid: int
    gid: int
    search: bool = False

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}" + (":search" if self.search else "")


@dataclass(frozen=True)
class Program:
    """What to run: everything about a process that stays the same when it is started again.

    `lock` is a file that one process at a time may hold; a second one ends with 1 and says so.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    identity: Identity | None = None
    lock: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0  # seconds between the stop signal and SIGKILL

    def argv(self) -> tuple[str, ...]:
        """The command behind the launcher, which ties its life to that of this process."""
        identity, lock = str(self.identity or "-"), str(self.lock or "-")
        launch = (sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), identity, lock)
        return (*launch, *self.command)


class Child:
    """A running `Program`; start it from the main thread: it dies with the thread that did."""

    def __init__(self, program: Program) -> None:
        self.program = program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            self._process = subprocess.Popen(
                program.argv(),
                cwd=program.folder,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for us; we end our children in order
                umask=0o077,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the stop signal; no error if it has ended already."""
        self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """SIGKILL to it and all that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> int:
        """The exit code; if it has not ended by itself within the seconds, it is killed."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def stop(self) -> int:
        """End it within its grace, or kill it; returns the exit code."""
        self.ask_to_stop()
        return self.wait(self.program.grace)


def started_at(pid: int) -> int | None:
    """When the process of this number began, in the kernel's ticks; None if there is none.

    A number and this together name a process for ever: numbers come round.
    """
    state, *fields = _status(pid)
    return None if state in "ZX" else int(fields[18])


def stands_still(pid: int) -> bool:
    """Whether there is a process of this number that was stopped (SIGSTOP) and not continued."""
    return _status(pid)[0] in "Tt"


def _status(pid: int) -> list[str]:
    """The kernel's word on a process from its state on, which is X where there is none."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ["X"]
    # The second field, a name in brackets, may hold anything; the state follows it.
    return stat.rpartition(")")[2].split()


def run(program: Program, seconds: float = 60) -> None:
    """Run a program that ends by itself; RuntimeError, with the end of its log, if it fails."""
    code = Child(program).wait(seconds)
    if code != 0:
        raise RuntimeError(f"{program.name} ended with {code}: {tail(program.log)}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, however long it is."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

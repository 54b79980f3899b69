"""A platform in the background: started, asked about and ended from another process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from deploy.embedded.jars import CHECKOUT
from deploy.embedded.keeper import Report
from deploy.embedded.platform import READY
from deploy.embedded.probes import (
    Probe,
    http_answers,
    kafka_answers,
    postgres_answers,
    smtp_answers,
)
from deploy.embedded.process import started_at, tail
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse

_SECONDS_TO_STOP = 45.0


def start(state: State, counts: dict[str, int], report: Report, *, secure: bool = False) -> bool:
    """Start a platform in a session of its own; True once it is ready, False if it gave up.

    It lives on when this process ends. WrongUse if one runs in the folder already.
    """
    if (pid := state.supervisor()) is not None:
        raise WrongUse(f"a platform runs in {state.folder} already (pid {pid})")
    log = state.log("platform")
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "deploy.embedded.platform", "--state", str(state.folder)]
    command += ["--replicas", json.dumps(counts), "--progress", str(writing)]
    command += ["--secure"] if secure else []
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
            umask=0o077,
        )
    os.close(writing)
    line = ""
    try:
        with os.fdopen(reading) as progress:
            for text in progress:
                line = text.rstrip("\n")
                report(line)
    except KeyboardInterrupt:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        raise
    if line != READY and daemon.wait() < 0:
        report(f"the supervisor was killed\n{tail(log)}")
    return line == READY


@dataclass(frozen=True)
class Part:
    """One part of a platform as its supervisor wrote it down; an outside server has no pid."""

    name: str
    address: str
    pid: int | None
    began: int | None

    @property
    def lives(self) -> bool:
        return self.pid is None or (self.began is not None and started_at(self.pid) == self.began)

    def probe(self) -> Probe:
        """How to ask this part whether it is ready."""
        parts = urlsplit(self.address)
        match parts.scheme:
            case "kafka":
                return partial(kafka_answers, parts.netloc)
            case "postgresql":
                return partial(postgres_answers, self.address)
            case "smtp":
                return partial(smtp_answers, parts.port or 25)
            case _:
                return partial(http_answers, parts.port or 80)


def parts(state: State) -> list[Part]:
    """The processes that were started last, alive or not."""
    try:
        rows = json.loads(state.processes.read_text())
    except FileNotFoundError:
        return []
    return [Part(**row) for row in rows]


async def readiness(state: State) -> list[tuple[Part, bool]]:
    """Every part with whether it lives and answers now, all asked at once."""

    async def ready(part: Part) -> bool:
        return part.lives and await part.probe()()

    known = parts(state)
    return list(zip(known, await asyncio.gather(*map(ready, known)), strict=True))


def _wait(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def stop(state: State) -> None:
    """End every process of the platform and forget its addresses; repeatable.

    A supervisor that was killed took its children with it; what it left behind is put away.
    """
    pid = state.supervisor()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        if not _wait(lambda: state.supervisor() is None, _SECONDS_TO_STOP):
            os.kill(pid, signal.SIGKILL)
            _wait(lambda: state.supervisor() is None, 5)
    ours = [(part, part.pid) for part in parts(state) if part.pid is not None]
    _wait(lambda: not any(part.lives for part, _ in ours), 5)
    for part, number in ours:
        if part.lives:
            os.killpg(number, signal.SIGKILL)
    state.endpoints.unlink(missing_ok=True)
    state.processes.unlink(missing_ok=True)

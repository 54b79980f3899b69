"""A platform to be hurt: the embedded one, in a process of its own (`hurtable`)."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded import background
from deploy.embedded.files import write_private
from deploy.embedded.jars import CHECKOUT
from deploy.embedded.ports import LOOPBACK, take
from deploy.embedded.process import Child, Program, tail
from deploy.embedded.services import SERVICES
from deploy.embedded.settle import Settler, Unsettled
from deploy.embedded.state import State

EQUIPMENT = "equipment.json"
BACK_S = 60.0

DATABASE_PORT = "TRIALOPS_CHAOS_DATABASE_PORT"
"""In a service's equipment: the port at which it finds PostgreSQL."""

PROXIED = "TRIALOPS_CHAOS_KAFKA_PORTS"
"""The broker's second listener and what it is advertised as: the port of a proxy before it."""

# Short, so that a fault costs seconds; each is a setting that an operator has, too.
SETTINGS = {
    "TRIALOPS_SESSION_TIMEOUT_S": "6",
    "TRIALOPS_RELAY_LEASE_S": "3",
    "TRIALOPS_SEND_TIMEOUT_S": "8",
    "TRIALOPS_STATEMENT_TIMEOUT_S": "10",
    "TRIALOPS_RETRY_LONGEST_S": "1",
}


@dataclass
class Stage:
    """One platform in its own folder; `outside` is its environment: servers not its own, a bug."""

    folder: Path
    protocols: Path
    outside: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)
    _child: Child | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state = State(self.folder)
        names = ("kafka", "controller", "postgres", "mailbox", "kafka-behind", "kafka-proxy")
        self.ports = take(names, self.state.ports)

    # its life

    def start(self) -> None:
        """Start it; AssertionError, with the end of its log, if it does not get ready.

        From the main thread: it dies with the thread that started it.
        """
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRIALOPS_")}
        behind = f"{self.ports['kafka-behind']},{self.ports['kafka-proxy']}"
        ours = {"TRIALOPS_PROTOCOLS": str(self.protocols), PROXIED: behind}
        command = ("-m", "tests.chaos.hurtable", "--state", str(self.folder))
        program = Program(
            name="stage",
            command=(sys.executable, *command, "--replicas", json.dumps(dict(self.replicas))),
            folder=CHECKOUT,
            log=self.state.log("platform"),
            environment=inherited | SETTINGS | ours | dict(self.outside),
            grace=60,
        )
        self.state.endpoints.unlink(missing_ok=True)
        self._child = Child(program)
        deadline = time.monotonic() + 120
        while not self.state.endpoints.exists():
            ended = self._child.exit_code() is not None
            if ended or time.monotonic() > deadline:
                self._child.stop()
                raise AssertionError(f"the stage does not get ready\n{tail(program.log)}")
            time.sleep(0.05)
        self.endpoints = self.state.read_endpoints()

    def stop(self) -> None:
        """End all of it."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            background.stop(self.state)

    # its parts

    @property
    def dsn(self) -> str:
        """The superuser's address of the services' database."""
        return self.endpoints["postgres"]

    @property
    def kafka(self) -> str:
        """`host:port`, never through a proxy."""
        return self.endpoints["kafka"]

    def urls(self, service: str) -> list[str]:
        """The addresses of all replicas of a service."""
        ports: dict[str, int] = json.loads(self.state.ports.read_text())
        names = [name for name in self.names() if name.partition("-")[0] == service]
        return [f"http://{LOOPBACK}:{ports[name]}" for name in names]

    def names(self) -> list[str]:
        """The processes of the services."""
        return [
            service if number == 1 else f"{service}-{number}"
            for service in SERVICES
            for number in range(1, self.replicas.get(service, 1) + 1)
        ]

    def pid(self, name: str) -> int | None:
        """The process of a part; None while it is being started again."""
        for part in background.parts(self.state):
            if part.name == name and part.lives:
                return part.pid
        return None

    async def present(self, name: str) -> int:
        """The pid, once there is one."""
        async with asyncio.timeout(BACK_S):
            while (pid := self.pid(name)) is None:
                await asyncio.sleep(0.05)
        return pid

    async def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to the living process of this name; returns its pid."""
        pid = await self.present(name)
        os.kill(pid, number)
        return pid

    async def kill(self, name: str) -> None:
        """SIGKILL; returns when another process is in its place, ready or not."""
        await self.replaced(name, await self.signal(name, signal.SIGKILL))

    async def replaced(self, name: str, old: int, seconds: float = BACK_S) -> None:
        """Wait until the process of this name is another one than `old`."""
        async with asyncio.timeout(seconds):
            while self.pid(name) in (None, old):
                await asyncio.sleep(0.05)

    async def ready(self, seconds: float = BACK_S) -> None:
        """Wait until every part answers; TimeoutError names who does not."""
        waiting: Sequence[str] = ()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    known = await background.readiness(self.state)
                    waiting = [part.name for part, ready in known if not ready]
                    if known and not waiting:
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(f"not ready after {seconds:.0f} s: {', '.join(waiting)}") from None

    def equip(self, name: str, **environment: str) -> None:
        """What the process of this name has in its environment from its next start on."""
        path = self.folder / EQUIPMENT
        known = json.loads(path.read_text()) if path.exists() else {}
        write_private(path, json.dumps({**known, name: environment}))

    async def restart(self, *names: str) -> None:
        """Kill these at once, and wait until all of them are ready again."""
        pids = {name: await self.signal(name, signal.SIGKILL) for name in names}
        for name, pid in pids.items():
            await self.replaced(name, pid)
        await self.ready()

    async def rest(self, seconds: float = 90) -> None:
        """Wait until all is worked off by everybody; Unsettled if it is not within the seconds."""
        deadline = time.monotonic() + seconds
        async with Settler(self.endpoints, seconds) as settler:
            while down := (await settler.settle()).down:  # whom it did not wait for
                if time.monotonic() > deadline:
                    raise Unsettled(f"not ready after {seconds:.0f} s: {', '.join(sorted(down))}")
                await asyncio.sleep(0.2)


def steps_file(folder: Path, name: str) -> Path:
    """Where the process of this name is told at which step to kill itself."""
    return folder / f"steps-{name}.json"

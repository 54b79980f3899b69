"""A real platform for tests: started by the installed command, spoken to as anyone outside does."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.embedded.kafka_logins import admin_access
from deploy.embedded.keys import Keys
from deploy.embedded.state import Endpoints, State
from deploy.tokens import Bearer, issue
from shared.runtime.kafka_access import KafkaAccess
from tests.acceptance.people import Person

COMMAND = Path(sys.executable).with_name("trialops")


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """Standard output, one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Platform:
    """One embedded platform in its own state folder, with its own protocols."""

    folder: Path
    protocols: Path
    outside: Mapping[str, str] = field(default_factory=dict)
    """Servers that are not its own, by the variables that name them."""

    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    def run(self, *line: str, seconds: float = 120) -> Result:
        """The installed command on this platform's state, with nothing else that runs here."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRIALOPS_")}
        environment |= {"TRIALOPS_PROTOCOLS": str(self.protocols), **self.outside}
        done = subprocess.run(
            [COMMAND, "--state", self.folder, *line],
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def up(self) -> None:
        """Start it in the background, secured where its Kafka is its own; ready on return."""
        started = self.run("up", "--detach", *(() if self.outside else ("--secure",)))
        assert started.code == 0, started.err
        self.__dict__.pop("endpoints", None)

    def down(self) -> None:
        """End it."""
        stopped = self.run("down")
        assert stopped.code == 0, stopped.err

    @cached_property
    def endpoints(self) -> Endpoints:
        """`endpoints.json`."""
        return State(self.folder).read_endpoints()

    @property
    def services(self) -> dict[str, str]:
        """Addresses by service."""
        return self.endpoints["services"]

    @property
    def kafka(self) -> KafkaAccess:
        """With every right."""
        return admin_access(self.endpoints)

    def status(self) -> dict[str, dict[str, Any]]:
        """What `trialops status` says, by name."""
        return {row["name"]: row for row in self.run("status").rows}

    def person(
        self,
        role: str,
        name: str | None = None,
        trials: tuple[str, ...] = (),
        sites: tuple[str, ...] = (),
    ) -> Person:
        """Somebody with a role; no trial and no site named: all."""
        bearer = Bearer(role, trials, sites, name)
        token, _ = issue(Keys(self.folder / "keys"), bearer)
        return Person(self.http, self.services, bearer.sub, token)

    def sql(self, query: str, *values: Any) -> list[Any]:
        """Rows as the superuser sees them, or the effect of what he does."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.endpoints["postgres"])
            try:
                return list(await connection.fetch(query, *values))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def logs(self) -> str:
        """Everything that any process of the platform has logged."""
        files = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(file.read_text(errors="replace") for file in files)


@contextmanager
def running(
    folder: Path, protocols: Path, outside: Mapping[str, str] | None = None
) -> Iterator[Platform]:
    """A platform that is ready; every process of it has ended at the end."""
    platform = Platform(folder, protocols, outside or {})
    try:
        platform.up()
        yield platform
    finally:
        platform.http.close()
        platform.down()

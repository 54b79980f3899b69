"""The state folder of an embedded run: where everything lies, and who runs in it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from deploy.embedded.files import write_private
from deploy.embedded.people import People
from deploy.wrong_use import WrongUse


class Endpoints(TypedDict):
    """`endpoints.json`: addresses of a platform that was ready once and has not been stopped."""

    services: dict[str, str]  # name: http://127.0.0.1:PORT
    kafka: str  # host:port
    kafka_login: NotRequired[str]  # a secured run's: the file with the admin's login
    postgres: str  # postgresql://..., the superuser's
    state: str


@dataclass(frozen=True)
class State:
    """One platform's folder; all paths in it are absolute."""

    folder: Path

    @property
    def endpoints(self) -> Path:
        return self.folder / "endpoints.json"

    @property
    def processes(self) -> Path:
        return self.folder / "processes.json"

    @property
    def ports(self) -> Path:
        return self.folder / "ports.json"

    @property
    def clock(self) -> Path:
        return self.folder / "clock.json"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def people(self) -> People:
        return People(self.keys, self.folder / "contacts.json")

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def read_endpoints(self) -> Endpoints:
        """The addresses of the platform; WrongUse if none runs here."""
        try:
            endpoints: Endpoints = json.loads(self.endpoints.read_text())
        except FileNotFoundError:
            raise WrongUse(f"no platform runs in {self.folder} (trialops up)") from None
        return endpoints

    def write_endpoints(
        self, services: dict[str, str], kafka: str, postgres: str, kafka_login: Path | None = None
    ) -> None:
        endpoints = Endpoints(
            services=services, kafka=kafka, postgres=postgres, state=str(self.folder)
        )
        if kafka_login is not None:
            endpoints["kafka_login"] = str(kafka_login)
        write_private(self.endpoints, json.dumps(endpoints, indent=1))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder as its only supervisor; WrongUse if another one does.

        The lock ends with its process, whatever ends that, and the children do not inherit it.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = self.supervisor()
                raise WrongUse(f"a platform runs in {self.folder} already (pid {pid})") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def supervisor(self) -> int | None:
        """The pid of the supervisor that holds the folder now, if one does."""
        try:
            with self._lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            pid = self._lock.read_text()
            if not pid:
                raise WrongUse(f"a platform begins in {self.folder} just now") from None
            return int(pid)
        return None

    @property
    def _lock(self) -> Path:
        return self.folder / "supervisor.pid"

"""The services as processes: which there are, what each is told by its environment."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.database import with_login
from deploy.embedded.jars import CHECKOUT
from deploy.embedded.keys import AUDIENCE, ISSUER, Keys
from deploy.embedded.process import Program
from deploy.embedded.state import State

SERVICES = ("screening", "randomizer", "audit")


@dataclass(frozen=True)
class Replica:
    """One process of a service; the first of a service is the one in `endpoints.json`."""

    service: str
    number: int = 1

    @property
    def name(self) -> str:
        return self.service if self.number == 1 else f"{self.service}-{self.number}"


@dataclass(frozen=True)
class Backing:
    """The servers below the services; `postgres` is the superuser's DSN of their database."""

    kafka: str
    postgres: str


def replicas(counts: dict[str, int]) -> tuple[Replica, ...]:
    """The processes to run: one of each service, or as many as `counts` says."""
    return tuple(
        Replica(service, number)
        for service in SERVICES
        for number in range(1, counts.get(service, 1) + 1)
    )


@dataclass(frozen=True)
class ServiceProcess:
    """A replica on its port, with what it needs to know."""

    replica: Replica
    port: int
    state: State
    backing: Backing
    keys: Keys = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def program(self) -> Program:
        """`python -m services.NAME`, exactly as images and chart run it."""
        return Program(
            name=self.replica.name,
            command=(sys.executable, "-m", f"services.{self.replica.service}"),
            folder=CHECKOUT,
            log=self.state.log(self.replica.name),
            environment=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        # The superuser's address is for the supervisor alone.
        ours = {name: value for name, value in os.environ.items() if name != "TRIALOPS_POSTGRES"}
        protocols = os.environ.get("TRIALOPS_PROTOCOLS", CHECKOUT / "protocols")
        return ours | {
            "PYTHONUNBUFFERED": "1",
            "TRIALOPS_SERVICE_PORT": str(self.port),
            "TRIALOPS_KAFKA": self.backing.kafka,
            "TRIALOPS_DATABASE": self._own_dsn(),
            "TRIALOPS_CLOCK_FILE": str(self.state.clock),
            "TRIALOPS_JWKS_FILE": str(self.keys.jwks_file),
            "TRIALOPS_ISSUER": ISSUER,
            "TRIALOPS_AUDIENCE": AUDIENCE,
            "TRIALOPS_PROTOCOLS": str(Path(protocols).resolve()),
            "TRIALOPS_KEYS": str(self.keys.folder),
        }

    def _own_dsn(self) -> str:
        service = self.replica.service
        password = self.keys.database_password(service)
        return with_login(self.backing.postgres, f"trialops_{service}", password)

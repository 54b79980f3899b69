"""The services as processes: which there are, what each is told by its environment."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.database import with_login
from deploy.embedded.jars import CHECKOUT
from deploy.embedded.kafka_logins import KafkaLogins
from deploy.embedded.keys import AUDIENCE, ISSUER, Keys
from deploy.embedded.process import Program
from deploy.embedded.state import State

SERVICES = ("screening", "randomizer", "safety", "notifier", "audit", "portal")

SENDER = "trialops@trialops.example"
_HERE = ("127.0.0.1", "::1", "localhost")
"""Where somebody who tries the platform has their webhooks."""


def protocols_folder() -> Path:
    """The trials: `TRIALOPS_PROTOCOLS`, else those of the checkout."""
    return Path(os.environ.get("TRIALOPS_PROTOCOLS", CHECKOUT / "protocols")).resolve()


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
    """The servers below the services; `postgres` is the superuser's DSN of their database.

    `secured`: Kafka asks for a login.
    """

    kafka: str
    postgres: str
    mail: str
    secured: bool = False


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
    urls: Mapping[str, str]
    """Where each service is asked, its first process."""

    state: State
    backing: Backing
    keys: Keys = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def program(self, *line: str) -> Program:
        """`python -m services.NAME`, exactly as images and chart run it."""
        return Program(
            name=self.replica.name,
            command=(sys.executable, "-m", f"services.{self.replica.service}", *line),
            folder=CHECKOUT,
            log=self.state.log(self.replica.name),
            environment=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        # The superuser's address is for the supervisor alone.
        ours = {name: value for name, value in os.environ.items() if name != "TRIALOPS_POSTGRES"}
        return ours | {
            "PYTHONUNBUFFERED": "1",
            "TRIALOPS_SERVICE_PORT": str(self.port),
            "TRIALOPS_KAFKA": self.backing.kafka,
            "TRIALOPS_DATABASE": self._own_dsn(),
            "TRIALOPS_CLOCK_FILE": str(self.state.clock),
            "TRIALOPS_JWKS_FILE": str(self.keys.jwks_file),
            "TRIALOPS_ISSUER": ISSUER,
            "TRIALOPS_AUDIENCE": AUDIENCE,
            "TRIALOPS_PROTOCOLS": str(protocols_folder()),
            "TRIALOPS_KEYS": str(self.keys.of(self.replica.service)),
            **self._kafka_login(),
            **self._own_settings(),
        }

    def _kafka_login(self) -> dict[str, str]:
        if not self.backing.secured:
            return {}
        service = self.replica.service
        password = KafkaLogins(self.keys).password_file(service)
        return {"TRIALOPS_KAFKA_USER": service, "TRIALOPS_KAFKA_PASSWORD_FILE": str(password)}

    def _own_settings(self) -> dict[str, str]:
        """What this service is told and no other."""
        portal = {"TRIALOPS_PORTAL_URL": self.urls["portal"]} if "portal" in self.urls else {}
        match self.replica.service:
            case "notifier":
                return portal | {
                    "TRIALOPS_MAIL": self.backing.mail,
                    "TRIALOPS_MAIL_FROM": SENDER,
                    "TRIALOPS_CONTACTS": str(self.state.people.contacts_file),
                    "TRIALOPS_WEBHOOKS_INSIDE": os.environ.get(
                        "TRIALOPS_WEBHOOKS_INSIDE", json.dumps(_HERE)
                    ),
                }
            case "portal":
                return portal | {
                    "TRIALOPS_SERVICES": json.dumps(dict(self.urls)),
                    "TRIALOPS_TOKEN_KEY": str(self.keys.token_file),
                    "TRIALOPS_PEOPLE": str(self.state.people.file),
                    "TRIALOPS_MAILBOX": str(self.state.mail),
                }
            case _:
                return {}

    def _own_dsn(self) -> str:
        service = self.replica.service
        password = self.keys.database_password(service)
        return with_login(self.backing.postgres, f"trialops_{service}", password)


def mailbox_program(state: State, port: int) -> Program:
    """The mail server that keeps letters in the state folder."""
    where = ("--folder", str(state.mail), "--port", str(port))
    return Program(
        name="mailbox",
        command=(sys.executable, "-m", "deploy.embedded.mailbox", *where),
        folder=CHECKOUT,
        log=state.log("mailbox"),
    )

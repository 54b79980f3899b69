"""Who may log in to Kafka in a secured run: each service, the broker itself, and an admin.

SASL/SCRAM-SHA-512 for clients, SASL/PLAIN between broker and controller, all on loopback, where
only root could listen in. Passwords are drawn once a state; Kafka gets them when its folder is
formatted, and in no other way.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.files import keep_secret, write_private
from deploy.embedded.keys import Keys
from deploy.embedded.state import Endpoints, State
from deploy.wrong_use import WrongUse
from shared.contracts.topics import SERVICES
from shared.runtime.kafka_access import KafkaAccess

ADMIN = "admin"
_BROKER = "broker"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True)
class KafkaLogins:
    """The logins of one state; what only one service may read lies in that service's folder."""

    keys: Keys

    @property
    def exist(self) -> bool:
        """Whether this state was ever secured."""
        return self.admin_file.exists()

    @property
    def admin_file(self) -> Path:
        """The admin's login: JSON, `username` and `password`."""
        return self._own / "admin.json"

    def prepare(self) -> None:
        """Draw what is missing."""
        for user in (_BROKER, *SERVICES):
            keep_secret(self.password_file(user))
        if not self.exist:
            login = {"username": ADMIN, "password": secrets.token_urlsafe(32)}
            write_private(self.admin_file, json.dumps(login))

    def password_file(self, user: str) -> Path:
        """The file with nothing but the password, of a service or the broker."""
        if user in SERVICES:
            return self.keys.of(user) / "kafka_password"
        return self._own / f"{user}_password"

    def users(self) -> Mapping[str, str]:
        """Every user with the password, for Kafka's own tool."""
        drawn = {name: keep_secret(self.password_file(name)) for name in (_BROKER, *SERVICES)}
        return drawn | {ADMIN: _read(self.admin_file)["password"]}

    def properties(self) -> Mapping[str, str]:
        """What makes a broker ask for a login, and deny whatever no rule allows."""
        password = keep_secret(self.password_file(_BROKER))
        itself = f'username="{_BROKER}" password="{password}"'
        client, controller = "listener.name.client", "listener.name.controller"
        return {
            "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "sasl.mechanism.controller.protocol": "PLAIN",
            f"{client}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            f"{client}.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required {itself};",
            f"{controller}.sasl.enabled.mechanisms": "PLAIN",
            f"{controller}.plain.sasl.jaas.config": (
                f'{_PLAIN} required {itself} user_{_BROKER}="{password}";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{_BROKER};User:{ADMIN}",
        }

    def admin_access(self, bootstrap: str) -> KafkaAccess:
        """Every right."""
        return _access(bootstrap, self.admin_file)

    @property
    def _own(self) -> Path:
        return self.keys.folder / "kafka"


def secured(state: State, *, asked: bool, outside: bool) -> bool:
    """Whether the platform of this state runs secured: once it did, it always does.

    `outside`: its Kafka is not its own. WrongUse where it cannot be secured.
    """
    if KafkaLogins(Keys(state.keys)).exist:
        asked = True
    elif asked and (state.folder / "kafka").exists():
        raise WrongUse(
            f"{state.folder} was made without --secure, and Kafka takes its users only when its"
            " folder is made: name another folder with --state"
        )
    if asked and outside:
        raise WrongUse("--secure is for a Kafka of our own, and TRIALOPS_KAFKA names another")
    return asked


def admin_access(endpoints: Endpoints) -> KafkaAccess:
    """How to reach the platform's Kafka from outside its services, with every right."""
    bootstrap, login = endpoints["kafka"], endpoints.get("kafka_login")
    return KafkaAccess(bootstrap) if login is None else _access(bootstrap, Path(login))


def _access(bootstrap: str, file: Path) -> KafkaAccess:
    login = _read(file)
    return KafkaAccess(bootstrap, login["username"], login["password"])


def _read(file: Path) -> dict[str, str]:
    login: dict[str, str] = json.loads(file.read_text())
    return login

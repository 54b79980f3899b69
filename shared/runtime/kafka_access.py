"""Where Kafka is, and as whom to speak to it: what every client of it is opened with."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from faststream.security import BaseSecurity, SASLScram512

from shared.runtime.settings import Settings

_MECHANISM = "SCRAM-SHA-512"
_REFUSED = (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError)
_PATIENCE_MS = 5000


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Brokers and a login (SASL/SCRAM-SHA-512); without a user, as nobody.

    `ca` is a PEM file of the authorities that may have signed the brokers' certificates; with it
    every connection is TLS.
    """

    bootstrap: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """A service's access. OSError where the password cannot be read."""
        file = settings.kafka_password_file
        password = None if file is None else file.read_text().strip()
        return cls(settings.kafka, settings.kafka_user, password, settings.kafka_ca)

    def arguments(self) -> dict[str, Any]:
        """What a client of aiokafka is opened with."""
        return {"bootstrap_servers": self.bootstrap, **self._login()}

    def security(self) -> BaseSecurity:
        """The same for FastStream."""
        context = self._tls()
        if self.user is None or self.password is None:
            return BaseSecurity(ssl_context=context)
        return SASLScram512(self.user, self.password, ssl_context=context)

    async def probe(self) -> Exception | None:
        """Log in at the first broker that answers; what was in the way, None if one let us in.

        aiokafka's clients say of everything that they could not find a broker.
        """
        fault: Exception | None = None
        for server in self.bootstrap.split(","):
            host, _, port = server.rpartition(":")
            try:
                connection = await create_conn(
                    host, int(port), request_timeout_ms=_PATIENCE_MS, **self._login()
                )
            except (KafkaError, OSError) as why:
                fault = why
                continue
            connection.close()
            return None
        return fault

    def _login(self) -> dict[str, Any]:
        kind = "PLAINTEXT" if self.ca is None else "SSL"
        if self.user is None:
            return {"security_protocol": kind, "ssl_context": self._tls()}
        return {
            "security_protocol": f"SASL_{kind}",
            "ssl_context": self._tls(),
            "sasl_mechanism": _MECHANISM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }

    def _tls(self) -> ssl.SSLContext | None:
        return None if self.ca is None else ssl.create_default_context(cafile=self.ca)


async def refusal(settings: Settings) -> str | None:
    """What a person has to set right before Kafka lets this service in; None if it is not that."""
    try:
        fault = await KafkaAccess.of(settings).probe()
    except OSError:
        return "the password for Kafka cannot be read"
    if isinstance(fault, _REFUSED):
        return "Kafka refuses the login of this service"
    if isinstance(fault, ssl.SSLError):
        return "Kafka's certificate is not trusted"
    return None

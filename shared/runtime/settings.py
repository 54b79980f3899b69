"""Every setting of a service, each with its bound; read from the environment once, at start."""

from pathlib import Path
from typing import Self

from pydantic import Field, FilePath, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one service, from environment variables `TRIALOPS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TRIALOPS_", frozen=True, extra="ignore")

    service_host: str = "127.0.0.1"
    service_port: int = Field(ge=0, le=65535)
    kafka: str = Field(description="bootstrap servers, host:port[,host:port...]")
    kafka_user: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="the service's own principal (SASL/SCRAM-SHA-512); none: no login",
    )
    kafka_password_file: FilePath | None = Field(
        default=None, description="file with nothing but the principal's password"
    )
    kafka_ca: FilePath | None = Field(
        default=None, description="authorities of the brokers' certificates, PEM; none: no TLS"
    )
    database: str = Field(description="postgresql:// address with the service's own role")
    protocols: Path = Field(description="folder of protocol files")
    keys: Path = Field(description="folder of the service's private keys")

    issuer: str = Field(description="the only issuer of tokens")
    audience: str = Field(description="the audience that tokens must name")
    jwks_file: Path = Field(description="the issuer's public keys, a JSON Web Key Set (RFC 7517)")
    clock_file: Path | None = Field(
        default=None, description="offset of the platform's clock; without it the wall's clock"
    )

    http_concurrency: int = Field(default=500, ge=1, description="more requests at once get a 503")
    pool_size: int = Field(default=10, ge=2, le=100)
    statement_timeout_s: float = Field(default=30, gt=0, description="longest single statement")
    batch_records: int = Field(default=500, ge=1, le=10_000, description="records a transaction")
    fetch_bytes: int = Field(
        default=16 * 1024 * 1024, ge=65_536, description="longest answer to one fetch"
    )
    fetch_partition_bytes: int = Field(
        default=512 * 1024,
        ge=65_536,
        description="of each partition at a time, in an answer and in memory",
    )
    session_timeout_s: float = Field(default=10, ge=6, description="consumer group session")
    retry_first_s: float = Field(default=0.05, gt=0, description="first pause after a fault")
    retry_longest_s: float = Field(default=5, gt=0, description="longest pause between retries")
    retries: int = Field(default=5, ge=0, le=100, description="retries before a fault is raised")
    relay_rows: int = Field(default=1000, ge=1, le=10_000, description="outbox rows a round")
    relay_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1, description="bytes a round, which has one row at least"
    )
    relay_poll_s: float = Field(
        default=0.5, gt=0, description="outbox looked at, at least so often"
    )
    relay_lease_s: float = Field(default=10, ge=3, description="a dead relay's rows are taken over")
    send_timeout_s: float = Field(default=30, gt=0, description="longest wait for a broker's ack")
    request_timeout_s: float = Field(
        default=10, gt=0, description="then a broker is frozen or gone, and is asked anew"
    )
    metadata_age_s: float = Field(
        default=10, ge=1, description="brokers and topics are looked up, at least so often"
    )
    topics_watched_s: float = Field(
        default=30, gt=0, description="the ends of the service's own topics are looked at so often"
    )
    poll_age_s: float = Field(default=60, gt=1, description="older last poll: not ready")
    outbox_age_s: float = Field(default=60, gt=0, description="older oldest row: not ready")
    shutdown_s: float = Field(
        default=8, gt=0, description="from SIGTERM to the end, for all that is under way together"
    )

    services: dict[str, str] = Field(
        default={}, description="addresses of the other services by name, where one asks another"
    )
    ask_timeout_s: float = Field(
        default=10, gt=0, description="longest wait for another service's answer"
    )
    ask_connections: int = Field(
        default=50, ge=1, le=1000, description="to the other services, all together"
    )
    token_key: Path | None = Field(
        default=None, description="private key of the embedded run's issuer (Ed25519, PEM)"
    )
    people: Path | None = Field(default=None, description="who may sign in at the portal, JSON")
    mailbox: Path | None = Field(
        default=None, description="folder of letters, <address>/<n>.eml, that the portal shows"
    )
    portal_url: str | None = Field(default=None, description="public address of the portal")

    log_origin: str = Field(
        default="trialops/log",
        pattern=r"^[^\s+]+$",
        description="the audit log's name in every checkpoint: another log has another",
    )

    mail: str | None = Field(
        default=None, pattern=r"^[^\s:]+:[0-9]{1,5}$", description="mail server, host:port (SMTP)"
    )
    mail_from: str = Field(
        default="trialops@localhost", pattern=r"^[^\s@]+@[^\s@]+$", description="letters' sender"
    )
    delivery_timeout_s: float = Field(
        default=10, gt=0, description="one try of a letter or webhook, to the last word"
    )
    webhooks_inside: frozenset[str] = Field(
        default=frozenset(),
        description="hosts inside the network that webhooks may go to, as addresses name them",
    )
    deliveries_at_once: int = Field(
        default=8, ge=1, le=100, description="letters and webhooks on their way together"
    )
    contacts: Path | None = Field(
        default=None, description="whom to call in trials that have no contacts yet, JSON by trial"
    )

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.kafka_user is None) != (self.kafka_password_file is None):
            raise ValueError("kafka_user and kafka_password_file belong together")
        return self

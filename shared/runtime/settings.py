"""Every setting of a service, each with its bound; read from the environment once, at start."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one service, from environment variables `TRIALOPS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TRIALOPS_", frozen=True, extra="ignore")

    service_host: str = "127.0.0.1"
    service_port: int = Field(ge=0, le=65535)
    kafka: str = Field(description="bootstrap servers, host:port[,host:port...]")
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
    session_timeout_s: float = Field(default=10, ge=6, description="consumer group session")
    retry_first_s: float = Field(default=0.05, gt=0, description="first pause after a fault")
    retry_longest_s: float = Field(default=5, gt=0, description="longest pause between retries")
    retries: int = Field(default=5, ge=0, le=100, description="retries before a fault is raised")
    relay_rows: int = Field(default=1000, ge=1, le=10_000, description="outbox rows a round")
    relay_poll_s: float = Field(
        default=0.5, gt=0, description="outbox looked at, at least so often"
    )
    relay_lease_s: float = Field(default=10, ge=3, description="a dead relay's rows are taken over")
    send_timeout_s: float = Field(default=30, gt=0, description="longest wait for a broker's ack")
    shutdown_s: float = Field(default=8, gt=0, description="grace for what is under way at SIGTERM")

    services: dict[str, str] = Field(
        default={}, description="addresses of the other services by name, where one asks another"
    )
    token_key: Path | None = Field(
        default=None, description="private key of the embedded run's issuer (Ed25519, PEM)"
    )
    people: Path | None = Field(default=None, description="who may sign in at the portal, JSON")
    mailbox: Path | None = Field(
        default=None, description="folder of letters, <address>/<n>.eml, that the portal shows"
    )
    portal_url: str | None = Field(default=None, description="public address of the portal")

    mail: str | None = Field(
        default=None, pattern=r"^[^\s:]+:[0-9]{1,5}$", description="mail server, host:port (SMTP)"
    )
    mail_from: str = Field(
        default="trialops@localhost", pattern=r"^[^\s@]+@[^\s@]+$", description="letters' sender"
    )
    contacts: Path | None = Field(
        default=None, description="whom to call in trials that have no contacts yet, JSON by trial"
    )

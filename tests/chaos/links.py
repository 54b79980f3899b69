"""The services' lines to PostgreSQL, Kafka and the mail server, each through a proxy of ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from deploy.embedded.ports import LOOPBACK
from deploy.embedded.services import SERVICES
from tests.chaos.proxy import Proxy
from tests.chaos.stage import DATABASE_PORT, Stage


@dataclass
class Links:
    """The proxies by what they lead to; empty where the services go the direct way."""

    postgres: dict[str, Proxy] = field(default_factory=dict)
    """By service."""

    kafka: Proxy | None = None
    mail: Proxy | None = None

    def all(self) -> list[Proxy]:
        """Every proxy."""
        return [one for one in (*self.postgres.values(), self.kafka, self.mail) if one]


@asynccontextmanager
async def proxied(stage: Stage) -> AsyncIterator[Links]:
    """The services of the stage, started again behind proxies; the direct way at the end."""
    links = Links(
        {service: Proxy(LOOPBACK, stage.ports["postgres"]) for service in SERVICES},
        Proxy(LOOPBACK, stage.ports["kafka-behind"], stage.ports["kafka-proxy"]),
        Proxy(LOOPBACK, stage.ports["mailbox"]),
    )
    for proxy in links.all():
        await proxy.start()
    assert links.kafka is not None and links.mail is not None
    for service in SERVICES:
        ways = {
            DATABASE_PORT: str(links.postgres[service].port),
            "TRIALOPS_KAFKA": f"{LOOPBACK}:{links.kafka.port}",
        }
        if service == "notifier":
            ways["TRIALOPS_MAIL"] = f"{LOOPBACK}:{links.mail.port}"
        stage.equip(service, **ways)
    try:
        await stage.restart(*SERVICES)
        yield links
    finally:
        for service in SERVICES:
            stage.equip(service)
        await stage.restart(*SERVICES)
        for proxy in links.all():
            await proxy.stop()

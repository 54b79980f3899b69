"""A service's HTTP as its process has it: real routes, real PostgreSQL, a real socket; no Kafka.

It runs in a thread of its own, so that what asks it may block.
"""

import asyncio
import base64
import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from anyio.from_thread import start_blocking_portal
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.clock import wall
from shared.runtime.service import Service
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.running import settings_of
from tests.issuer import Issuer

PROTOCOLS = Path(__file__).parents[3] / "protocols"


@dataclass
class Served:
    """Where a service answers, and who signs tokens for it."""

    url: str
    issuer: Issuer


@contextmanager
def served(service: str, postgres: str, folder: Path) -> Iterator[Served]:
    """One service on a new database, with the protocols of the checkout."""
    issuer = Issuer(folder)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_serving(service, postgres, folder, issuer)) as url,
    ):
        yield Served(url, issuer)


@asynccontextmanager
async def _serving(service: str, postgres: str, folder: Path, issuer: Issuer) -> AsyncIterator[str]:
    async with database(postgres, service) as addresses:
        settings = settings_of(
            "nowhere:1", addresses.service, protocols=PROTOCOLS, keys=_keys(folder)
        )
        async with runtime_database.pool(settings, service) as pool:
            work = Work(service, pool, settings, wall, lambda: None)
            made: Service = importlib.import_module(f"services.{service}.app").build(settings)
            for job in made.at_start:
                await job(work)
            gate = http.Gate(work, issuer.tokens())
            app = http.application(service, made.version, made.all_routes(), gate)
            server = uvicorn.Server(
                uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
            )
            task = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            finally:
                server.should_exit = True
                await task


def _keys(folder: Path) -> Path:
    """The keys that services need."""
    for name in ("seed_key", "contacts_key"):
        (folder / name).write_bytes(base64.b64encode(bytes(range(32))))
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "audit_ed25519.pem").write_bytes(pem)
    return folder

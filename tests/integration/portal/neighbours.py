"""Screening and safety beside a portal, each on a database of its own, over real HTTP."""

import base64
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from services.safety.app import build as build_safety
from services.screening.app import build as build_screening
from shared.runtime import database as runtime_database
from shared.runtime import http
from shared.runtime.security import Tokens
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.work import Work
from tests.acceptance.trials import write_protocols
from tests.integration.databases import database
from tests.integration.portal.house import NOON, TRIAL, House, house, serving
from tests.integration.runtime.running import settings_of
from tests.issuer import AUDIENCE, ISSUER, Issuer

Build = Callable[[Settings], Service]
_BUILT: dict[str, Build] = {"screening": build_screening, "safety": build_safety}


@asynccontextmanager
async def street(
    postgres: str,
    folder: Path,
    built: Mapping[str, Build] = _BUILT,
    amendment: str | None = None,
) -> AsyncIterator[House]:
    """A portal whose screening and safety, or those named, answer; randomization is down."""
    issuer = Issuer(folder)
    tokens = _tokens(issuer, folder)
    protocols = _only(write_protocols(folder / "all"), folder / "neighbours")
    if amendment is not None:
        (protocols / f"{TRIAL}.v2.yaml").write_text(amendment)
    async with AsyncExitStack() as stack:
        addresses = {"randomizer": "http://127.0.0.1:1"}
        for name, build in built.items():
            served = _service(postgres, name, build, protocols, tokens)
            addresses[name] = await stack.enter_async_context(served)
        yield await stack.enter_async_context(
            house(postgres, folder, addresses, issuer, amendment=amendment)
        )


def _only(every: Path, folder: Path) -> Path:
    """The protocol of the test's trial alone: each service reads all that it is given."""
    folder.mkdir()
    shutil.copy(every / f"{TRIAL}.yaml", folder)
    return folder


@asynccontextmanager
async def _service(
    postgres: str, name: str, build: Build, protocols: Path, tokens: Tokens
) -> AsyncIterator[str]:
    async with database(postgres, name) as made:
        settings = settings_of(
            "nowhere:1", made.service, protocols=protocols, keys=protocols.parent
        )
        async with runtime_database.pool(settings, name) as pool:
            work = Work(name, pool, settings, lambda: NOON, lambda: None)
            gate = http.Gate(work, tokens)
            app = http.application(name, "1", build(settings).all_routes(), gate)
            app.middleware("http")(_closing)
            async with serving(app) as url:
                yield url


async def _closing(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Each connection ends with its answer: a portal keeps its own for as long as it lives."""
    response = await call_next(request)
    response.headers["connection"] = "close"
    return response


def _tokens(issuer: Issuer, folder: Path) -> Tokens:
    """Who verifies tokens of a portal, which names its key by the thumbprint (RFC 7638)."""
    x = base64.urlsafe_b64encode(issuer.public).decode().rstrip("=")
    key = {"crv": "Ed25519", "kty": "OKP", "x": x}
    digest = hashlib.sha256(json.dumps(key, separators=(",", ":")).encode()).digest()
    kid = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    file = folder / "portal_jwks.json"
    file.write_text(json.dumps({"keys": [{**key, "kid": kid, "alg": "EdDSA", "use": "sig"}]}))
    return Tokens(file, ISSUER, AUDIENCE)

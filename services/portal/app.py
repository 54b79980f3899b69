"""The portal, wired: events in to its read model, pages and streams out to people."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.portal.assets import Assets
from services.portal.client import Services
from services.portal.door import Door
from services.portal.handlers import subscriptions
from services.portal.pages import PAGES
from services.portal.parts import Parts
from services.portal.people import People
from services.portal.render import Render
from services.portal.sign_in import SignIn
from services.portal.stream import Hub, Stream
from services.portal.tokens import Signer
from services.portal.visit import Page
from shared.contracts import versions
from shared.contracts.subjects import TrialId
from shared.contracts.versions import Versions
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.work import Work


def build(settings: Settings) -> Service:
    """The service from its settings."""
    hub, protocols = Hub(), versions.load_all(settings.protocols)
    return Service(
        name="portal",
        protocols=list(protocols.values()),
        routes=(),
        subscriptions=subscriptions(),
        jobs=[hub.run],
        mount=mounting(settings, protocols, hub),
    )


def mounting(
    settings: Settings, protocols: Mapping[TrialId, Versions], hub: Hub
) -> Callable[[FastAPI, Work], None]:
    """What puts the pages into the service's application."""
    signer = None
    if settings.token_key is not None:
        signer = Signer(settings.token_key, settings.issuer, settings.audience)
    services, people = Services(settings, signer), People(settings.people)
    assets = Assets()
    render = Render(assets)

    def mount(app: FastAPI, work: Work) -> None:
        parts = Parts(
            work, protocols, people, services, render, settings.mailbox, settings.portal_url
        )
        door = Door(parts)
        sign_in, stream = SignIn(parts, door), Stream(hub, door)
        app.add_route("/static/{hash}/{name}", assets.serve, include_in_schema=False)
        app.add_route("/sign-in", sign_in.show, ["GET"], include_in_schema=False)
        app.add_route("/sign-in", sign_in.take, ["POST"], include_in_schema=False)
        app.add_route("/sign-out", sign_in.leave, ["POST"], include_in_schema=False)
        app.add_route("/stream", stream.serve, ["GET"], include_in_schema=False)
        for page in PAGES:
            app.add_route(page.path, _through(door, page), [page.method], include_in_schema=False)

    return mount


def _through(door: Door, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await door.pass_through(page, request)

    return endpoint

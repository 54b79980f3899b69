"""OpenAPI 3.1 of one service: what its `/openapi.json` answers."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.runtime import health
from shared.runtime.openapi import Application
from shared.runtime.service import Service


def document(service: Service) -> dict[str, Any]:
    """The service's routes, those of its dead letters and of its health."""
    app = Application(service.name, service.version)
    for route in service.all_routes():
        app.serve(route, _nobody)
    health.add(app, {})
    return app.openapi()


async def _nobody(request: Request) -> Response:
    raise NotImplementedError("this application is only described")

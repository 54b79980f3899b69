"""A service's HTTP application as FastAPI serves it and as `/openapi.json` describes it (3.1)."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, request_response
from starlette.routing import Route as AnyRoute
from starlette.types import Scope

from shared.runtime import problems
from shared.runtime.routes import Route

Endpoint = Callable[[Request], Awaitable[Response]]
Described = dict[str, Any]

_SCHEMAS = "#/components/schemas/{model}"

# FastAPI's own spans would carry whole paths, and so subjects.
_NONE_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

_BEARER: Described = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An OIDC token; `x-roles` of an operation names the roles that have it.",
}
_PROBLEM: Described = {
    "title": "Problem",
    "description": "What is wrong (RFC 9457). `type` is stable, `detail` says what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z0-9_-]+$"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "line": {"type": "integer", "minimum": 1, "description": "of a batch"},
        "errors": {
            "type": "array",
            "description": "each place that breaks a rule",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}
_IDEMPOTENCY_KEY: Described = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body give the first answer again; another body a 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class _Straight(APIRoute):
    """Described by FastAPI and served by Starlette alone: the endpoint takes the request itself."""

    def __init__(self, path: str, endpoint: Endpoint, **said: Any) -> None:
        super().__init__(path, endpoint, **said)
        self.app = request_response(endpoint)


class Application(FastAPI):
    """FastAPI over routes that are data. It parses nothing, so what it cannot see is told it."""

    def __init__(self, service: str, version: str) -> None:
        super().__init__(
            title=f"trialops {service}",
            version=version,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry=_NONE_OF_ITS_OWN,
        )
        self._schemas: Described = {"Problem": _PROBLEM}

    def serve(self, route: Route, endpoint: Endpoint) -> None:
        """Answer the route with the endpoint."""
        self.router.add_api_route(
            route.path,
            endpoint,
            methods=[route.method],
            name=route.summary.replace(" ", "_"),
            summary=route.summary,
            status_code=min(route.answers, default=200),
            responses=_responses(route),
            openapi_extra=self._extra(route),
            response_class=Response,
            route_class_override=_Straight,
        )

    def methods_at(self, scope: Scope) -> list[str]:
        """The methods in which anything is answered at the path of a request."""
        there = (route for route in self.routes if isinstance(route, AnyRoute))
        found = (route.methods or () for route in there if route.matches(scope)[0] != Match.NONE)
        return sorted({method for methods in found for method in methods})

    def openapi(self) -> Described:
        """The description, with what its operations refer to."""
        if self.openapi_schema is None:
            components = super().openapi().setdefault("components", {})
            components["securitySchemes"] = {"bearer": _BEARER}
            schemas = components.setdefault("schemas", {})
            for name, schema in self._schemas.items():
                _put(schemas, name, schema)
        return super().openapi()

    def _extra(self, route: Route) -> Described:
        extra: Described = {"parameters": self._parameters(route)}
        if route.roles is not None:
            extra["x-roles"] = sorted(route.roles | (route.by_arm or frozenset()))
            extra["security"] = [{"bearer": []}]
        if route.body is not None:
            content = {"application/json": {"schema": self._schema(route.body)}}
            extra["requestBody"] = {"required": True, "content": content}
        elif route.media_type != "application/json":
            extra["requestBody"] = {"required": True, "content": {route.media_type: {}}}
        return extra

    def _parameters(self, route: Route) -> list[Described]:
        query = self._schema(route.query)
        needed = query.get("required", ())
        found = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _path_parameters(route.path)
        ]
        found += [
            {"name": name, "in": "query", "required": name in needed, "schema": schema}
            for name, schema in query.get("properties", {}).items()
        ]
        if route.method == "POST" and route.roles is not None:
            found.append(_IDEMPOTENCY_KEY)
        return found

    def _schema(self, model: type[BaseModel]) -> Described:
        schema = model.model_json_schema(ref_template=_SCHEMAS)
        for name, inner in schema.pop("$defs", {}).items():
            _put(self._schemas, name, inner)
        return schema


def _put(schemas: Described, name: str, schema: Described) -> None:
    if schemas.setdefault(name, schema) != schema:
        raise ValueError(f"two models of one service are called {name}")


def _responses(route: Route) -> dict[int | str, Described]:
    described: dict[int | str, Described] = {
        status: {"content": {answer: {}}} if isinstance(answer, str) else {"model": answer}
        for status, answer in route.answers.items()
    }
    if route.also is not None:
        for one in described.values():
            one.setdefault("content", {})[route.also] = {}
    problem = {"schema": {"$ref": _SCHEMAS.format(model="Problem")}}
    described["default"] = {
        "description": "what is wrong (RFC 9457)",
        "content": {problems.MEDIA_TYPE: problem},
    }
    return described


def _path_parameters(path: str) -> list[str]:
    return [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]

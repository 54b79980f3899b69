"""Errors over HTTP: RFC 9457 problem details, each with a stable type."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

from shared.contracts import jsontext

MEDIA_TYPE = "application/problem+json"

Loc = Sequence[str | int]


class Problem(Exception):
    """an answer that says what is wrong; `type` is stable, `detail` says what to do"""

    def __init__(
        self,
        status: int,
        type: str,
        detail: str,
        errors: Sequence[tuple[Loc, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def body(self, **more: object) -> dict[str, object]:
        """The problem object; `more` are extension members, such as a batch's `line`."""
        body: dict[str, object] = {
            "type": f"/problems/{self.type}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **more,
        }
        if self.errors is not None:
            body["errors"] = [{"loc": list(loc), "msg": msg} for loc, msg in self.errors]
        return body

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(
            jsontext.dumps(self.body()),
            self.status,
            media_type=MEDIA_TYPE,
            headers=dict(self.headers or {}),
        )


def unauthorized(detail: str) -> Problem:
    """401, with the challenge that RFC 6750 asks for."""
    return Problem(401, "unauthorized", detail, headers={"www-authenticate": "Bearer"})


def forbidden() -> Problem:
    """403: no role of the caller has the route."""
    return Problem(403, "forbidden", "None of your roles may do this.")


def not_found(what: str = "resource") -> Problem:
    """404: unknown, malformed, or outside the caller's scope; which of these is not told."""
    return Problem(404, "not-found", f"There is no such {what}, or not for you.")


def too_large(detail: str) -> Problem:
    """413."""
    return Problem(413, "too-large", detail)


def invalid(errors: Sequence[tuple[Loc, str]], detail: str = "The input breaks a rule.") -> Problem:
    """422, with the place of each error."""
    return Problem(422, "invalid", detail, errors=errors)


def conflict(type: str, detail: str) -> Problem:
    """409, by its own name."""
    return Problem(409, type, detail)


def internal() -> Problem:
    """500: our own fault; what it was is in the log alone."""
    return Problem(500, "internal", "Something went wrong here; it is in the log.")


def unavailable() -> Problem:
    """503: whether a change under way was kept is not known; the Idempotency-Key tells."""
    return Problem(
        503,
        "unavailable",
        "The service cannot reach its database. Send the same request again in a moment,"
        " with the same Idempotency-Key.",
        headers={"retry-after": "1"},
    )

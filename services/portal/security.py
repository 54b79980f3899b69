"""What browsers are told, and what is asked of every form: headers, origin, cookie."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "trialops_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"

# Nothing is loaded but from here, nothing is run or styled but from files, nobody frames a page.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # Not no-referrer: a browser would then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def secured(response: Response) -> Response:
    """The response with the headers of every page, those that it has already aside."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def from_here(request: Request, public_url: str | None) -> bool:
    """Whether a POST comes from a page of ours: browsers name the origin of every form.

    What names none is no browser's form. It may pass as far as the CSRF token takes it.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") in (None, "same-origin")
    try:
        said = urlsplit(origin).netloc
    except ValueError:
        return False
    ours = {request.headers.get("host")}
    if public_url:
        ours.add(urlsplit(public_url).netloc)
    return said in ours


def is_secure(request: Request, public_url: str | None) -> bool:
    """Whether the portal is reached by https, so that the cookie may not go by http."""
    return request.url.scheme == "https" or (public_url or "").startswith("https:")


def keep(response: Response, secret: str, *, secure: bool) -> None:
    """Give the browser its session, until it is closed or the session ends."""
    response.set_cookie(COOKIE, secret, httponly=True, samesite="lax", secure=secure, path="/")


def forget(response: Response, *, secure: bool) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=secure, path="/")

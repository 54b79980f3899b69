"""Every page passes the same gates: session, role, a form's origin and token; then its endpoint."""

import hmac
import time
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from services.portal import security, sessions
from services.portal.parts import Parts
from services.portal.people import Person
from services.portal.sessions import Session
from services.portal.visit import Form, Page, Problem, Visit
from shared.runtime import database, http, logs, problems, telemetry
from shared.runtime.security import Role

_log = logs.logger("pages")

_LONGEST_FORM = 256 * 1024
_STALE = "This form is no longer valid. Open the page again and send it once more."
_SAID = {
    404: "There is no such page.",
    500: "Something went wrong here. It is in the log; try again in a minute.",
    503: "The portal cannot reach its database at the moment. Try again in a minute.",
}


class Door:
    """Takes requests to pages, or says why not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def pass_through(self, page: Page, request: Request) -> Response:
        """The answer to one request, whatever goes wrong."""
        started = time.perf_counter()
        with telemetry.request_span(page.path, page.method, None):
            response = await self._answered(page, request)
        seen = {"route": page.path, "method": page.method}
        telemetry.http_duration.record(time.perf_counter() - started, seen)
        telemetry.http_requests.add(1, seen | {"status": response.status_code})
        return security.secured(response)

    async def _answered(self, page: Page, request: Request) -> Response:
        visit: Visit | None = None
        try:
            found = await self.signed_in(request)
            if found is None:
                return to_sign_in(request)
            visit = Visit(request, self._parts, *found)
            await self._pass_gates(page, visit)
            return await page.endpoint(visit)
        except Problem as problem:
            return self.told(problem.status, problem.sentence, visit)
        except problems.Problem as problem:
            return self.told(problem.status, problem.detail, visit)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as fault:
            passing = database.passing(fault) or database.conflicting(fault)
            logs.warn(_log, "a page failed", fault, route=page.path)
            status = 503 if passing else 500
            return self.told(status, _SAID[status], None if passing else visit)

    async def signed_in(self, request: Request) -> tuple[Session, Person] | None:
        """The session of the request's cookie and its person, if both still are."""
        async with self._parts.work.pool.acquire() as db:
            session = await sessions.find(db, request.cookies.get(security.COOKIE))
        person = self._parts.people.find(session.person) if session else None
        return (session, person) if session and person else None

    async def _pass_gates(self, page: Page, visit: Visit) -> None:
        request = visit.request
        if visit.person.role not in page.roles or visit.person.role is Role.SERVICE:
            raise Problem(403, "This page is not part of your role in the trial.")
        if page.method == "POST":
            visit.form = Form(await http.read_body(request, _LONGEST_FORM))
            self._check_form(visit)
        # What the page itself fetches again is no sign that somebody is there.
        if "hx-request" not in request.headers or page.method == "POST":
            chosen = visit.chosen
            async with self._parts.work.pool.acquire() as db:
                await sessions.touch(db, visit.session, chosen.id if chosen else None)

    def _check_form(self, visit: Visit) -> None:
        """The form is one that this session was given, sent from a page of ours."""
        given = visit.request.headers.get(security.CSRF_HEADER) or visit.form[security.CSRF_FIELD]
        here = security.from_here(visit.request, self._parts.public_url)
        if not here or not hmac.compare_digest(given.encode(), visit.session.csrf.encode()):
            raise Problem(403, _STALE)

    def told(self, status: int, sentence: str, visit: Visit | None) -> Response:
        """A page that says what is wrong."""
        return self._parts.render("problem.html", status, visit=visit, sentence=sentence)


def to_sign_in(request: Request) -> Response:
    """Sign in first, and then go on here. A fragment asks the whole page to go there."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": "/sign-in"})
    if request.method != "GET":
        return RedirectResponse("/sign-in", 303)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", 303)

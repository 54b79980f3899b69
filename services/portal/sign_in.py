"""Signing in and out: the pages that stand before the door."""

import asyncio
import hmac
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.portal import security, sessions, tries
from services.portal.door import Door
from services.portal.parts import Parts
from services.portal.people import Person
from services.portal.sessions import Session
from services.portal.visit import Form
from shared.contracts.events.portal import SignedIn, SignedOut, SignInRefused
from shared.runtime import database, http, logs, outbox
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem

_log = logs.logger("sign_in")

_LONGEST_FORM = 8 * 1024
_WAITING = 50
"""Sign-ins that wait to be looked at: a flood of them leaves the other pages their places."""
_WRONG = "Name and password do not go together."
_TOO_OFTEN = "Too many tries. Wait a quarter of an hour, then try again."
_CROWDED = "Too many people sign in at the moment. Try again in a minute."
_NOT_FROM_HERE = "This form came from another page. Open the sign-in here and try again."
_NO_DATABASE = "The portal cannot reach its database at the moment. Try again in a minute."


class SignIn:
    """The routes of signing in and out."""

    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._door = door
        self._looking = asyncio.Semaphore(2)  # each takes 16 MiB and a core
        self._waiting = 0

    async def show(self, request: Request) -> Response:
        """The form; whoever is signed in goes on at once."""
        try:
            if await self._door.signed_in(request):
                return security.secured(RedirectResponse(_onward(request), 303))
        except Exception as fault:
            if not database.passing(fault):
                raise
            return self._form(request, Form(), 503, _NO_DATABASE)
        return self._form(request, Form())

    async def take(self, request: Request) -> Response:
        """A name and a password: a new session, or the form again."""
        try:
            form = Form(await http.read_body(request, _LONGEST_FORM))
            return await self._checked(request, form)
        except Problem as problem:
            return self._form(request, Form(), problem.status, problem.detail)
        except Exception as fault:
            if not database.passing(fault):
                raise
            logs.warn(_log, "database out of reach", fault)
            return self._form(request, Form(), 503, _NO_DATABASE)

    async def _checked(self, request: Request, form: Form) -> Response:
        if not security.from_here(request, self._parts.public_url):
            return self._form(request, form, 403, _NOT_FROM_HERE)
        name, password = form["name"].strip()[:200], form["password"][:1000]
        person = await self._looked_at(
            name, password, request.client.host if request.client else ""
        )
        if not isinstance(person, Person):
            return self._form(request, form, *person)
        old = request.cookies.get(security.COOKIE)
        session = await self._parts.work.transact(lambda db, now: self._begin(db, now, person, old))
        response = RedirectResponse(_onward(request, form["next"]), 303)
        security.keep(response, session.secret, secure=self._secure(request))
        return security.secured(response)

    async def _looked_at(self, name: str, password: str, address: str) -> Person | tuple[int, str]:
        """Whose password it is, or the status and words of the refusal.

        A failure is counted before the next is looked at, however many come at once.
        """
        if not await self._may_try(name, address):
            return 429, _TOO_OFTEN
        if self._waiting >= _WAITING:
            return 503, _CROWDED
        self._waiting += 1
        try:
            async with self._looking:
                return await self._person(name, password, address)
        finally:
            self._waiting -= 1

    async def _may_try(self, name: str, address: str) -> bool:
        async with self._parts.work.pool.acquire() as db:
            return await tries.may_try(db, name, address)

    async def _person(self, name: str, password: str, address: str) -> Person | tuple[int, str]:
        if not await self._may_try(name, address):  # others have failed while this one waited
            return 429, _TOO_OFTEN
        person = await asyncio.to_thread(self._parts.people.checked, name, password)
        if person is None:
            await self._parts.work.transact(lambda db, now: self._refuse(db, now, name, address))
        return person or (422, _WRONG)

    async def leave(self, request: Request) -> Response:
        """Sign out; without a session there is nothing to end."""
        try:
            form = Form(await http.read_body(request, _LONGEST_FORM))
        except Problem as problem:
            return security.secured(self._door.told(problem.status, problem.detail, None))
        found = await self._door.signed_in(request)
        response = RedirectResponse("/sign-in?told=signed-out", 303)
        if found:
            session, person = found
            ours = security.from_here(request, self._parts.public_url)
            if not ours or not hmac.compare_digest(
                form[security.CSRF_FIELD].encode(), session.csrf.encode()
            ):
                sentence = "This form is no longer valid. Open the page again."
                return security.secured(self._door.told(403, sentence, None))
            await self._parts.work.transact(lambda db, now: self._end(db, now, session, person))
        security.forget(response, secure=self._secure(request))
        return security.secured(response)

    async def _begin(
        self, db: Connection, now: datetime, person: Person, old: str | None
    ) -> Session:
        if before := await sessions.find(db, old):
            await sessions.end(db, before)
        session = await sessions.begin(db, person.sub)
        fact = NewEvent(SignedIn(person=person.sub), now, actor=person.sub)
        await outbox.add(db, self._parts.work.service, [fact])
        return session

    async def _end(self, db: Connection, now: datetime, session: Session, person: Person) -> None:
        await sessions.end(db, session)
        fact = NewEvent(SignedOut(person=person.sub), now, actor=person.sub)
        await outbox.add(db, self._parts.work.service, [fact])

    async def _refuse(self, db: Connection, now: datetime, name: str, address: str) -> None:
        """Count and record it; a name that nobody has is not written down: it may be a password."""
        await tries.failed(db, name, address)
        known = self._parts.people.find(name)
        fact = NewEvent(SignInRefused(person=known.sub if known else None), now)
        await outbox.add(db, self._parts.work.service, [fact])

    def _form(
        self, request: Request, form: Form, status: int = 200, wrong: str | None = None
    ) -> Response:
        return security.secured(
            self._parts.render(
                "sign_in.html",
                status,
                name=form["name"],
                onward=_onward(request, form["next"]),
                wrong=wrong,
                told=request.query_params.get("told", ""),
                anybody=self._parts.people.any,
            )
        )

    def _secure(self, request: Request) -> bool:
        return security.is_secure(request, self._parts.public_url)


def _onward(request: Request, given: str = "") -> str:
    """Where to go on: a page of ours, never another site's."""
    wanted = given or request.query_params.get("next", "")
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/sign-"))
    clean = ours and all(" " < sign < "\x7f" and sign != "\\" for sign in wanted)
    return wanted if clean else "/"

"""One request of somebody who is signed in, and what a page is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.portal.client import Answer
from services.portal.parts import Parts
from services.portal.people import Person
from services.portal.sessions import Session
from shared.contracts.study import Protocol
from shared.contracts.subjects import SiteId, TrialId, site_of, well_formed_subject
from shared.contracts.versions import Versions
from shared.runtime import problems
from shared.runtime.security import Role
from shared.runtime.work import Work

EVERYONE = frozenset(role for role in Role if role is not Role.SERVICE)
SITE = frozenset({Role.SITE, Role.INVESTIGATOR})
INVESTIGATOR = frozenset({Role.INVESTIGATOR})
SAFETY_OFFICER = frozenset({Role.SAFETY_OFFICER})
TRIAL_MANAGER = frozenset({Role.TRIAL_MANAGER})
STATISTICIAN = frozenset({Role.STATISTICIAN})
AUDITOR = frozenset({Role.AUDITOR})

_MOST_FIELDS = 2000


class Problem(Exception):
    """a page cannot be shown; the sentence says why and what to do"""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Form(Mapping[str, str]):
    """The fields of a form as typed; of several of a name the first, `every` gives all.

    A field that was not sent is the empty text: a browser leaves out a box that is not ticked.
    A NUL, which no service keeps, is U+FFFD, as in HTML. Over 2,000 fields answer 413.
    """

    def __init__(self, raw: bytes = b"") -> None:
        self._values: dict[str, list[str]] = {}
        text = raw.decode("utf-8", errors="replace")
        try:
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as why:
            raise problems.too_large(f"The form has over {_MOST_FIELDS:,} fields.") from why
        for field_ in fields:
            name, value = (part.replace("\x00", "\ufffd") for part in field_)
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._values.get(name, [""])[0]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def every(self, name: str) -> Sequence[str]:
        """All values of this name."""
        return self._values.get(name, [])


@dataclass
class Visit:
    """One request with the person, the session and the parts of the portal."""

    request: Request
    parts: Parts
    session: Session
    person: Person
    form: Form = field(default_factory=Form)

    @property
    def work(self) -> Work:
        """The portal's database and clock."""
        return self.parts.work

    @cached_property
    def now(self) -> datetime:
        """The platform's time."""
        return self.parts.work.now()

    @property
    def path(self) -> Mapping[str, str]:
        """The values of the path's parameters."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.request.query_params

    @cached_property
    def trials(self) -> list[Protocol]:
        """The trials in the person's scope, each as its newest version in force has it."""
        every = self.parts.protocols.values()
        return [one.at(self.now) for one in every if self.person.may_see_trial(one.id)]

    @property
    def trial(self) -> TrialId:
        """The path's trial; 404 unless there is one, in scope."""
        return self.protocol.id

    @cached_property
    def protocol(self) -> Protocol:
        """The newest version in force of the trial's protocol, as `trial`."""
        return self.versions.at(self.now)

    def version(self, name: str) -> Protocol:
        """The version by which something was decided; the newest for one not known here."""
        return self.versions.of(name) or self.protocol

    @cached_property
    def versions(self) -> Versions:
        """The versions of the trial's protocol, as `trial`."""
        found = self.parts.protocols.get(TrialId(self.path.get("trial", "")))
        if found is None or not self.person.may_see_trial(found.id):
            self.problem(404, "There is no such trial, or not for you.")
        return found

    @cached_property
    def chosen(self) -> Protocol | None:
        """The trial that the page's frame speaks of: the path's, else the last one looked at."""
        wanted = self.path.get("trial") or self.session.trial
        return next((one for one in self.trials if one.id == wanted), None) or next(
            iter(self.trials), None
        )

    @property
    def subject(self) -> str:
        """The path's subject; 404 unless well formed and of a site in scope."""
        subject = self.path.get("subject", "")
        if not well_formed_subject(subject) or not self.may_see_site(site_of(subject)):
            self.problem(404, "There is no such subject, or not for you.")
        return subject

    def may_see_site(self, site: str) -> bool:
        """Whether the site is one of the trial, or was, and in the person's scope."""
        return self.person.may_see_site(site)

    def zone(self, site: str | None) -> ZoneInfo:
        """The time zone of a site; of the trial's first where it is not known, else UTC."""
        protocol = self.chosen
        if protocol is None:
            return ZoneInfo("UTC")
        known = protocol.site(SiteId(site)) if site else None
        return ZoneInfo((known or protocol.sites[0]).time_zone)

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Ask another service as this person; what it refuses is an answer, too."""
        return await self.parts.services.ask(self.person, method, service, path, body, query, key)

    async def needed(self, service: str, path: str, **query: str) -> Any:
        """What a service answers to a question; where it refuses, so does the page."""
        answer = await self.ask("GET", service, path, query=query or None)
        if not answer.ok:
            self.problem(answer.status, answer.detail)
        return answer.body

    def page(self, template: str, status: int = 200, **context: object) -> Response:
        """A page."""
        return self.parts.render(template, status, visit=self, **context)

    def see(self, path: str, told: str | None = None) -> Response:
        """Go on at this page of ours, which then tells what was done (`words.TOLD`)."""
        if told:
            path += ("&" if "?" in path else "?") + urlencode({"told": told})
        return RedirectResponse(path, 303)

    def problem(self, status: int, sentence: str) -> NoReturn:
        """Show no page but this sentence."""
        raise Problem(status, sentence)

    def refused(self, answer: Answer) -> NoReturn:
        """Show what a service said."""
        self.problem(answer.status, answer.detail)


Endpoint = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One page: who may ask it how. `endpoint` gets a visit that passed all gates."""

    method: str
    path: str
    roles: frozenset[Role]
    endpoint: Endpoint

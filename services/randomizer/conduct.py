"""What people do to a trial over HTTP: pause, resume, close, sites, list, unblinding, the seed."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel
from starlette.responses import Response

from services.randomizer import commands
from services.randomizer.book import Book, TrialState
from services.randomizer.facts import Command
from services.randomizer.scope import plan_of, plans_of, site_in, subject_of
from services.randomizer.trials import Trials
from services.randomizer.unblinding import unblind
from shared.contracts.events.randomization import EnrolmentDecided
from shared.contracts.subjects import SiteId
from shared.runtime.routes import Call

Verb = Literal["pause", "resume", "close", "site_open", "site_close"]


class TrialSwitched(BaseModel):
    """Whether the trial randomizes."""

    state: TrialState


class SiteSwitched(BaseModel):
    """Whether the site enrols."""

    site: str
    open: bool


class ListLoaded(BaseModel):
    """The list in force."""

    list_sha256: str
    rows: int


class OpeningRequested(BaseModel):
    """Who has asked; a second statistician is waited for."""

    requested_by: list[str]
    opened: bool


class Conduct:
    """The commands over the trials that run here."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    async def switch_trial(
        self, verb: Verb, command: Callable[[], Command], call: Call
    ) -> Response:
        """Pause, resume or close."""
        plan_of(self._trials, call)
        fact = EnrolmentDecided(decision=verb, site=None, reason=call.body.reason)

        def answer(book: Book) -> object:
            return {"state": book.trial.state}

        return await call.write(
            partial(commands.enrol, self._trials, call, command(), fact, answer)
        )

    async def switch_site(
        self, verb: Verb, command: Callable[[SiteId], Command], call: Call
    ) -> Response:
        """Open or close a site."""
        site = site_in(plan_of(self._trials, call), call)
        fact = EnrolmentDecided(decision=verb, site=site, reason=call.body.reason)

        def answer(book: Book) -> object:
            return {"site": site, "open": book.sites[site]}

        return await call.write(
            partial(commands.enrol, self._trials, call, command(site), fact, answer)
        )

    async def load_list(self, call: Call) -> Response:
        """Check the list whole, then put it in force."""
        plan = plans_of(self._trials, call).list_checked_by(call.work.now())
        rows = commands.checked_list(plan, call.raw)
        return await call.write(partial(commands.load_list, self._trials, call, rows))

    async def unblind(self, call: Call) -> Response:
        """The arm of one subject, for one answer; recorded and alerted."""
        subject_of(plan_of(self._trials, call), call)
        return await call.write(partial(unblind, call))

    async def open_seed(self, call: Call) -> Response:
        """202 for the first of two different people, 201 with the bundle, as a file, for both."""
        plan = plan_of(self._trials, call)
        answer = await call.write(partial(commands.open_seed, self._trials, call))
        if answer.status_code == HTTPStatus.CREATED:
            name = f"{plan.trial}-bundle.json"
            answer.headers["content-disposition"] = f'attachment; filename="{name}"'
        return answer

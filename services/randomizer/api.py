"""The randomizer's HTTP: allocations and enrolment by role, and what people may do to a trial."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, Field, JsonValue
from starlette.responses import Response

from services.randomizer import answers, commands, records
from services.randomizer.answers import BY_ARM, SITE
from services.randomizer.book import Book, TrialState
from services.randomizer.enrolment import enrolment
from services.randomizer.facts import Close, CloseSite, Command, OpenSite, Pause, Resume
from services.randomizer.plan import Plan
from services.randomizer.predictability import Predictability, predictability
from services.randomizer.records import Entry
from services.randomizer.replay import Bundle
from services.randomizer.trials import Trials
from services.randomizer.unblinding import unblind
from services.randomizer.went_by import past, went_by
from shared.contracts import jsontext
from shared.contracts.events.randomization import ArmsRead, EnrolmentDecided
from shared.contracts.subjects import SiteId, SubjectId, TrialId, site_of, well_formed_subject
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem, not_found
from shared.runtime.routes import Call, Page, Query, Reason, Route
from shared.runtime.security import ALL, Role
from shared.runtime.work import Answer

_MANAGER = frozenset({Role.TRIAL_MANAGER})
_STATISTICIAN = frozenset({Role.STATISTICIAN})
_UNBLINDS = frozenset({Role.INVESTIGATOR, Role.SAFETY_OFFICER})

Decision = Literal["pause", "resume", "close", "site_open", "site_close"]


class AllocationsQuery(Page):
    """Draws after a number."""

    after: str | None = Field(default=None, pattern=r"^[0-9]{1,9}$")
    by: Literal["arm"] | None = None


class EnrolmentQuery(Query):
    """Totals, for the statistician by arm too."""

    by: Literal["arm"] | None = None


class Allocation(BaseModel):
    """One draw; without `arm` for who may not see it. A masked one has its `treatment_code`."""

    subject: str
    number: int
    stratum: str
    arm: str | None = None
    treatment_code: str | None = None
    carry: dict[str, JsonValue] | None = None
    at: str


class AllocationPage(BaseModel):
    """Draws by their numbers."""

    items: list[Allocation]
    next: str | None


class Figures(BaseModel):
    """How many subjects; no `target` without a cap."""

    randomized: int
    target: int | None
    waiting: int
    refused: int


class EnrolmentAnswer(Figures):
    """The figures of the trial, by stratum and by site; asked by arm, those of each stratum."""

    state: TrialState
    strata: dict[str, Figures]
    sites: dict[str, Figures]
    arms: dict[str, dict[str, int]] | None = None


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


class Api:
    """The routes over the trials that run here."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def routes(self) -> list[Route]:
        """The table."""
        trial = "/v1/trials/{trial}"
        readers = SITE | _MANAGER | _STATISTICIAN
        deciding: list[tuple[str, frozenset[Role], Decision, Callable[[], Command]]] = [
            ("pause", frozenset({Role.SAFETY_OFFICER}), "pause", Pause),
            ("resume", _MANAGER, "resume", Resume),
            ("close", _MANAGER, "close", Close),
        ]
        return [
            Route(
                "GET",
                f"{trial}/allocations",
                readers,
                self.allocations,
                "who was drawn, in order",
                query=AllocationsQuery,
                answers={200: AllocationPage},
                by_arm=BY_ARM,
            ),
            Route(
                "GET",
                f"{trial}/allocations/{{subject}}",
                readers,
                self.allocation,
                "one subject's draw",
                answers={200: Allocation},
            ),
            Route(
                "GET",
                f"{trial}/enrolment",
                _MANAGER | _STATISTICIAN,
                self.enrolment,
                "how far the trial has come",
                query=EnrolmentQuery,
                answers={200: EnrolmentAnswer},
                by_arm=_STATISTICIAN,
            ),
            *(
                Route(
                    "POST",
                    f"{trial}/{verb}",
                    roles,
                    partial(self.switch_trial, decision, command),
                    f"{verb} randomization",
                    body=Reason,
                    answers={200: TrialSwitched},
                )
                for verb, roles, decision, command in deciding
            ),
            Route(
                "POST",
                f"{trial}/sites/{{site}}/open",
                _MANAGER,
                partial(self.switch_site, "site_open", OpenSite),
                "let a site enrol",
                body=Reason,
                answers={200: SiteSwitched},
            ),
            Route(
                "POST",
                f"{trial}/sites/{{site}}/close",
                _MANAGER,
                partial(self.switch_site, "site_close", CloseSite),
                "let a site enrol no more",
                body=Reason,
                answers={200: SiteSwitched},
            ),
            Route(
                "PUT",
                f"{trial}/allocation-list",
                _STATISTICIAN,
                self.load_list,
                "put a prepared list in force (CSV stratum,arm[,subject])",
                answers={200: ListLoaded},
                media_type="text/csv",
            ),
            Route(
                "POST",
                f"{trial}/subjects/{{subject}}/unblind",
                _UNBLINDS,
                self.unblind,
                "tell the arm of one subject of a masked trial, to the asker alone",
                body=Reason,
                answers={200: Allocation},
                sealed=True,
            ),
            Route(
                "GET",
                f"{trial}/predictability",
                _STATISTICIAN,
                self.predictability,
                "how often the next arm could have been guessed, and how often by design",
                answers={200: Predictability},
                sealed=True,
            ),
            Route(
                "POST",
                f"{trial}/seed/open",
                _STATISTICIAN,
                self.open_seed,
                "open the seed of a closed trial, with a second statistician",
                body=Reason,
                answers={202: OpeningRequested, 201: Bundle},
                sealed=True,
            ),
        ]

    def _plan(self, call: Call) -> Plan:
        plans = self._trials.plans.get(TrialId(call.trial))
        if plans is None:
            raise not_found("trial")
        return plans.at(call.work.now())

    def _subject(self, call: Call) -> SubjectId:
        """The path's subject; 404 where it is malformed or outside the caller's scope."""
        plan, subject = self._plan(call), call.path["subject"]
        if not well_formed_subject(subject) or not _in_scope(plan, call, site_of(subject)):
            raise not_found("subject")
        return SubjectId(subject)

    async def allocations(self, call: Call) -> Response:
        """Draws of the caller's sites; a look at arms across sites is recorded."""
        plan = self._plan(call)
        after, limit = int(call.query.after or 0), call.query.limit
        sites = None if ALL in call.caller.sites else [SiteId(s) for s in call.caller.sites]
        async with call.work.reading() as db:
            found = await records.allocations(db, plan.trial, after, limit + 1, sites)
            shown = found[:limit]
            numbers = [one.number for one in shown]
            values = await went_by(db, plan.trial, numbers) if call.query.by else {}
        items = [_draw(call, one) | _went_by(values.get(one.number)) for one in shown]
        body = {
            "items": items,
            "next": str(shown[-1].number) if len(found) > limit else None,
        }
        return await _told(call, body, items)

    async def allocation(self, call: Call) -> Response:
        """The subject's draw, or 404 `not-allocated` before it."""
        plan, subject = self._plan(call), self._subject(call)
        async with call.work.reading() as db:
            found = await records.allocation_of(db, plan.trial, subject)
        if found is None:
            raise Problem(404, "not-allocated", "The subject has not been randomized.")
        body = _draw(call, found)
        return await _told(call, body, [body])

    async def unblind(self, call: Call) -> Response:
        """The arm of one subject, for one answer; recorded and alerted."""
        self._subject(call)
        return await call.write(partial(unblind, call))

    async def enrolment(self, call: Call) -> Response:
        """Randomized, target, waiting and refused; in all, by stratum and by site."""
        plan = self._plan(call)
        async with call.work.reading() as db:
            trial = await records.trial_now(db, plan.trial)
            tallies = await records.tallies(db, plan.trial)
            arms = await records.arms(db, plan.trial) if call.query.by else None
        if trial is None:
            raise not_found("trial")
        found = enrolment(plan, trial.state, tallies)
        body: dict[str, object] = {
            "state": found.state,
            **asdict(found.total),
            "strata": {name: asdict(progress) for name, progress in found.strata.items()},
            "sites": {name: asdict(progress) for name, progress in found.sites.items()},
        }
        if arms is None:
            return Response(jsontext.dumps(body), media_type="application/json")
        body["arms"] = {
            stratum: dict.fromkeys(ratio.shares, 0) | arms.pop(stratum, {})
            for stratum, ratio in plan.scheme.ratios.items()
        } | arms  # of strata that a later version of the protocol dropped
        return await _recorded(call, body)

    async def switch_trial(
        self, decision: Decision, command: Callable[[], Command], call: Call
    ) -> Response:
        """Pause, resume or close."""
        self._plan(call)
        fact = EnrolmentDecided(decision=decision, site=None, reason=call.body.reason)

        def answer(book: Book) -> object:
            return {"state": book.trial.state}

        return await call.write(
            partial(commands.enrol, self._trials, call, command(), fact, answer)
        )

    async def switch_site(
        self, decision: Decision, command: Callable[[SiteId], Command], call: Call
    ) -> Response:
        """Open or close a site."""
        plan, site = self._plan(call), SiteId(call.path["site"])
        if not _in_scope(plan, call, site):
            raise not_found("site")
        fact = EnrolmentDecided(decision=decision, site=site, reason=call.body.reason)

        def answer(book: Book) -> object:
            return {"site": site, "open": book.sites[site]}

        return await call.write(
            partial(commands.enrol, self._trials, call, command(site), fact, answer)
        )

    async def load_list(self, call: Call) -> Response:
        """Check the list whole, then put it in force."""
        rows = commands.checked_list(self._plan(call), call.raw)
        return await call.write(partial(commands.load_list, self._trials, call, rows))

    async def predictability(self, call: Call) -> Response:
        """By the allocations so far; each look is recorded."""
        plan = self._plan(call)
        async with call.work.reading() as db:
            schemes = await records.schemes(db, plan.trial)
            drawn = await past(db, plan.trial)
        report = await asyncio.to_thread(predictability, plan.trial, drawn, schemes)
        return await _recorded(call, report.model_dump())

    async def open_seed(self, call: Call) -> Response:
        """202 for the first of two different people, 201 with the bundle, as a file, for both."""
        plan = self._plan(call)
        answer = await call.write(partial(commands.open_seed, self._trials, call))
        if answer.status_code == HTTPStatus.CREATED:
            name = f"{plan.trial}-bundle.json"
            answer.headers["content-disposition"] = f'attachment; filename="{name}"'
        return answer


def _in_scope(plan: Plan, call: Call, site: SiteId) -> bool:
    return site in plan.sites and call.caller.may_see_site(site)


def _draw(call: Call, one: Entry) -> dict[str, object]:
    return answers.allocation(one, call.caller.roles, by_arm=_by_arm(call))


def _by_arm(call: Call) -> bool:
    return getattr(call.query, "by", None) == "arm"


async def _told(call: Call, body: object, draws: Sequence[Mapping[str, object]]) -> Response:
    """An answer with these draws; who sees arms across sites, or asked to, is recorded."""
    arms = _by_arm(call) or any("arm" in one for one in draws)
    if arms and call.caller.has(*BY_ARM):
        return await _recorded(call, body)
    return Response(jsontext.dumps(body), media_type="application/json")


async def _recorded(call: Call, body: object) -> Response:
    """The answer goes out only when the look is on record."""

    async def decide(_: object, now: datetime) -> Answer:
        fact = ArmsRead(path=call.request.url.path)
        return Answer(body, events=[NewEvent(fact, now, trial=call.trial, actor=call.caller.sub)])

    return await call.write(decide)


def _went_by(values: dict[str, JsonValue] | None) -> dict[str, object]:
    """What a replay needs beside the arms, for those who ask by arm."""
    return {"carry": values} if values else {}

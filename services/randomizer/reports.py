"""What people read of a trial over HTTP: allocations and enrolment by role, how predictable it was.

A look at arms across sites goes out only when it is on record.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, JsonValue
from starlette.responses import Response

from services.randomizer import answers, records
from services.randomizer.answers import BY_ARM
from services.randomizer.book import TrialState
from services.randomizer.enrolment import enrolment
from services.randomizer.predictability import predictability
from services.randomizer.records import Entry
from services.randomizer.scope import plan_of, subject_of
from services.randomizer.trials import Trials
from services.randomizer.went_by import past, went_by
from shared.contracts import jsontext
from shared.contracts.events.randomization import ArmsRead
from shared.contracts.subjects import SiteId
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Problem, not_found
from shared.runtime.routes import Call, Page, Query
from shared.runtime.security import ALL
from shared.runtime.work import Answer


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


class Reports:
    """The reads over the trials that run here."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    async def allocations(self, call: Call) -> Response:
        """Draws of the caller's sites; a look at arms across sites is recorded."""
        plan = plan_of(self._trials, call)
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
        plan = plan_of(self._trials, call)
        subject = subject_of(plan, call)
        async with call.work.reading() as db:
            found = await records.allocation_of(db, plan.trial, subject)
        if found is None:
            raise Problem(404, "not-allocated", "The subject has not been randomized.")
        body = _draw(call, found)
        return await _told(call, body, [body])

    async def enrolment(self, call: Call) -> Response:
        """Randomized, target, waiting and refused; in all, by stratum and by site."""
        plan = plan_of(self._trials, call)
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

    async def predictability(self, call: Call) -> Response:
        """By the allocations so far; each look is recorded."""
        plan = plan_of(self._trials, call)
        async with call.work.reading() as db:
            trial = await records.trial_now(db, plan.trial)
            schemes = await records.schemes(db, plan.trial)
            drawn = await past(db, plan.trial)
        if trial is None:
            raise not_found("trial")
        closed = trial.state == "closed"
        report = await asyncio.to_thread(predictability, plan.trial, drawn, schemes, closed=closed)
        return await _recorded(call, report.model_dump())


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

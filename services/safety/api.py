"""Adverse events over HTTP, with their follow-ups, judgements and submissions; cases and clocks as
they stand.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from services.safety import answers, bodies, commands, records, scope, store, subjects
from services.safety.commands import Take, Trial
from services.safety.form import FormErrors
from services.safety.records import Which
from services.safety.submissions import read_submission
from shared.contracts import jsontext
from shared.contracts.envelope import uuid_of
from shared.contracts.subjects import SiteId, SubjectId, TrialId, site_of
from shared.runtime.database import Connection
from shared.runtime.problems import Problem, invalid, not_found
from shared.runtime.routes import Body, Call, Route
from shared.runtime.security import ALL, Role
from shared.runtime.work import Answer

_SITE = frozenset({Role.SITE, Role.INVESTIGATOR})
_OFFICER = frozenset({Role.SAFETY_OFFICER})


class Api:
    """The routes of cases, over the trials that are watched over here."""

    def __init__(self, trials: Mapping[TrialId, Trial]) -> None:
        self._trials = trials

    def routes(self) -> list[Route]:
        """The table."""
        trial = "/v1/trials/{trial}"
        events, one = f"{trial}/adverse-events", f"{trial}/adverse-events/{{case}}"
        case = {200: bodies.CaseAnswer}
        steps: list[tuple[str, frozenset[Role], str, type[Body], Any]] = [
            ("follow-ups", _SITE, "changed fields of a case", bodies.FollowUpBody, self.follow_up),
            ("assessments", _OFFICER, "the sponsor judges", bodies.AssessmentBody, self.assess),
            ("submissions", _OFFICER, "a report was sent", bodies.SubmissionBody, self.submit),
        ]
        return [
            Route(
                "POST",
                events,
                _SITE,
                self.report,
                "report an adverse event",
                body=bodies.ReportBody,
                answers={201: bodies.CaseAnswer},
            ),
            Route(
                "GET",
                events,
                _SITE | _OFFICER,
                self.listing,
                "cases as they stand",
                query=bodies.CasesQuery,
                answers={200: bodies.CasesAnswer},
            ),
            Route("GET", one, _SITE | _OFFICER, self.show, "a case's history", answers=case),
            *(
                Route("POST", f"{one}/{verb}", who, does, about, body=body, answers=case)
                for verb, who, about, body, does in steps
            ),
            Route(
                "GET",
                f"{trial}/clocks",
                _SITE | _OFFICER,
                self.clocks,
                "reporting clocks",
                query=bodies.ClocksQuery,
                answers={200: bodies.ClocksAnswer},
            ),
        ]

    async def report(self, call: Call) -> Response:
        """Keep the form as a new case."""
        trial, subject = scope.trial(self._trials, call), SubjectId(call.body.subject)
        _checked(lambda: commands.checked(trial, call.body.form, call.work.now()))
        scope.site(call, trial, site_of(subject))

        async def decide(db: Connection, now: datetime) -> Answer:
            known = await commands.known(db, trial, subject)
            try:
                told = await commands.report(db, trial, known, call.body.form, call.caller.sub, now)
            except FormErrors as why:
                raise _faulty(why) from why
            return Answer(answers.case(told.filed.case, now), 201, told.events)

        return await call.write(decide)

    async def follow_up(self, call: Call) -> Response:
        """The next version of a case."""
        trial, now = scope.trial(self._trials, call), call.work.now()
        _checked(lambda: commands.checked_follow_up(trial, call.body.form, now))
        return await self._step(call, commands.follow_up(call.body.form))

    async def assess(self, call: Call) -> Response:
        """The sponsor's causality and expectedness."""
        trial, said = scope.trial(self._trials, call), call.body
        raw = {"causality": said.causality, "expected": said.expected, "reason": said.reason}
        _checked(lambda: commands.checked_assessment(trial, raw, call.work.now()))
        return await self._step(call, commands.assess(raw))

    async def submit(self, call: Call) -> Response:
        """A report was sent: it stops the clocks that waited for it."""
        trial, raw, now = scope.trial(self._trials, call), call.body.model_dump(), call.work.now()
        ever = datetime.min.replace(tzinfo=now.tzinfo)
        _checked(lambda: read_submission(trial.rules.at(now), raw, now, ever))
        return await self._step(call, commands.submit(raw))

    async def _step(self, call: Call, take: Take) -> Response:
        """Find the case, lock its subject, decide, answer as a report does."""
        trial = scope.trial(self._trials, call)

        async def decide(db: Connection, now: datetime) -> Answer:
            case, subject = await _found(call, trial, db)
            await subjects.lock(db, [(trial.id, subject)])
            try:
                told = await commands.step(db, trial, case, take, call.caller.sub, now)
            except FormErrors as why:
                raise _faulty(why) from why
            return Answer(answers.case(told.filed.case, now), events=told.events)

        return await call.write(decide)

    async def listing(self, call: Call) -> Response:
        """Cases of the caller's sites."""
        trial, which = scope.trial(self._trials, call), self._which(call)
        limit, after = call.query.limit, None
        if call.query.after is not None:
            after = uuid_of(call.query.after)
            if after is None:
                raise _no_next()
        async with call.work.reading() as db:
            found = await records.cases(db, trial.id, which, after, limit + 1)
        more = found[limit - 1]["case"] if len(found) > limit else None
        body = {"items": found[:limit], "next": more}
        return Response(jsontext.dumps(body), media_type="application/json")

    async def show(self, call: Call) -> Response:
        """One case with all its versions, judgements and submissions."""
        trial = scope.trial(self._trials, call)
        async with call.work.reading() as db:
            case, _ = await _found(call, trial, db)
            [filed] = await store.load(db, {trial.id: trial.rules}, [case])
        body = answers.history(filed, call.work.now())
        return Response(jsontext.dumps(body), media_type="application/json")

    async def clocks(self, call: Call) -> Response:
        """Clocks of the caller's sites, in the state that they have now."""
        trial, which = scope.trial(self._trials, call), self._which(call)
        now, limit, after = call.work.now(), call.query.limit, None
        if call.query.after is not None:
            after = _place(call.query.after)
        async with call.work.reading() as db:
            found = await records.clocks(
                db, trial.id, which, call.query.state, now, after, limit + 1
            )
        items = [
            {
                **answers.clock(one.clock, str(one.case), now),
                "subject": one.subject,
                "site": one.site,
            }
            for one in found[:limit]
        ]
        body = {"items": items, "next": found[limit - 1].place if len(found) > limit else None}
        return Response(jsontext.dumps(body), media_type="application/json")

    def _which(self, call: Call) -> Which:
        """The caller's sites, or the one of them that is asked for."""
        trial, query = scope.trial(self._trials, call), call.query
        subject = None if query.subject is None else SubjectId(query.subject)
        if subject is not None:
            scope.site(call, trial, site_of(subject))
        if query.site is not None:
            return Which([scope.site(call, trial, SiteId(query.site))], subject)
        sites = None if ALL in call.caller.sites else [SiteId(s) for s in call.caller.sites]
        return Which(sites, subject)


def _checked(read: Callable[[], object]) -> None:
    """422 for what would be refused whoever the subject is, before anything else is looked at."""
    try:
        read()
    except FormErrors as why:
        raise _faulty(why) from why


def _faulty(why: FormErrors) -> Problem:
    return invalid(why.errors, "The form breaks a rule.")


def _no_next() -> Problem:
    return invalid([(("query", "after"), "is not the `next` of a list")])


def _place(after: str) -> tuple[UUID, int]:
    """Where a list of clocks goes on."""
    case, _, nth = after.partition(".")
    found = uuid_of(case)
    if found is None or not (nth.isascii() and nth.isdigit() and len(nth) < 7):
        raise _no_next()
    return found, int(nth)


async def _found(call: Call, trial: Trial, db: Connection) -> tuple[UUID, SubjectId]:
    """The case in the path and its subject; 404 where it is unknown or not for the caller."""
    case = uuid_of(call.path["case"])
    named = (await store.whose(db, [case])).get(case) if case else None
    if case is None or named is None or named[0] != trial.id:
        raise not_found("case")
    if not call.caller.may_see_site(site_of(named[1])):
        raise not_found("case")
    return case, named[1]

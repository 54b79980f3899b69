"""Screening's HTTP: forms in, verdicts out; signatures, corrections, failures."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.responses import Response

from services.screening import commands, store
from services.screening.batch import Batch
from services.screening.commands import Submission, Told
from services.screening.domain import Conflict, Failure, FormErrors, Screening
from services.screening.store import Filter, Kept
from services.screening.trial import Trial
from shared.contracts import jsontext
from shared.contracts.envelope import uuid_of
from shared.contracts.subjects import (
    SITE_PATTERN,
    SUBJECT_PATTERN,
    SiteId,
    SubjectId,
    TrialId,
    site_of,
)
from shared.runtime.database import Connection
from shared.runtime.problems import conflict, invalid, not_found
from shared.runtime.routes import Body, Call, Page, Query, Reason, Route
from shared.runtime.security import ALL, Role
from shared.runtime.work import Answer

_SITE = frozenset({Role.SITE, Role.INVESTIGATOR})
_INVESTIGATOR = frozenset({Role.INVESTIGATOR})


class SubmitBody(Body):
    """One form; the protocol says what may stand in it."""

    subject: Annotated[str, Field(pattern=f"^{SUBJECT_PATTERN}$")]
    form: dict[str, Any]


class SignatureBody(Body):
    """What the signature means (21 CFR 11.50); `revision`: sign this one and no other."""

    meaning: str = Field(min_length=1, max_length=500, pattern=r"\S")
    revision: int | None = Field(default=None, ge=1)


class CorrectionBody(Body):
    """New values by field, null for unknown, and why."""

    changes: dict[str, Any] = Field(min_length=1)
    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class FailureBody(Reason):
    """Why the site ends it, in its own words and, for counting, in CDISC's (C66727)."""

    code: Failure | None = None


class ScreeningsQuery(Page):
    """Which screenings."""

    site: str | None = Field(default=None, pattern=f"^{SITE_PATTERN}$")
    verdict: Literal["eligible", "ineligible", "incomplete"] | None = None


class ScreeningQuery(Query):
    """One screening, with its form where that is asked for."""

    form: bool = False


class Criterion(BaseModel):
    """One criterion's own truth with the values that decided it."""

    id: str
    category: Literal["inclusion", "exclusion"]
    outcome: bool | None
    text: str
    evidence: dict[str, Any]
    converted: dict[str, Any]
    missing: list[str]


class ScreeningBrief(BaseModel):
    """A screening in its newest revision; `missing` would settle an incomplete verdict.

    `failed` by the site; `refused` a draw, so that another attempt may begin.
    """

    id: UUID | None
    subject: str
    attempt: int
    revision: int
    verdict: Literal["eligible", "ineligible", "incomplete"]
    stratum: str | None
    missing: list[str]
    signed: bool
    failed: bool
    refused: bool
    randomized: bool
    protocol_version: str
    at: datetime


class ScreeningAnswer(ScreeningBrief):
    """A screening with what each criterion says of it."""

    criteria: list[Criterion]


class ScreeningShown(ScreeningAnswer):
    """A screening with its form where that was asked for; a form is never null."""

    form: dict[str, Any] = Field(default_factory=dict)


class ScreeningPage(BaseModel):
    """Screenings without their criteria."""

    items: list[ScreeningBrief]
    next: UUID | None


Change = Callable[[Connection, datetime, Kept, Screening], Awaitable[Told]]


class Api:
    """The routes over the trials that are screened for here."""

    def __init__(self, trials: Mapping[TrialId, Trial]) -> None:
        self._trials = trials

    def routes(self) -> list[Route]:
        """The table."""
        at = "/v1/trials/{trial}/screenings"
        one = f"{at}/{{screening}}"
        answers = {200: ScreeningAnswer}
        return [
            Route(
                "POST",
                at,
                _SITE,
                self.submit,
                "screen a subject",
                body=SubmitBody,
                answers={201: ScreeningAnswer},
            ),
            Route(
                "POST",
                f"{at}/check",
                _SITE,
                self.check,
                "decide a form and keep nothing",
                body=SubmitBody,
                answers=answers,
            ),
            Route(
                "POST",
                f"{at}/batch",
                _SITE,
                self.batch,
                "screen a subject a line (NDJSON)",
                answers={200: "application/x-ndjson"},
                media_type="application/x-ndjson",
                streams=True,
            ),
            Route(
                "GET",
                at,
                _SITE,
                self.listing,
                "screenings",
                query=ScreeningsQuery,
                answers={200: ScreeningPage},
            ),
            Route(
                "GET",
                one,
                _SITE,
                self.show,
                "one screening",
                query=ScreeningQuery,
                answers={200: ScreeningShown},
            ),
            Route(
                "POST",
                f"{one}/signature",
                _INVESTIGATOR,
                self.sign,
                "sign the newest revision",
                body=SignatureBody,
                answers=answers,
            ),
            Route(
                "POST",
                f"{one}/corrections",
                _SITE,
                self.correct,
                "correct fields, for a reason",
                body=CorrectionBody,
                answers=answers,
            ),
            Route(
                "POST",
                f"{one}/failure",
                _SITE,
                self.fail,
                "end it as a screen failure",
                body=FailureBody,
                answers=answers,
            ),
        ]

    def _trial(self, call: Call) -> Trial:
        trial = self._trials.get(TrialId(call.trial))
        if trial is None:
            raise not_found("trial")
        return trial

    async def submit(self, call: Call) -> Response:
        """Keep the form as the subject's next attempt."""
        trial = self._trial(call)
        submission = read(call, trial, call.body)

        async def decide(db: Connection, now: datetime) -> Answer:
            [told] = await commands.submit(db, trial, [submission], call.caller.sub, now)
            if isinstance(told, Conflict):
                raise conflict(told.type, f"Not possible: {told.detail}.")
            return Answer(commands.answer(told.kept), 201, told.events)

        return await call.write(decide)

    async def check(self, call: Call) -> Response:
        """The verdict alone."""
        trial = self._trial(call)
        submission = read(call, trial, call.body)
        async with call.work.reading() as db:
            newest = await store.newest(db, trial.id, [submission.subject])
        body = commands.checked(
            trial, submission, newest.get(submission.subject), call.caller.sub, call.work.now()
        )
        return Response(body, media_type="application/json")

    async def batch(self, call: Call) -> Response:
        """Any number of forms, an answer a line, in order."""
        trial = self._trial(call)
        call.key()  # a malformed key is refused before a line is read
        batch = Batch(call, trial, lambda body: read(call, trial, body), SubmitBody)
        return await batch.respond()

    async def listing(self, call: Call) -> Response:
        """Screenings of the caller's sites, without their criteria."""
        trial, query = self._trial(call), call.query
        after = uuid_of(query.after) if query.after is not None else None
        if query.after is not None and after is None:
            raise invalid([(("query", "after"), "is not the `next` of a list")])
        sites = None if ALL in call.caller.sites else [SiteId(s) for s in call.caller.sites]
        if query.site is not None:
            sites = [known_site(call, trial, SiteId(query.site), call.work.now())]
        async with call.work.reading() as db:
            which = Filter(sites, query.verdict)
            found = await store.listed(db, trial.id, which, after, query.limit + 1)
        shown = found[: query.limit]
        more = shown[-1].screening.id if len(found) > query.limit else None
        body = {"items": [commands.brief(kept) for kept in shown], "next": more}
        return Response(jsontext.dumps(body), media_type="application/json")

    async def show(self, call: Call) -> Response:
        """One screening in its newest revision."""
        trial = self._trial(call)
        async with call.work.reading() as db:
            kept = await _found(call, trial, db)
        shown = commands.answer_with_form if call.query.form else commands.answer
        return Response(shown(kept), media_type="application/json")

    async def sign(self, call: Call) -> Response:
        """The investigator's signature."""

        async def change(db: Connection, now: datetime, kept: Kept, newest: Screening) -> Told:
            said, person = call.body, call.caller.sub
            return await commands.sign(db, kept, newest, person, said.meaning, said.revision, now)

        return await self._change(call, change)

    async def correct(self, call: Call) -> Response:
        """Old and new values kept, the verdict decided again."""
        trial, body = self._trial(call), call.body

        async def change(db: Connection, now: datetime, kept: Kept, newest: Screening) -> Told:
            person = call.caller.sub
            return await commands.correct(db, trial, kept, body.changes, body.reason, person, now)

        return await self._change(call, change)

    async def fail(self, call: Call) -> Response:
        """The site's own end of a screening."""

        async def change(db: Connection, now: datetime, kept: Kept, newest: Screening) -> Told:
            said, person = call.body, call.caller.sub
            return await commands.fail(db, kept, newest, said.reason, said.code, person, now)

        return await self._change(call, change)

    async def _change(self, call: Call, change: Change) -> Response:
        """Lock the subject, look at its newest attempt, change, answer as a submission does."""
        trial = self._trial(call)
        async with call.work.reading() as db:
            subject = (await _found(call, trial, db)).screening.subject

        async def decide(db: Connection, now: datetime) -> Answer:
            await store.lock(db, trial.id, [subject])
            kept = await _found(call, trial, db)
            newest = await store.newest(db, trial.id, [subject])
            try:
                told = await change(db, now, kept, newest[subject])
            except Conflict as why:
                raise conflict(why.type, f"Not possible: {why.detail}.") from why
            except FormErrors as why:
                raise invalid(why.errors, "The corrected form breaks a rule.") from why
            return Answer(commands.answer(told.kept), 200, told.events)

        return await call.write(decide)


def read(call: Call, trial: Trial, body: SubmitBody) -> Submission:
    """The submission decided: 422 with every place, 404 for a site outside the caller's scope."""
    subject = SubjectId(body.subject)
    site, now = site_of(subject), call.work.now()
    today = trial.versions.today(site, now)
    try:
        decided = trial.decide(subject, body.form, today)
    except FormErrors as why:
        raise invalid(why.errors, "The form breaks a rule.") from why
    known_site(call, trial, site, now)
    return Submission(subject, body.form, *decided)


def known_site(call: Call, trial: Trial, site: SiteId, now: datetime) -> SiteId:
    """The site, 404 where the trial has none such or it is outside the caller's scope."""
    known = trial.versions.site(site, now)
    if known is None or not call.caller.may_see_site(site):
        raise not_found("site")
    return site


async def _found(call: Call, trial: Trial, db: Connection) -> Kept:
    screening = uuid_of(call.path["screening"])
    kept = await store.one(db, trial.id, screening) if screening else None
    if kept is None or not call.caller.may_see_site(kept.screening.site):
        raise not_found("screening")
    return kept

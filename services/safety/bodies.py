"""What may be sent to safety over HTTP, and what it answers; the forms themselves are in `form`."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from services.safety.clocks import State
from shared.contracts.subjects import SITE_PATTERN, SUBJECT_PATTERN
from shared.runtime.routes import Body, Page

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _day(raw: object) -> object:
    if not isinstance(raw, str) or not _DAY.fullmatch(raw):
        raise ValueError("must be a date like 2026-03-01")
    return date.fromisoformat(raw)


Day = Annotated[date, BeforeValidator(_day)]
Subject = Annotated[str, Field(pattern=f"^{SUBJECT_PATTERN}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


class ReportBody(Body):
    """An adverse event as a site reports it."""

    subject: Subject
    form: dict[str, Any]


class FollowUpBody(Body):
    """The changed fields alone; null: not known."""

    form: Annotated[dict[str, Any], Field(min_length=1)]


class AssessmentBody(Body):
    """The sponsor's judgement by component, and why; null: not judged."""

    causality: dict[str, Literal["related", "not_related"] | None] | None = None
    expected: dict[str, bool | None] | None = None
    reason: Text


class SubmissionBody(Body):
    """A report that was sent to an authority."""

    authority: str
    kind: Literal["expedited_7", "follow_up_8", "expedited_15"]
    submitted_at: str


class SurvivalBody(Body):
    """Whether a subject lived on a day at the site; of a death its cause, where it is known."""

    subject: Subject
    status: Literal["alive", "dead"]
    date: Day
    cause: Text | None = None


class WithdrawalBody(Body):
    """A subject took back the consent, or left the treatment, on a day at the site."""

    subject: Subject
    withdrawn_from: Annotated[Literal["consent", "treatment"], Field(alias="from")]
    date: Day
    reason: Text


class CasesQuery(Page):
    """Which cases."""

    site: str | None = Field(default=None, pattern=f"^{SITE_PATTERN}$")
    subject: str | None = Field(default=None, pattern=f"^{SUBJECT_PATTERN}$")


class ClocksQuery(CasesQuery):
    """Which clocks."""

    state: State | None = None


class ClockAnswer(BaseModel):
    """A reporting clock; `authority` null: the site's own towards the sponsor."""

    clock: str
    case: str
    kind: str
    authority: str | None
    day_zero: str
    due: str
    state: State
    stopped_at: str | None
    reason: str | None


class CaseAnswer(BaseModel):
    """A case as it stands."""

    case: str
    subject: str
    site: str
    version: int
    matched: bool
    serious: bool
    susar: bool
    authorities: dict[str, Any]
    why: list[str]
    set_aside: list[str]
    clocks: list[ClockAnswer]


class CaseListed(BaseModel):
    """A case in a list, without its judgements and clocks."""

    case: str
    subject: str
    site: str
    version: int
    matched: bool
    term: str
    onset_date: str | None
    grade: int | None
    severity: str | None
    serious: bool
    seriousness: list[str]
    susar: bool
    outcome: str | None
    reported_at: str


class CasesAnswer(BaseModel):
    """A page of cases."""

    items: list[CaseListed]
    next: str | None


class ClockListed(ClockAnswer):
    """A clock with whom it is about."""

    subject: str
    site: str


class ClocksAnswer(BaseModel):
    """A page of clocks."""

    items: list[ClockListed]
    next: str | None


class SurvivalAnswer(BaseModel):
    """The status that was kept."""

    subject: str
    site: str
    status: Literal["alive", "dead"]
    date: str


class WithdrawalAnswer(BaseModel):
    """The withdrawal that was kept."""

    subject: str
    site: str
    withdrawn_from: Literal["consent", "treatment"] = Field(alias="from")
    date: str

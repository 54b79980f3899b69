"""What safety says: adverse events as they are judged, reporting clocks, and what befell a subject.

No arm and no free text on `trialops.safety`; what a person wrote is in the `.record` facts.
"""

from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.events.base import Event, Site, Subject, Time

Seriousness = Literal[
    "death",
    "life_threatening",
    "hospitalisation",
    "disability",
    "congenital_anomaly",
    "other_medically_important",
]
Outcome = Literal[
    "recovered", "recovering", "not_recovered", "recovered_with_sequelae", "fatal", "unknown"
]
Severity = Literal["mild", "moderate", "severe"]
ClockKind = Literal["site_to_sponsor", "expedited_7", "follow_up_8", "expedited_15"]
Authority = Literal["EU-CTR", "UK", "FDA-312.32"]

_TOPIC = "trialops.safety"
_RECORD = "trialops.safety.record"


def _absent(value: object) -> bool:
    return value is None


class _Case(Event):
    """One case of one subject."""

    case: str
    subject: Subject
    site: Site


class _Judged(_Case):
    """A case as it stands: `version` counts the report and its follow-ups from 1.

    `grade` or `severity`, whichever the protocol's scale names; null where the site gave none.
    """

    TOPIC: ClassVar[str] = _TOPIC

    version: int = Field(ge=1)
    grade: int | None = Field(ge=1, le=5)
    severity: Severity | None
    serious: bool
    seriousness: tuple[Seriousness, ...]
    susar: bool
    outcome: Outcome | None
    matched: bool


class AdverseEventReported(_Judged):
    """A site reported an adverse event."""


class AdverseEventUpdated(_Judged):
    """A case stands otherwise: a follow-up, a judgement, or what was learned of its subject."""

    because: Literal["follow_up", "assessment", "subject"]


class ReportUnmatched(_Case):
    """For 24 hours no event has named the report's subject."""

    TOPIC: ClassVar[str] = _TOPIC


class _Clock(_Case):
    """A reporting clock; `clock` is its id. Due is UTC; `authority` is null for the site's own."""

    TOPIC: ClassVar[str] = _TOPIC

    clock: str
    kind: ClockKind
    authority: Authority | None
    due: Time


class ReportingClockStarted(_Clock):
    """A reporting duty began on `day_zero`."""

    day_zero: date


class ReportingClockWarned(_Clock):
    """Half, or a tenth, of the clock's length is left."""

    left: Literal["half", "tenth"]


class ReportingClockOverdue(_Clock):
    """The due instant passed and nothing was sent."""


class ReportingClockStopped(_Clock):
    """What the clock waited for was sent, in time or late."""

    state: Literal["met", "late"]
    stopped_at: Time


class ReportingClockCancelled(_Clock):
    """The duty fell away; the clock is kept with the reason."""

    reason: Literal["not_susar"]


class ReportSubmitted(_Case):
    """A report went to an authority at `submitted_at`."""

    TOPIC: ClassVar[str] = _TOPIC

    authority: Authority
    kind: Literal["expedited_7", "follow_up_8", "expedited_15"]
    submitted_at: Time


class SafetyBoundaryCrossed(Event):
    """A stopping boundary was crossed: so many of `n` subjects had the event that it counts.

    `action` `pause` pauses randomization until a trial manager resumes it. Arm and numbers are left
    out where the trial is masked.
    """

    TOPIC: ClassVar[str] = _TOPIC

    boundary: str
    action: Literal["pause", "alert"]
    arm: str | None = Field(default=None, exclude_if=_absent)
    n: int | None = Field(default=None, ge=1, exclude_if=_absent)
    events: int | None = Field(default=None, ge=1, exclude_if=_absent)
    stop_if_at_least: int | None = Field(default=None, ge=1, exclude_if=_absent)


class SurvivalReported(Event):
    """A subject was alive, or died, on this day; the cause of a death is in the audit log."""

    TOPIC: ClassVar[str] = _TOPIC

    subject: Subject
    site: Site
    status: Literal["alive", "dead"]
    date: date


class SubjectWithdrawn(Event):
    """A subject took back the consent, or left the treatment; the reason is in the audit log."""

    TOPIC: ClassVar[str] = _TOPIC

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    subject: Subject
    site: Site
    withdrawn_from: Literal["consent", "treatment"] = Field(alias="from")
    date: date


class KeyWaiting(Event):
    """Events of a key wait behind a dead letter: safety is blind to them until it is settled."""

    TOPIC: ClassVar[str] = _TOPIC

    letter: str
    topic: str


class KeyResumed(Event):
    """The letter was replayed or dropped, and the events behind it followed."""

    TOPIC: ClassVar[str] = _TOPIC

    letter: str
    topic: str


class AdverseEventSubmitted(_Case):
    """The whole form as it was submitted."""

    TOPIC: ClassVar[str] = _RECORD

    form: dict[str, Any]


class FieldChanged(BaseModel):
    """One field of the form before and after a follow-up; null: not known."""

    model_config = ConfigDict(frozen=True, strict=True)

    field: str
    old: Any
    new: Any


class AdverseEventFollowedUp(_Case):
    """A follow-up: what it changed."""

    TOPIC: ClassVar[str] = _RECORD

    version: int = Field(ge=2)
    changes: tuple[FieldChanged, ...]


class AdverseEventAssessed(_Case):
    """The sponsor's judgement of a case, and its reason."""

    TOPIC: ClassVar[str] = _RECORD

    causality: dict[str, Literal["related", "not_related"] | None]
    expected: dict[str, bool | None]
    reason: str


class SurvivalRecorded(Event):
    """A survival status with the cause of a death, as the site wrote it."""

    TOPIC: ClassVar[str] = _RECORD

    subject: Subject
    site: Site
    status: Literal["alive", "dead"]
    date: date
    cause: str | None


class WithdrawalRecorded(Event):
    """A withdrawal with its reason, as the site wrote it."""

    TOPIC: ClassVar[str] = _RECORD

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    subject: Subject
    site: Site
    withdrawn_from: Literal["consent", "treatment"] = Field(alias="from")
    date: date
    reason: str

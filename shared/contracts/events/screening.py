"""What screening says: who was screened, with what verdict, and who failed."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.contracts.events.base import Event, Sha256, Site, Subject


class PatientScreened(Event):
    """A screening was submitted, signed or corrected; the newest (attempt, revision) counts.

    `unmet` and `unknown` are criterion ids. `carry` holds the fields that the protocol's `carry`
    lists, decimals as strings; no other clinical value leaves screening.
    """

    TOPIC: ClassVar[str] = "trialops.screening"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    signed: bool
    verdict: Literal["eligible", "ineligible", "incomplete"]
    stratum: str | None
    unmet: tuple[str, ...]
    unknown: tuple[str, ...]
    protocol_version: str
    form_sha256: Sha256
    carry: dict[str, JsonValue]


class ScreeningFailed(Event):
    """The site ended a screening as a screen failure; its reason stays in the audit log."""

    TOPIC: ClassVar[str] = "trialops.screening"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)


class ScreeningSubmitted(Event):
    """The whole form as it was submitted, decimals as strings."""

    TOPIC: ClassVar[str] = "trialops.screening.record"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    protocol_version: str
    form: dict[str, Any]
    form_sha256: Sha256


class FieldChange(BaseModel):
    """One field's value before and after a correction; null: not known."""

    model_config = ConfigDict(frozen=True, strict=True)

    field: str
    old: Any
    new: Any


class ScreeningCorrected(Event):
    """A correction: old and new value of each field and the person's reason."""

    TOPIC: ClassVar[str] = "trialops.screening.record"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    protocol_version: str
    changes: tuple[FieldChange, ...]
    reason: str
    form_sha256: Sha256


class ScreeningSigned(Event):
    """An investigator signed a revision, and what the signature means (21 CFR 11.50)."""

    TOPIC: ClassVar[str] = "trialops.screening.record"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    meaning: str
    form_sha256: Sha256


class ScreeningFailureDeclared(Event):
    """The site's reason for a screen failure; `code`: the same in CDISC's words (C66727)."""

    TOPIC: ClassVar[str] = "trialops.screening.record"

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=1)
    reason: str
    code: str | None = None

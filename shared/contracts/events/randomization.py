"""What the randomizer says: who was randomized, refused or waits, and the trial's own state."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from shared.contracts.events.base import Event, Sha256, Site, Subject

TOPIC = "trialops.randomization"
RECORD = "trialops.randomizer.record"

RefusalReason = Literal[
    "cap_reached",
    "stratum_closed",
    "site_cap_reached",
    "site_closed",
    "trial_closed",
    "consent_withdrawn",
    "list_exhausted",
]
SeedChange = Literal["rotated", "escrowed", "recovered"]
MilestoneScope = Literal["trial", "stratum", "site", "site_stratum"]


def _absent(value: object) -> bool:
    return value is None


class PatientRandomized(Event):
    """One allocation, for ever. `number` counts the trial's draws from 1 without a gap.

    An open trial says `arm`, a masked one `treatment_code`.
    """

    TOPIC: ClassVar[str] = TOPIC

    subject: Subject
    site: Site
    stratum: str
    number: int = Field(ge=1)
    arm: str | None = Field(default=None, exclude_if=_absent)
    treatment_code: str | None = Field(default=None, exclude_if=_absent)
    protocol_version: str


class RandomizationRefused(Event):
    """An eligible subject cannot be drawn, and why; the screening as it was considered."""

    TOPIC: ClassVar[str] = TOPIC

    subject: Subject
    site: Site
    screening: str
    attempt: int = Field(ge=0)
    revision: int = Field(ge=0)
    stratum: str | None
    reason: RefusalReason
    protocol_version: str


class RandomizationWaiting(Event):
    """An eligible subject waits for its draw (randomization paused, no list loaded)."""

    TOPIC: ClassVar[str] = TOPIC

    subject: Subject
    site: Site
    stratum: str
    protocol_version: str


Purpose = Literal["emergency", "authority_report"]
"""Why one subject is unblinded: for its treatment by its investigator, or for an authority's report
by a safety officer."""


class SubjectUnblinded(Event):
    """Somebody was told the arm of one subject of a masked trial. The arm is in no event."""

    TOPIC: ClassVar[str] = TOPIC

    subject: Subject
    site: Site
    number: int = Field(ge=1)
    treatment_code: str
    purpose: Purpose


class EligibilityDeviation(Event):
    """A randomized subject is, by a later correction, no longer eligible or of another stratum."""

    TOPIC: ClassVar[str] = TOPIC

    subject: Subject
    site: Site
    number: int = Field(ge=1)
    verdict: Literal["eligible", "ineligible", "incomplete"]
    stratum_at_draw: str
    stratum: str | None
    unmet: tuple[str, ...]
    unknown: tuple[str, ...]


class RandomizationPaused(Event):
    """No draw until a trial manager resumes."""

    TOPIC: ClassVar[str] = TOPIC


class RandomizationResumed(Event):
    """Draws go on; who waited is drawn first, in order of arrival."""

    TOPIC: ClassVar[str] = TOPIC


class RandomizationClosed(Event):
    """Randomization ended: the target was reached, or a person closed it."""

    TOPIC: ClassVar[str] = TOPIC

    cause: Literal["target_reached", "closed"]
    randomized: int = Field(ge=0)


class EnrolmentMilestone(Event):
    """So many percent of a limit are reached: of the trial's target, or of a cap of the protocol.

    `scope` tells whose limit it is; `site` and `stratum` are null where it is not of one.
    """

    TOPIC: ClassVar[str] = TOPIC

    scope: MilestoneScope
    site: Site | None
    stratum: str | None
    percent: int = Field(ge=1, le=100)
    randomized: int = Field(ge=1)
    limit: int = Field(ge=1)


class SiteOpened(Event):
    """A site may enrol from now on."""

    TOPIC: ClassVar[str] = TOPIC

    site: Site


class SiteClosed(Event):
    """A site may not enrol any more."""

    TOPIC: ClassVar[str] = TOPIC

    site: Site


class TrialActivated(Event):
    """A protocol version and its randomization design are in force, by their SHA-256.

    ``approved_by`` is who approved the version: an ethics committee, an authority.
    """

    TOPIC: ClassVar[str] = TOPIC

    protocol_version: str
    protocol_sha256: Sha256
    design_sha256: Sha256
    approved_by: str | None = Field(default=None, exclude_if=_absent)


class SeedCommitted(Event):
    """The seed is fixed before the first draw: SHA-256 over seed and trial."""

    TOPIC: ClassVar[str] = TOPIC

    commitment: Sha256


class SeedOpened(Event):
    """The seed of an ended trial is open: any stranger can draw every allocation again.

    `randomization` and `strata` are the design in force, `earlier` those that drew before it. A
    masked trial tells its commitment alone.
    """

    TOPIC: ClassVar[str] = TOPIC

    commitment: Sha256
    opened_by: tuple[str, ...]
    seed: Sha256 | None
    protocol_version: str
    randomization: dict[str, JsonValue] | None
    strata: dict[str, JsonValue] | None
    earlier: tuple[dict[str, JsonValue], ...] = ()
    allocation_list: str | None = Field(default=None, exclude_if=_absent)
    list_sha256: Sha256 | None = Field(default=None, exclude_if=_absent)


class AllocationListLoaded(Event):
    """A prepared list of allocations is in force, by the SHA-256 of its bytes."""

    TOPIC: ClassVar[str] = TOPIC

    list_sha256: Sha256
    rows: int = Field(ge=1)


class SeedOpeningRequested(Event):
    """The first of two statisticians asked for the seed."""

    TOPIC: ClassVar[str] = RECORD

    reason: str


class UnblindingRecorded(Event):
    """Who was told the arm of a subject gave this reason."""

    TOPIC: ClassVar[str] = RECORD

    subject: Subject
    site: Site
    purpose: Purpose
    reason: str


class SeedCustodyChanged(Event):
    """Another key opens the seed, a copy went to the custodian, or it was taken back from one."""

    TOPIC: ClassVar[str] = RECORD

    change: SeedChange


class ArmsRead(Event):
    """Somebody read allocations or totals by arm."""

    TOPIC: ClassVar[str] = RECORD

    path: str


class EnrolmentDecided(Event):
    """A person changed who may enrol, and the reason given."""

    TOPIC: ClassVar[str] = RECORD

    decision: Literal["pause", "resume", "close", "site_open", "site_close", "seed_open"]
    site: Site | None
    reason: str

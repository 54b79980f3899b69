"""What the randomizer knows of a trial when it decides, and what it knows afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic import JsonValue

from services.randomizer.scheme import StratumState
from shared.contracts.events.base import Event
from shared.contracts.events.randomization import RefusalReason
from shared.contracts.subjects import SiteId, SubjectId, TrialId

TrialState = Literal["open", "paused", "closed"]
ClosedBy = Literal["target_reached", "closed"]
Verdict = Literal["eligible", "ineligible", "incomplete"]
Standing = Literal[
    "unknown",  # nothing screened yet: a consent withdrawn ahead of the screening
    "not_eligible",  # ineligible or incomplete
    "unsigned",  # eligible, the investigator has still to sign
    "waiting",  # could be drawn, but randomization is paused or the list is not loaded
    "randomized",  # drawn: this is for ever
    "refused",  # eligible, and not drawn for a reason
    "failed",  # the site ended this attempt as a screen failure
]


class Trial(NamedTuple):
    """The trial as a whole."""

    id: TrialId
    protocol_version: str
    protocol_sha256: str
    design_sha256: str
    commitment: str
    state: TrialState = "open"
    closed_by: ClosedBy | None = None
    randomized: int = 0  # the number of the last draw
    arrivals: int = 0  # the place of the last one who began to wait
    list_sha256: str | None = None


class Drawn(NamedTuple):
    """That a subject was drawn: its number, and the stratum it was in then."""

    number: int
    stratum: str


class Subject(NamedTuple):
    """A subject by its newest screening."""

    id: SubjectId
    site: SiteId
    standing: Standing = "unknown"
    screening: str = ""
    attempt: int = 0
    revision: int = 0
    signed: bool = False
    verdict: Verdict | None = None
    stratum: str | None = None
    protocol_version: str = ""
    form_sha256: str = ""
    carry: Mapping[str, JsonValue] = MappingProxyType({})
    arrival: int | None = None  # the place among those waiting, kept through a correction
    refusal: RefusalReason | None = None
    withdrawn: bool = False
    drawn: Drawn | None = None  # from its allocation on


class Allocation(NamedTuple):
    """One draw, with the values that it went by."""

    number: int
    subject: SubjectId
    site: SiteId
    stratum: str
    arm: str
    protocol_version: str
    screening: str
    attempt: int
    revision: int
    form_sha256: str
    carry: Mapping[str, JsonValue]
    treatment_code: str | None = None  # stands for the arm outside of here; None: drawn open


@dataclass(frozen=True)
class Book:
    """A trial as far as a decision needs it.

    ``subjects`` holds those whom the facts name, ``cells`` counts the draws by site and stratum for
    every site that a subject here belongs to; for a command or an amendment, all who wait are here,
    and the draws of every site.
    """

    trial: Trial
    sites: Mapping[SiteId, bool]
    strata: Mapping[str, StratumState]
    cells: Mapping[tuple[SiteId, str], int]
    subjects: Mapping[SubjectId, Subject]


@dataclass(frozen=True)
class Decision:
    """The book after, what happened (with the index of the fact that made it), and who changed."""

    book: Book
    events: tuple[tuple[int, Event], ...]
    allocations: tuple[Allocation, ...]
    subjects: frozenset[SubjectId]
    strata: frozenset[str]
    cells: frozenset[tuple[SiteId, str]]
    sites: frozenset[SiteId]

    def closes(self, before: Book) -> bool:
        """Whether the trial, as it stood before, ended with this."""
        return self.book.trial.state == "closed" and before.trial.state != "closed"

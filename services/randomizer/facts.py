"""What the randomizer decides about: screenings, withdrawals, and what a person asks of a trial."""

from dataclasses import dataclass

from services.randomizer.allocation_list import AllocationList
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """A subject takes the consent back."""

    subject: SubjectId
    site: SiteId


@dataclass(frozen=True, slots=True)
class BoundaryCrossed:
    """A stopping boundary whose crossing pauses randomization by itself."""


@dataclass(frozen=True, slots=True)
class Pause:
    """No draw until resumed."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Draw again, those who wait first."""


@dataclass(frozen=True, slots=True)
class Close:
    """End randomization for good."""


@dataclass(frozen=True, slots=True)
class OpenSite:
    """Let a site enrol."""

    site: SiteId


@dataclass(frozen=True, slots=True)
class CloseSite:
    """Let a site enrol no more."""

    site: SiteId


@dataclass(frozen=True, slots=True)
class LoadList:
    """Put a prepared list in force: once, before any draw from it."""

    rows: AllocationList


Command = Pause | Resume | Close | OpenSite | CloseSite | LoadList
Fact = PatientScreened | ScreeningFailed | ConsentWithdrawn | BoundaryCrossed | Command

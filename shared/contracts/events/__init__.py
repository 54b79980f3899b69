"""Every event that services exchange, each a strict frozen model of its data."""

from shared.contracts.events import access, audit, randomization, screening
from shared.contracts.events.base import Event

EVENTS: tuple[type[Event], ...] = (
    screening.PatientScreened,
    screening.ScreeningFailed,
    screening.ScreeningSubmitted,
    screening.ScreeningCorrected,
    screening.ScreeningSigned,
    screening.ScreeningFailureDeclared,
    randomization.PatientRandomized,
    randomization.RandomizationRefused,
    randomization.RandomizationWaiting,
    randomization.EligibilityDeviation,
    randomization.RandomizationPaused,
    randomization.RandomizationResumed,
    randomization.RandomizationClosed,
    randomization.SiteOpened,
    randomization.SiteClosed,
    randomization.TrialActivated,
    randomization.SeedCommitted,
    randomization.SeedOpened,
    randomization.AllocationListLoaded,
    randomization.SeedOpeningRequested,
    randomization.ArmsRead,
    randomization.EnrolmentDecided,
    audit.CheckpointSigned,
    audit.LogConflictFound,
    audit.LogGapFound,
    access.AccessRefused,
    access.DeadLetterSettled,
)

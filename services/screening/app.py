"""Screening, wired: sites submit forms, and eligible subjects go out to be randomized."""

from services.screening import handlers
from services.screening.api import Api
from services.screening.commands import Trial
from services.screening.domain import Eligibility
from shared.contracts import study
from shared.contracts.events.randomization import PatientRandomized, RandomizationRefused
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription


def build(settings: Settings) -> Service:
    """The service from its settings."""
    protocols = study.load_all(settings.protocols)
    trials = {trial: Trial(file, Eligibility.of(file)) for trial, file in protocols.items()}
    return Service(
        name="screening",
        routes=Api(trials).routes(),
        subscriptions=[
            Subscription(
                "trialops.randomization",
                {
                    PatientRandomized: handlers.on_patient_randomized,
                    RandomizationRefused: handlers.on_randomization_refused,
                },
            )
        ],
    )

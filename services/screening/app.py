"""Screening, wired: sites submit forms, and eligible subjects go out to be randomized."""

from services.screening import handlers
from services.screening.api import Api
from services.screening.report_api import ReportApi
from services.screening.trial import Trial
from shared.contracts import versions
from shared.contracts.events.randomization import PatientRandomized, RandomizationRefused
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription


def build(settings: Settings) -> Service:
    """The service from its settings."""
    protocols = versions.load_all(settings.protocols)
    trials = {trial: Trial.of(files) for trial, files in protocols.items()}
    return Service(
        name="screening",
        not_taken_back="enter forms, corrections, signatures and declared failures since the backup"
        " again, as the log tells them; who was drawn keeps the allocation",
        protocols=list(protocols.values()),
        routes=[*Api(trials).routes(), *ReportApi(trials).routes()],
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

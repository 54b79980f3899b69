"""Safety, wired: sites report, clocks run, and what events tell of a subject is taken in."""

from functools import partial

from services.safety import handlers
from services.safety.api import Api
from services.safety.commands import Trial
from services.safety.rules import SafetyRules
from services.safety.store import TIMER
from services.safety.subject_api import SubjectApi
from services.safety.timers import on_case_due
from shared.contracts import versions
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened
from shared.contracts.versions import ByTime
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription


def build(settings: Settings) -> Service:
    """The service from its settings."""
    protocols = versions.load_all(settings.protocols)
    trials = {trial: Trial(of, ByTime.of(of, SafetyRules.of)) for trial, of in protocols.items()}
    rules = {trial: of.rules for trial, of in trials.items()}
    halts = (handlers.key_waiting, handlers.key_resumed)
    screened = partial(handlers.on_patient_screened, trials)
    randomized = partial(handlers.on_patient_randomized, trials)
    return Service(
        name="safety",
        not_taken_back="enter reports, judgements, submissions, follow-ups and withdrawals since"
        " the backup again, as the log tells them; until then their clocks do not run",
        protocols=list(protocols.values()),
        routes=[*Api(trials).routes(), *SubjectApi(trials).routes()],
        subscriptions=[
            Subscription("trialops.screening", {PatientScreened: screened}, *halts),
            Subscription("trialops.randomization", {PatientRandomized: randomized}, *halts),
        ],
        timers={TIMER: partial(on_case_due, rules)},
    )

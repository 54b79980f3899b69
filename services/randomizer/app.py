"""The randomizer, wired: eligible subjects in, one allocation each out."""

import base64
from functools import partial

from services.randomizer.activate import activate_all
from services.randomizer.api import Api
from services.randomizer.handlers import on_screening, on_withdrawn
from services.randomizer.restore import take_back_all
from services.randomizer.trials import Trials
from shared.contracts import study
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription


def build(settings: Settings) -> Service:
    """The service from its settings."""
    seed_key = base64.b64decode((settings.keys / "seed_key").read_bytes(), validate=True)
    trials = Trials.of(study.load_all(settings.protocols), seed_key)
    decide = partial(on_screening, trials)
    return Service(
        name="randomizer",
        routes=Api(trials).routes(),
        subscriptions=[
            Subscription("trialops.screening", {PatientScreened: decide, ScreeningFailed: decide}),
            Subscription("trialops.safety", {SubjectWithdrawn: partial(on_withdrawn, trials)}),
        ],
        at_start=[partial(activate_all, trials)],
        take_back=partial(take_back_all, trials),
    )

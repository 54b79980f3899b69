"""The randomizer, wired: eligible subjects in, one allocation each out."""

from functools import partial

from services.randomizer import activate, api, seed_key
from services.randomizer.handlers import on_boundary_crossed, on_screening, on_withdrawn
from services.randomizer.restore import take_back_all
from services.randomizer.trials import Trials
from shared.contracts import versions
from shared.contracts.events.safety import SafetyBoundaryCrossed, SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.runtime.service import Service
from shared.runtime.settings import Settings
from shared.runtime.subscription import Subscription


def build(settings: Settings) -> Service:
    """The service from its settings."""
    protocols = versions.load_all(settings.protocols)
    keys = partial(seed_key.read, settings.keys)
    keys()  # one that cannot be read ends the start
    trials = Trials.of(protocols, keys)
    decide = partial(on_screening, trials)
    return Service(
        name="randomizer",
        protocols=list(protocols.values()),
        routes=api.routes(trials),
        subscriptions=[
            Subscription("trialops.screening", {PatientScreened: decide, ScreeningFailed: decide}),
            Subscription(
                "trialops.safety",
                {
                    SubjectWithdrawn: partial(on_withdrawn, trials),
                    SafetyBoundaryCrossed: partial(on_boundary_crossed, trials),
                },
            ),
        ],
        at_start=[partial(activate.activate_all, trials)],
        timers={activate.TIMER: partial(activate.on_due, trials)},
        take_back=partial(take_back_all, trials),
    )

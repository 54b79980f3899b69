"""The randomizer's HTTP as a table: who may read which report, who may do what to a trial."""

from collections.abc import Callable
from functools import partial

from services.randomizer.answers import BY_ARM, SITE
from services.randomizer.conduct import (
    Conduct,
    ListLoaded,
    OpeningRequested,
    SiteSwitched,
    TrialSwitched,
    Verb,
)
from services.randomizer.facts import Close, CloseSite, Command, OpenSite, Pause, Resume
from services.randomizer.predictability import Predictability
from services.randomizer.replay import Bundle
from services.randomizer.reports import (
    Allocation,
    AllocationPage,
    AllocationsQuery,
    EnrolmentAnswer,
    EnrolmentQuery,
    Reports,
)
from services.randomizer.trials import Trials
from shared.runtime.routes import Reason, Route
from shared.runtime.security import Role

_MANAGER = frozenset({Role.TRIAL_MANAGER})
_STATISTICIAN = frozenset({Role.STATISTICIAN})
_UNBLINDS = frozenset({Role.INVESTIGATOR, Role.SAFETY_OFFICER})


def routes(trials: Trials) -> list[Route]:
    """The routes over the trials that run here."""
    reports, conduct = Reports(trials), Conduct(trials)
    trial = "/v1/trials/{trial}"
    readers = SITE | _MANAGER | _STATISTICIAN
    deciding: list[tuple[str, frozenset[Role], Verb, Callable[[], Command]]] = [
        ("pause", frozenset({Role.SAFETY_OFFICER}), "pause", Pause),
        ("resume", _MANAGER, "resume", Resume),
        ("close", _MANAGER, "close", Close),
    ]
    return [
        Route(
            "GET",
            f"{trial}/allocations",
            readers,
            reports.allocations,
            "who was drawn, in order",
            query=AllocationsQuery,
            answers={200: AllocationPage},
            by_arm=BY_ARM,
        ),
        Route(
            "GET",
            f"{trial}/allocations/{{subject}}",
            readers,
            reports.allocation,
            "one subject's draw",
            answers={200: Allocation},
        ),
        Route(
            "GET",
            f"{trial}/enrolment",
            _MANAGER | _STATISTICIAN,
            reports.enrolment,
            "how far the trial has come",
            query=EnrolmentQuery,
            answers={200: EnrolmentAnswer},
            by_arm=_STATISTICIAN,
        ),
        *(
            Route(
                "POST",
                f"{trial}/{verb}",
                roles,
                partial(conduct.switch_trial, decision, command),
                f"{verb} randomization",
                body=Reason,
                answers={200: TrialSwitched},
            )
            for verb, roles, decision, command in deciding
        ),
        Route(
            "POST",
            f"{trial}/sites/{{site}}/open",
            _MANAGER,
            partial(conduct.switch_site, "site_open", OpenSite),
            "let a site enrol",
            body=Reason,
            answers={200: SiteSwitched},
        ),
        Route(
            "POST",
            f"{trial}/sites/{{site}}/close",
            _MANAGER,
            partial(conduct.switch_site, "site_close", CloseSite),
            "let a site enrol no more",
            body=Reason,
            answers={200: SiteSwitched},
        ),
        Route(
            "PUT",
            f"{trial}/allocation-list",
            _STATISTICIAN,
            conduct.load_list,
            "put a prepared list in force (CSV stratum,arm[,subject])",
            answers={200: ListLoaded},
            media_type="text/csv",
        ),
        Route(
            "POST",
            f"{trial}/subjects/{{subject}}/unblind",
            _UNBLINDS,
            conduct.unblind,
            "tell the arm of one subject of a masked trial, to the asker alone",
            body=Reason,
            answers={200: Allocation},
            sealed=True,
        ),
        Route(
            "GET",
            f"{trial}/predictability",
            _STATISTICIAN,
            reports.predictability,
            "how often the next arm could have been guessed, and how often by design",
            answers={200: Predictability},
            sealed=True,
        ),
        Route(
            "POST",
            f"{trial}/seed/open",
            _STATISTICIAN,
            conduct.open_seed,
            "open the seed of a closed trial, with a second statistician",
            body=Reason,
            answers={202: OpeningRequested, 201: Bundle},
            sealed=True,
        ),
    ]

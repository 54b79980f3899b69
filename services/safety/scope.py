"""What of a request's trial and sites its caller may reach."""

from collections.abc import Mapping

from services.safety.commands import Trial
from shared.contracts.subjects import SiteId, TrialId
from shared.runtime.problems import not_found
from shared.runtime.routes import Call


def trial(trials: Mapping[TrialId, Trial], call: Call) -> Trial:
    """The trial in the path; 404 where nobody watches over it here, or outside the scope."""
    found = trials.get(TrialId(call.trial))
    if found is None:
        raise not_found("trial")
    return found


def site(call: Call, trial: Trial, site: SiteId) -> SiteId:
    """The site, 404 where the trial has none such or it is outside the caller's scope."""
    known = trial.versions.site(site, call.work.now())
    if known is None or not call.caller.may_see_site(site):
        raise not_found("site")
    return site

"""What a call is about: its trial's plan, its subject, its site; 404 for what is out of scope."""

from services.randomizer.plan import Plan
from services.randomizer.plans import Plans
from services.randomizer.trials import Trials
from shared.contracts.subjects import SiteId, SubjectId, TrialId, site_of, well_formed_subject
from shared.runtime.problems import not_found
from shared.runtime.routes import Call


def plans_of(trials: Trials, call: Call) -> Plans:
    """The plans of the path's trial."""
    plans = trials.plans.get(TrialId(call.trial))
    if plans is None:
        raise not_found("trial")
    return plans


def plan_of(trials: Trials, call: Call) -> Plan:
    """The plan in force of the path's trial."""
    return plans_of(trials, call).at(call.work.now())


def subject_of(plan: Plan, call: Call) -> SubjectId:
    """The path's subject, well formed and at a site of the caller's."""
    subject = call.path["subject"]
    if not well_formed_subject(subject) or not _in_scope(plan, call, site_of(subject)):
        raise not_found("subject")
    return SubjectId(subject)


def site_in(plan: Plan, call: Call) -> SiteId:
    """The path's site, one of the caller's."""
    site = SiteId(call.path["site"])
    if not _in_scope(plan, call, site):
        raise not_found("site")
    return site


def _in_scope(plan: Plan, call: Call, site: SiteId) -> bool:
    return site in plan.sites and call.caller.may_see_site(site)

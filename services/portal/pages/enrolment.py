"""How far the trial has come, and the switches of a trial and its sites."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.responses import Response

from services.portal import chart, store
from services.portal.domain import curve
from services.portal.store import Tally
from services.portal.visit import SAFETY_OFFICER, STATISTICIAN, TRIAL_MANAGER, Page, Visit
from shared.contracts.subjects import SiteId
from shared.runtime.security import Role

_LONGEST_REASON = 2000


@dataclass
class Line:
    """Figures of a site, a stratum or the whole; `target` None: no cap, or not known."""

    screened: int = 0
    randomized: int = 0
    waiting: int = 0
    refused: int = 0
    target: int | None = None

    def add(self, tally: Tally) -> None:
        """Count a tally in."""
        self.screened += tally.screened
        self.randomized += tally.randomized
        self.waiting += tally.waiting
        self.refused += tally.refused


@dataclass(frozen=True)
class Switch:
    """Something that a person decides about a trial or a site, for a reason."""

    verb: str
    label: str
    effect: str
    told: str
    roles: frozenset[Role]
    of_site: bool = field(default=False)


_PAUSERS = TRIAL_MANAGER | SAFETY_OFFICER
SWITCHES = {
    switch.verb: switch
    for switch in (
        Switch(
            "pause",
            "Pause randomization",
            "Nobody is randomized until a trial manager resumes; eligible patients wait.",
            "paused",
            _PAUSERS,
        ),
        Switch(
            "resume",
            "Resume randomization",
            "Those who wait are drawn at once, in the order in which they came.",
            "resumed",
            TRIAL_MANAGER,
        ),
        Switch(
            "close",
            "Close randomization",
            "Nobody is randomized any more. This cannot be undone.",
            "closed",
            TRIAL_MANAGER,
        ),
        Switch(
            "site-open",
            "Open the site",
            "The site may enrol.",
            "site-opened",
            TRIAL_MANAGER,
            of_site=True,
        ),
        Switch(
            "site-close",
            "Close the site",
            "The site enrols no more; its patients stay in the trial.",
            "site-closed",
            TRIAL_MANAGER,
            of_site=True,
        ),
    )
}


async def enrolment(visit: Visit) -> Response:
    """The curve against the target, the figures by stratum and site, and who is stuck and why."""
    async with visit.work.reading() as db:
        tallies = await store.tallies(db, visit.trial, None)
        drawn = await store.draws_by_day(db, visit.trial, None)
        stuck = await store.stuck(db, visit.trial, None)
        decided = await store.sites_open(db, visit.trial)
        state, cause = await store.trial_state(db, visit.trial)
    caps = await visit.ask("GET", "randomizer", f"/trials/{visit.trial}/enrolment")
    targets = caps.body if caps.ok else {"target": None, "sites": {}, "strata": {}}
    protocol = visit.protocol
    sites = _lines((s.id for s in protocol.sites), [(t.site, t) for t in tallies], targets["sites"])
    strata = _lines(
        (s.id for s in protocol.strata),
        [(t.stratum, t) for t in tallies if t.stratum],
        targets["strata"],
    )
    total = Line(target=targets["target"])
    for tally in tallies:
        total.add(tally)
    opened = {s.id: decided.get(s.id, s.open_at_activation) for s in protocol.sites}
    return visit.page(
        "enrolment.html",
        total=total,
        sites=sites,
        strata=strata,
        by_site=protocol.strata_by_site,
        opened=opened,
        state=state,
        cause=cause,
        stuck=stuck,
        drawing=chart.steps(curve(drawn), total.target, visit.now.date()),
        days=list(zip(curve(drawn).days, curve(drawn).totals, strict=True)),
        wrong=None if caps.ok else caps.detail,
    )


def _lines(
    known: Iterable[str], tallies: Iterable[tuple[str, Tally]], targets: dict[str, dict[str, int]]
) -> dict[str, Line]:
    """Every site or stratum of the protocol, those without subjects too."""
    lines = {name: Line(target=targets.get(name, {}).get("target")) for name in known}
    for name, tally in tallies:
        lines.setdefault(name, Line()).add(tally)
    return lines


async def ask(visit: Visit) -> Response:
    """What the switch does, and why it is turned."""
    switch, site = _switch(visit)
    return visit.page("switch.html", switch=switch, site=site, reason="", wrong=None)


async def turn(visit: Visit) -> Response:
    """Turn it."""
    switch, site = _switch(visit)
    reason = visit.form["reason"].strip()
    if not reason or len(reason) > _LONGEST_REASON:
        wrong = f"Say why, in at most {_LONGEST_REASON} characters."
        return visit.page("switch.html", 422, switch=switch, site=site, reason=reason, wrong=wrong)
    verb = switch.verb.removeprefix("site-")
    path = f"/trials/{visit.trial}/" + (f"sites/{site}/{verb}" if site else verb)
    key = visit.form["once"] or None
    answer = await visit.ask("POST", "randomizer", path, {"reason": reason}, key=key)
    if not answer.ok:
        return visit.page(
            "switch.html",
            answer.status,
            switch=switch,
            site=site,
            reason=reason,
            wrong=answer.detail,
        )
    page = "alerts" if visit.person.role is Role.SAFETY_OFFICER else "enrolment"
    return visit.see(f"/trials/{visit.trial}/{page}", switch.told)


def _switch(visit: Visit) -> tuple[Switch, str | None]:
    switch = SWITCHES.get(visit.path["verb"])
    site = visit.query.get("site") or None
    if switch is None or switch.of_site != (site is not None):
        visit.problem(404, "There is no such page.")
    if visit.person.role not in switch.roles:
        visit.problem(403, "This is not part of your role in the trial.")
    if site is not None and visit.protocol.site(SiteId(site)) is None:
        visit.problem(404, "There is no such site, or not for you.")
    return switch, site


PAGES = (
    Page("GET", "/trials/{trial}/enrolment", TRIAL_MANAGER | STATISTICIAN, enrolment),
    Page("GET", "/trials/{trial}/enrolment/{verb}", _PAUSERS, ask),
    Page("POST", "/trials/{trial}/enrolment/{verb}", _PAUSERS, turn),
)

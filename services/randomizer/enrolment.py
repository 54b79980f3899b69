"""How far a trial has come: randomized, target, waiting, refused; in all, by stratum, by site."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.randomizer.book import TrialState
from services.randomizer.plan import Plan
from shared.contracts.subjects import SiteId


@dataclass(frozen=True, slots=True)
class Tally:
    """Subjects of one site and stratum (None: not known)."""

    site: SiteId
    stratum: str | None
    randomized: int
    waiting: int
    refused: int


@dataclass(slots=True)
class Progress:
    """The four figures; ``target`` None: no cap."""

    randomized: int
    target: int | None
    waiting: int
    refused: int

    def add(self, tally: Tally) -> None:
        """Counts a tally in."""
        self.randomized += tally.randomized
        self.waiting += tally.waiting
        self.refused += tally.refused


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The figures of a trial."""

    state: TrialState
    total: Progress
    strata: dict[str, Progress]
    sites: dict[SiteId, Progress]


def enrolment(plan: Plan, state: TrialState, tallies: Iterable[Tally]) -> Enrolment:
    """Every stratum and site of the protocol, those without subjects too."""
    caps = plan.scheme.design.caps
    total = Progress(0, plan.target, 0, 0)
    strata = {name: Progress(0, caps.strata.get(name), 0, 0) for name in plan.scheme.ratios}
    sites = {site: Progress(0, caps.of_site(site), 0, 0) for site in plan.sites}
    for tally in tallies:
        total.add(tally)
        # A site or stratum that a later version of the protocol dropped keeps its subjects.
        sites.setdefault(tally.site, Progress(0, None, 0, 0)).add(tally)
        if tally.stratum is not None:
            strata.setdefault(tally.stratum, Progress(0, None, 0, 0)).add(tally)
    return Enrolment(state, total, strata, sites)

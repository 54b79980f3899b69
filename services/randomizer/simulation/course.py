"""One trial played through: subjects arrive site by site, are refused by a cap, or drawn.

The arms are drawn as in the real trial, by the protocol's own design from a seed. Pure: chance is
an argument.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import inf, log

from services.randomizer.characteristics.simulated import Chance
from services.randomizer.limits import Counts, cap_reached
from services.randomizer.plan import Plan
from services.randomizer.scheme import StratumState
from services.randomizer.seed import SEED_BYTES, Seed
from services.randomizer.simulation.accrual import Accrual
from shared.contracts.events.randomization import RefusalReason
from shared.contracts.subjects import SiteId, SubjectId

Place = tuple[SiteId, str]


@dataclass(frozen=True)
class Course:
    """What came of it: subjects by (site, stratum) and arm, refusals, and how guessable it was.

    ``days``: until the last draw. ``certain``: draws at which one arm had probability 1, given the
    past. ``right``: the mean number of right guesses of the likeliest arm, of those tied at random.
    """

    arms: Mapping[tuple[Place, str], int]
    refused: Mapping[RefusalReason, int]
    randomized: int
    days: float
    certain: int
    right: float


def play(plan: Plan, accrual: Accrual, chance: Chance) -> Course:
    """One trial from its first day to its target, or to the last day of the accrual."""
    run = _Run(plan, accrual, chance)
    nexts = [(run.next(at, site.opens), at) for at, site in enumerate(accrual.sites)]
    heapify(nexts)
    target = inf if plan.target is None else plan.target
    while nexts[0][0] < accrual.days and run.randomized < target:
        day, at = nexts[0]
        run.arrive(at, day)
        heapreplace(nexts, (run.next(at, day), at))
    return Course(run.arms, run.refused, run.randomized, run.days, run.certain, run.right)


class _Run:
    def __init__(self, plan: Plan, accrual: Accrual, chance: Chance) -> None:
        self.plan, self.accrual, self.chance = plan, accrual, chance
        secret = bytes(int(chance.random() * 256) for _ in range(SEED_BYTES))
        self.seed = Seed(plan.trial, secret)
        self.strata: dict[str, StratumState] = {}
        self.sites: Counter[SiteId] = Counter()
        self.cells: Counter[Place] = Counter()
        self.arms: Counter[tuple[Place, str]] = Counter()
        self.refused: Counter[RefusalReason] = Counter()
        self.arrivals = self.randomized = self.certain = 0
        self.days = self.right = 0.0

    def next(self, at: int, day: float) -> float:
        """When the site's next eligible subject comes; infinity once the site has closed."""
        site = self.accrual.sites[at]
        then = day - log(1.0 - self.chance.random()) / site.a_day
        return then if then < site.closes else inf

    def arrive(self, at: int, day: float) -> None:
        site = self.accrual.sites[at]
        stratum = site.strata.pick(self.chance.random())
        carry = {name: of.pick(self.chance.random()) for name, of in self.accrual.carry.items()}
        self.arrivals += 1
        caps = self.plan.scheme.design.caps
        reason = cap_reached(caps, self._counts(site.site, stratum))
        if reason is not None:
            self.refused[reason] += 1
            return
        subject = SubjectId(f"{site.site}-{self.arrivals:06d}")
        scheme = self.plan.scheme
        odds = scheme.odds(self.strata, subject, stratum, self.seed, carry)
        drawn = scheme.draw(self.strata, subject, stratum, self.seed, None, carry)
        if drawn is None:
            self.refused["list_exhausted"] += 1
            return
        arm, self.strata[stratum] = drawn
        most = max(odds)
        self.certain += most == sum(odds)
        if odds[scheme.ratios[stratum].arms.index(arm)] == most:
            self.right += 1 / list(odds).count(most)
        self.sites[site.site] += 1
        self.cells[site.site, stratum] += 1
        self.arms[(site.site, stratum), arm] += 1
        self.randomized += 1
        self.days = day

    def _counts(self, site: SiteId, stratum: str) -> Counts:
        at = self.strata.get(stratum)
        return Counts(
            site=site,
            stratum=stratum,
            randomized=self.randomized,
            in_stratum=0 if at is None else at.drawn,
            in_cell=self.cells[site, stratum],
            at_site=lambda: self.sites[site],
        )

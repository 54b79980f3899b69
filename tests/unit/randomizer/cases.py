"""Every design over every way in which strata can be made: small trials for properties of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import permutations
from typing import Any

from services.randomizer.allocation_list import AllocationList
from services.randomizer.plan import Plan
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme
from services.randomizer.seed import Seed
from shared.contracts.events.screening import PatientScreened
from shared.contracts.subjects import SiteId
from tests.unit.randomizer.made import SEED, TRIAL, csv, screened

SITES = ("IT001", "IT002")
LONGEST = 30
"""How many subjects such a trial can take, all in one stratum or not."""

Strata = Mapping[str, Mapping[str, int]]
PAIR = {"A": 1, "B": 1}
STRATA: dict[str, Strata] = {
    "by factors": {"le4": PAIR, "gt4": PAIR},
    "by site": dict.fromkeys(SITES, PAIR),
    "arms of their own": {"le4": {"A": 1, "B": 1, "C": 2}, "gt4": {"A": 1, "C": 1}},
}


@dataclass(frozen=True)
class Case:
    """A design over some strata."""

    name: str
    section: Mapping[str, Any]
    strata: Strata

    @property
    def design(self) -> str:
        """Its name in the protocol."""
        return str(self.section["design"])

    def rules(self, seed: Seed = SEED, *, masked: bool = False) -> Rules:
        """What decisions of the trial go by."""
        scheme = Scheme.of(self.section, self.strata)
        sites = {SiteId(site): True for site in SITES}
        plan = Plan(TRIAL, "1.0", "0" * 64, True, scheme, sites, masked=masked)
        return Rules(plan, seed, self.rows if self.design == "listed" else None)

    @property
    def rows(self) -> AllocationList:
        """A list long enough for anything, its arms in an order that is no cycle."""
        return csv(
            *(
                f"{stratum},{arm}"
                for stratum, ratio in self.strata.items()
                for at in range(LONGEST)
                for arm in list(permutations(ratio))[at * at % len(ratio)]
            )
        )

    def facts(self, course: Sequence[int]) -> list[PatientScreened]:
        """One eligible subject after the other, the n-th in this stratum of all."""
        names = list(self.strata)
        return [self.subject(number, names[at]) for number, at in enumerate(course, 1)]

    def subject(self, number: int, stratum: str) -> PatientScreened:
        """One, at the site that the stratum is, else at one of the two."""
        site = stratum if stratum in SITES else SITES[number % 2]
        return screened(number, site=site, stratum=stratum)

    def renamed(self, names: Mapping[str, str]) -> "Case":
        """The same trial, its arms called otherwise."""
        strata = {
            stratum: {names[arm]: share for arm, share in ratio.items()}
            for stratum, ratio in self.strata.items()
        }
        return replace(self, strata=strata)


def _sections(strata: Strata) -> list[dict[str, Any]]:
    """All designs that these strata can have; a block is twice the ratio."""
    sizes = {stratum: [2 * sum(ratio.values())] for stratum, ratio in strata.items()}
    minimised = {
        "design": "minimisation",
        "metric": "range",
        "p": Decimal("0.8"),
        "factors": [{"name": "site"}, {"name": "stratum", "weight": 2}],
    }
    coins: list[dict[str, Any]] = [
        {"design": "big_stick", "mti": 2},
        {"design": "biased_coin", "p": Decimal("0.7")},
        {"design": "complete"},
    ]
    own = {
        stratum: {"design": "permuted_block", "block_sizes": sizes[stratum]} if n == 0 else coins[0]
        for n, stratum in enumerate(strata)
    }
    pairs = all(set(ratio.values()) == {1} and len(ratio) == 2 for ratio in strata.values())
    return [
        {"design": "permuted_block", "block_sizes": sizes},
        {"design": "random_allocation", "size": 32, "target": LONGEST},
        minimised,
        {"design": "by_stratum", "strata": own},
        {"design": "listed"},
        *(coins if pairs else coins[2:]),
    ]


CASES = [
    Case(f"{section['design']}, strata {how}", section, strata)
    for how, strata in STRATA.items()
    for section in _sections(strata)
]

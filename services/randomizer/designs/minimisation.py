"""Minimisation: likely is the arm that leaves the new subject's factor levels best balanced.

Pocock & Simon 1975, Biometrics 31:103; any ratio as Han et al. 2009, Stat Med 28:3329. A factor is
the site, the stratum, or a field that the protocol's `carry` brings with the screening; each value
of it is a level, a value that is not known too. Counted are the earlier subjects of all strata that
draw the same way: with the same arms in the same ratio and the same settings. Where arms differ, a
count of those who could not have had an arm would say nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from math import lcm
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.randomizer.designs import settings
from services.randomizer.designs.design import DesignError, Ratio, Section, State, Turn, pick
from services.randomizer.minimisation import whole_scores
from services.randomizer.seed import Stream
from shared.contracts.subjects import site_of

SITE, STRATUM = "site", "stratum"
LARGEST_ARMS = 16

# Six places, and arms of at most 16, keep the tickets of a draw within one derived number.
Chance = Annotated[
    Decimal,
    Field(strict=True, gt=0, le=1, max_digits=7, decimal_places=6),
    BeforeValidator(settings.decimal),
]
Weight = Annotated[
    Decimal,
    Field(strict=True, gt=0, max_digits=9, decimal_places=6),
    BeforeValidator(settings.decimal),
]


class FactorWords(BaseModel):
    """One factor: `site`, `stratum` or a carried field, and how much its imbalance counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    weight: Weight = Decimal(1)


def _each_once(factors: tuple[FactorWords, ...]) -> tuple[FactorWords, ...]:
    names = [factor.name for factor in factors]
    if len(set(names)) < len(names):
        raise ValueError("two factors have the same name")
    return factors


class MinimisationSection(Section):
    """``p``: what the arms with the best score share.

    The state of a stratum is, for each level seen there, its key and the subjects on each arm.
    """

    design: Literal["minimisation"]
    metric: Literal["range", "variance"]
    p: Chance
    factors: Annotated[tuple[FactorWords, ...], Field(min_length=1), AfterValidator(_each_once)]

    needs_list: ClassVar[bool] = False

    def check(self, ratios: Mapping[str, Ratio]) -> None:
        """Two arms or more in every stratum, and a chance that favours the best of them."""
        for stratum, ratio in ratios.items():
            arms = len(ratio.arms)
            if not 2 <= arms <= LARGEST_ARMS:
                raise DesignError(
                    ("design",), f"is for 2 to {LARGEST_ARMS} arms, stratum {stratum} has {arms}"
                )
            if Fraction(self.p) * arms < 1:
                raise DesignError(
                    ("p",), f"is less than 1 / {arms}, an arm's even chance in stratum {stratum}"
                )

    def factor_places(self) -> Mapping[tuple[str | int, ...], str]:
        """The factors by their place in the section."""
        return {("factors", n, "name"): one.name for n, one in enumerate(self.factors)}

    def opening(self, ratio: Ratio) -> State:
        """Nobody counted."""
        return ()

    def odds(self, turn: Turn) -> Sequence[int]:
        """The chances that the subject's levels make."""
        return self._odds(turn, self._keys(turn))

    def draw(self, turn: Turn) -> tuple[str, State]:
        """An arm by its odds."""
        keys = self._keys(turn)
        odds = self._odds(turn, keys)
        ticket = Stream(turn.seed, turn.ratio.stratum, "arm").below(sum(odds), turn.drawn)
        arm = pick(ticket, odds)
        return turn.ratio.arms[arm], tuple(_counted(turn.state, keys, arm, len(odds)))

    def _keys(self, turn: Turn) -> list[int]:
        return [_key(factor.name, _level(factor.name, turn)) for factor in self.factors]

    def _odds(self, turn: Turn, keys: list[int]) -> Sequence[int]:
        arms = len(turn.ratio.arms)
        counts = [[0] * arms for _ in keys]
        for state in turn.alike:
            for at in range(0, len(state), arms + 1):
                if state[at] in keys:
                    mine = counts[keys.index(state[at])]
                    for arm in range(arms):
                        mine[arm] += state[at + 1 + arm]
        ratio = tuple(turn.ratio.shares.values())
        scores = whole_scores(self.metric, ratio, self._weights, counts)
        least = min(scores)
        best, others = _shares(self.p, scores.count(least), arms)
        return [best if score == least else others for score in scores]

    @cached_property
    def _weights(self) -> tuple[int, ...]:
        """The weights in whole numbers."""
        weights = [Fraction(factor.weight) for factor in self.factors]
        whole = lcm(*(weight.denominator for weight in weights))
        return tuple(int(weight * whole) for weight in weights)


@lru_cache(maxsize=256)
def _shares(p: Decimal, best: int, arms: int) -> tuple[int, int]:
    """What each of the best arms has of the tickets, and each of the others."""
    if best == arms:
        return 1, 1
    of_best, of_others = Fraction(p) / best, (1 - Fraction(p)) / (arms - best)
    whole = lcm(of_best.denominator, of_others.denominator)
    return int(of_best * whole), int(of_others * whole)


def _level(factor: str, turn: Turn) -> object:
    if factor == SITE:
        return site_of(turn.subject)
    return turn.ratio.stratum if factor == STRATUM else turn.carry.get(factor)


def _key(factor: str, level: object) -> int:
    """A level as a whole number: 63 bits of the SHA-256 over the compact JSON [factor, level]."""
    text = json.dumps([factor, level], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return _hash(text)


@lru_cache(maxsize=4096)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _counted(state: State, keys: list[int], arm: int, arms: int) -> Iterator[int]:
    """The state with one more on the arm at each of these levels; new levels come last."""
    missing = list(keys)
    for at in range(0, len(state), arms + 1):
        key, *counts = state[at : at + arms + 1]
        if key in missing:
            missing.remove(key)
            counts[arm] += 1
        yield key
        yield from counts
    for key in missing:
        yield key
        yield from (int(other == arm) for other in range(arms))

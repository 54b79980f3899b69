"""How often the convergence strategy would have guessed the next arm, and how often by design.

The strategy names the arm that has the fewest subjects in the stratum so far, in the ratio, and one
of those tied at random (Blackwell & Hodges 1957, Ann Math Stat 28:449). It goes by the allocations
alone: whoever may see these learns nothing more of what comes next. What the design implies is the
mean over trials that draw the same subjects by other seeds, which no state of this trial enters.
More right guesses than that, by several standard deviations, are a reason to look for selection
(Berger & Exner 1999, Control Clin Trials 20:319).

What is implied tells the design's settings: the second guess in a stratum is right for certain in
blocks of 2, twice in three in blocks of 4, three times in five in blocks of 6. Whoever sees all
arms and knows the size of a block knows its end before it is drawn. So while draws may still come
the report says only whether right guesses are more than implied: of an honest trial it says no,
whatever its design. A closed trial has nothing left to foretell: its report has the figures.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm, sqrt

from pydantic import BaseModel, JsonValue

from services.randomizer.designs.design import Ratio
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.subjects import SubjectId, TrialId

DRAWS = 20_000
"""About how many draws a report may cost: it is compared with so many other trials as these make,
but with at least ``LEAST_RUNS``.
"""

LEAST_RUNS, MOST_RUNS = 20, 400
DEVIATIONS = 3
"""By how many standard deviations right guesses are more than implied."""

_PLACES = 2


@dataclass(frozen=True, slots=True)
class Past:
    """One allocation as it was made."""

    subject: SubjectId
    stratum: str
    arm: str
    protocol_version: str
    carry: Mapping[str, JsonValue]


class Guessed(BaseModel):
    """Right guesses as a share of the draws, and whether they are more than the design implies.

    `implied` and `standard_deviation` are null until the trial is closed; these and
    `more_than_implied` are where a list decided beforehand.
    """

    randomized: int
    guessed: float | None
    more_than_implied: bool | None = None
    implied: float | None = None
    standard_deviation: float | None = None


class Predictability(Guessed):
    """The trial as a whole, and each stratum."""

    runs: int
    strata: dict[str, Guessed]


def predictability(
    trial: TrialId, past: Sequence[Past], schemes: Mapping[str, Scheme], *, closed: bool
) -> Predictability:
    """The report over the allocations in the order of their numbers.

    ``closed``: no draw is to come, so that the design's figures foretell none.
    """
    runs = max(LEAST_RUNS, min(MOST_RUNS, DRAWS // max(1, len(past))))
    drawn = all(not schemes[one.protocol_version].design.needs_list for one in past)
    found = guesses(past, schemes, [one.arm for one in past])
    others = [guesses(past, schemes, _arms(trial, past, schemes, n)) for n in range(runs * drawn)]
    sizes = Counter(one.stratum for one in past)
    whole = _guessed(len(past), sum(found.values()), [sum(of.values()) for of in others], closed)
    return Predictability(
        **whole.model_dump(),
        runs=len(others),
        strata={
            stratum: _guessed(n, found[stratum], [of[stratum] for of in others], closed)
            for stratum, n in sorted(sizes.items())
        },
    )


def guesses(
    past: Sequence[Past], schemes: Mapping[str, Scheme], arms: Sequence[str]
) -> dict[str, float]:
    """By stratum, how many of these arms the strategy would have guessed; k tied: 1/k each."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    right: dict[str, float] = defaultdict(float)
    for one, arm in zip(past, arms, strict=True):
        named = _named(schemes[one.protocol_version].ratios[one.stratum], counts[one.stratum])
        right[one.stratum] += (arm in named) / len(named)
        counts[one.stratum][arm] += 1
    return right


def _named(ratio: Ratio, counts: Mapping[str, int]) -> list[str]:
    """The arms that are farthest behind the ratio."""
    whole = lcm(*ratio.shares.values())  # count / share, in whole numbers
    filled = {arm: counts.get(arm, 0) * whole // share for arm, share in ratio.shares.items()}
    least = min(filled.values())
    return [arm for arm, of in filled.items() if of == least]


def _arms(
    trial: TrialId, past: Sequence[Past], schemes: Mapping[str, Scheme], run: int
) -> list[str]:
    """What another seed, known to everybody, would have drawn for the same subjects."""
    seed = Seed(trial, hashlib.sha256(f"trialops.predictability {run}".encode()).digest())
    strata: dict[str, StratumState] = {}
    arms: list[str] = []
    for one in past:
        scheme = schemes[one.protocol_version]
        drawn = scheme.draw(strata, one.subject, one.stratum, seed, None, one.carry)
        if drawn is None:
            raise ValueError("a stratum had no place for a subject who was drawn in it")
        arm, strata[one.stratum] = drawn
        arms.append(arm)
    return arms


def _guessed(n: int, right: float, others: Sequence[float], closed: bool) -> Guessed:
    """Rounded: finer figures would tell no more of the guessing."""
    if n == 0:
        return Guessed(randomized=0, guessed=None)
    guessed = Guessed(randomized=n, guessed=round(right / n, _PLACES))
    if not others:
        return guessed
    mean = sum(others) / len(others)
    deviation = sqrt(sum((of - mean) ** 2 for of in others) / (len(others) - 1))
    # Shares of ties are sums of fractions: what is equal may differ in the last binary digit.
    guessed.more_than_implied = right - mean > DEVIATIONS * deviation + 1e-9 * n
    if closed:
        guessed.implied = round(mean / n, _PLACES)
        guessed.standard_deviation = round(deviation / n, _PLACES)
    return guessed

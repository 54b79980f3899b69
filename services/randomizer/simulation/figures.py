"""What many simulated trials say of a design: each figure with its standard error.

*Imbalance* is how far the arms' deviations from the ratio are apart: the largest of (subjects on an
arm - subjects that the ratios of the strata give it) less the smallest. With two arms 1:1 it is
|N1 - N2|.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import fsum, sqrt

from services.randomizer.plan import Plan
from services.randomizer.simulation.accrual import Accrual
from services.randomizer.simulation.course import Course, Place
from services.randomizer.simulation.power import Comparison, efficiency, pairs

Json = dict[str, object]
Key = tuple[str, ...]


class Figures:
    """Gathers trials one by one; `answer` tells what they say together."""

    def __init__(self, plan: Plan, accrual: Accrual, comparison: Comparison) -> None:
        self.plan, self.comparison = plan, comparison
        self.sites = [site.site for site in accrual.sites]
        self.ratios = plan.scheme.ratios
        self.values: dict[Key, list[float]] = defaultdict(list)
        self.runs = 0

    def add(self, course: Course) -> None:
        """Counts one trial."""
        self.runs += 1
        keep, drawn = self.values, course.randomized
        keep["randomized",].append(drawn)
        keep["days",].append(course.days)
        if drawn:
            keep["deterministic",].append(course.certain / drawn)
            keep["correct_guess",].append(course.right / drawn)
        for reason, refused in course.refused.items():
            values = keep["refused", reason]
            values += [0.0] * (self.runs - 1 - len(values))  # the trials before had none
            values.append(refused)
        self._imbalance(course)
        self._power(course)
        self._caps(course)

    def _imbalance(self, course: Course) -> None:
        """Overall, by arm, by stratum and by site."""
        apart: dict[Key, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        size: Counter[Place] = Counter()
        for (place, _), n in course.arms.items():
            size[place] += n
        for place, n in size.items():
            site, stratum = place
            ratio = self.ratios[stratum]
            for arm, share in ratio.shares.items():
                deviation = course.arms.get((place, arm), 0) - n * share / ratio.sum
                for group in (("overall",), ("strata", stratum), ("sites", site)):
                    apart[group][arm] += deviation
        keep = self.values
        keep["overall",].append(_spread(apart["overall",].values()))
        for arm in dict.fromkeys(arm for ratio in self.ratios.values() for arm in ratio.arms):
            keep["arms", arm].append(apart["overall",][arm])
        for stratum in self.ratios:
            keep["strata", stratum].append(_spread(apart["strata", stratum].values()))
        for site in self.sites:
            keep["sites", site].append(_spread(apart["sites", site].values()))

    def _power(self, course: Course) -> None:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for ((_, stratum), arm), n in course.arms.items():
            counts[stratum][arm] += n
        for one, other in pairs(self.ratios):
            left = efficiency(self.ratios, counts, one, other)
            if left is not None:
                self.values["efficiency", one, other].append(left)
                self.values["lost", one, other].append(self.comparison.lost(left))

    def _caps(self, course: Course) -> None:
        """Whether each limit was reached."""
        caps, target, keep = self.plan.scheme.design.caps, self.plan.target, self.values
        strata: Counter[str] = Counter()
        sites: Counter[str] = Counter()
        cells: Counter[tuple[str, str]] = Counter()
        for ((site, stratum), _), n in course.arms.items():
            strata[stratum] += n
            sites[site] += n
            cells[site, stratum] += n
        if target is not None:
            keep["target",].append(course.randomized >= target)
        for stratum, cap in caps.strata.items():
            keep["stratum cap", stratum].append(strata[stratum] >= cap)
        for site in self.sites:
            of_site = caps.of_site(site)
            if of_site is not None:
                keep["site cap", site].append(sites[site] >= of_site)
            for stratum, cap in caps.site_strata.get(site, {}).items():
                keep["cell cap", site, stratum].append(cells[site, stratum] >= cap)

    def histogram(self) -> dict[int, int]:
        """How many trials ended with each overall imbalance, rounded to whole subjects."""
        return dict(sorted(Counter(round(value) for value in self.values["overall",]).items()))

    # The answer

    def answer(self) -> Json:
        """All figures as JSON; one that no trial had is null."""
        for key in self._keys("refused"):
            values = self.values[key]
            values += [0.0] * (self.runs - len(values))
        return {
            "randomized": self._mean("randomized"),
            "days": self._mean("days"),
            "imbalance": {
                "overall": self._worst("overall"),
                "arms": {key[1]: self._deviation(key) for key in self._keys("arms")},
                "strata": {key[1]: self._worst(*key) for key in self._keys("strata")},
                "sites": {key[1]: self._worst(*key) for key in self._keys("sites")},
            },
            "deterministic": self._mean("deterministic"),
            "correct_guess": self._mean("correct_guess"),
            "power": {
                "planned": self.comparison.power,
                "alpha": self.comparison.alpha,
                "pairs": [
                    {
                        "arms": [one, other],
                        "efficiency": self._mean("efficiency", one, other),
                        "lost": self._mean("lost", one, other),
                    }
                    for one, other in pairs(self.ratios)
                ],
            },
            "caps_reached": {
                "target": self._mean("target"),
                "strata": {key[1]: self._mean(*key) for key in self._keys("stratum cap")},
                "sites": {key[1]: self._mean(*key) for key in self._keys("site cap")},
                "site_strata": [
                    {"site": key[1], "stratum": key[2], **(self._mean(*key) or {})}
                    for key in self._keys("cell cap")
                ],
            },
            "refused": {key[1]: self._mean(*key) for key in self._keys("refused")},
        }

    def _keys(self, kind: str) -> list[Key]:
        return [key for key in self.values if key[0] == kind]

    def _mean(self, *key: str) -> Json | None:
        values = self.values.get(key)
        if not values:
            return None
        mean, sd = _moments(values)
        error = None if sd is None else sd / sqrt(len(values))
        return {"mean": mean, "standard_error": error}

    def _worst(self, *key: str) -> Json:
        """With what 19 of 20 trials keep to, and the worst of all."""
        ordered = sorted(self.values[key])
        at = -(-19 * len(ordered) // 20) - 1
        return {**(self._mean(*key) or {}), "p95": ordered[at], "max": ordered[-1]}

    def _deviation(self, key: Key) -> Json:
        """Its mean is 0 but for chance; what tells is the standard deviation."""
        return {**(self._mean(*key) or {}), "standard_deviation": _moments(self.values[key])[1]}


def _moments(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the standard deviation; one trial tells no deviation."""
    mean = fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _spread(apart: Iterable[float]) -> float:
    deviations = list(apart)
    return max(deviations) - min(deviations) if deviations else 0.0

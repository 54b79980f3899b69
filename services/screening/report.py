"""The screening log in numbers: who came, who left and why, what each criterion costs.

A subject counts once, by the newest revision of its newest attempt. An attempt that another
followed counts among `attempts` alone. The flow is CONSORT's (2010 and 2025): every subject
assessed is randomized, excluded for one reason, or still in screening.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from services.screening.eligibility import Verdict

Failure = Literal[
    "withdrawal_by_subject",
    "physician_decision",
    "adverse_event",
    "death",
    "lost_to_follow_up",
    "other",
]
"""Why the site ended a screening: CDISC's completion and reason for non-completion (C66727)."""

Ending = Literal["randomized", "not_meeting_criteria", "declined", "other", "in_screening"]
"""Where a subject stands in CONSORT's flow."""

ENDINGS: Final[tuple[Ending, ...]] = get_args(Ending)
NO_CODE: Final = "not_coded"
_DECLINED: Final = frozenset({"withdrawal_by_subject", "consent_withdrawn"})


@dataclass(frozen=True, slots=True)
class Standing:
    """So many subjects of a site who stand alike; `attempts` are all that they had."""

    site: str
    verdict: Verdict
    signed: bool = False
    failed: bool = False
    failure: str | None = None
    refused: bool = False
    refusal: str | None = None
    randomized: bool = False
    subjects: int = 1
    attempts: int = 1

    @property
    def ending(self) -> Ending:
        """The flow's box, the first that fits.

        An allocation stays whatever is corrected later; who does not meet the criteria is out for
        that, whatever the site or the randomizer said besides.
        """
        if self.randomized:
            return "randomized"
        if self.verdict == "ineligible":
            return "not_meeting_criteria"
        if (self.failed and self.failure in _DECLINED) or (
            self.refused and self.refusal in _DECLINED
        ):
            return "declined"
        return "other" if self.failed or self.refused else "in_screening"


class Cost(NamedTuple):
    """What a criterion costs a site: subjects, not randomized, in whom it is not met, not known,
    and in whom it alone is not met.
    """

    site: str
    criterion: str
    unmet: int
    unknown: int
    only: int


class Named(NamedTuple):
    """A criterion by its words; of one that the protocol has no more they are None."""

    id: str
    category: str | None
    text: str | None


@dataclass(frozen=True)
class Report:
    """The log of some sites of a trial; `sites` in the order to show them."""

    standings: Sequence[Standing]
    costs: Sequence[Cost]
    criteria: Sequence[Named]
    sites: Sequence[str]

    @property
    def every_site(self) -> list[str]:
        """These sites, and then those that have subjects all the same."""
        known = {one.site for one in self.standings}
        return [*self.sites, *sorted(known.difference(self.sites))]

    @property
    def every_criterion(self) -> list[Named]:
        """The protocol's criteria, and then those that older screenings name."""
        listed = {one.id for one in self.criteria}
        older = {cost.criterion for cost in self.costs}.difference(listed)
        return [*self.criteria, *(Named(one, None, None) for one in sorted(older))]

    def total(self) -> dict[str, object]:
        """The numbers of all these sites."""
        return self._counts(self.standings, self.costs)

    def of(self, site: str) -> dict[str, object]:
        """The numbers of one site."""
        return self._counts(
            [one for one in self.standings if one.site == site],
            [one for one in self.costs if one.site == site],
        )

    def _counts(self, standings: Sequence[Standing], costs: Sequence[Cost]) -> dict[str, object]:
        endings = _by(standings, lambda one: one.ending)
        flow: dict[str, int] = {ending: endings[ending] for ending in ENDINGS}
        verdicts = _by(standings, lambda one: one.verdict)
        assessed = sum(one.subjects for one in standings)
        failed = [one for one in standings if one.failed]
        refused = [one for one in standings if one.refused]
        return {
            "assessed": assessed,
            "attempts": sum(one.attempts for one in standings),
            "verdicts": {verdict: verdicts[verdict] for verdict in get_args(Verdict)},
            "signed": sum(one.subjects for one in standings if one.signed),
            "failed": sum(one.subjects for one in failed),
            "failures": dict(_by(failed, lambda one: one.failure or NO_CODE)),
            "refused": sum(one.subjects for one in refused),
            "refusals": dict(_by(refused, lambda one: one.refusal or NO_CODE)),
            "consort": {
                "assessed": assessed,
                "excluded": assessed - flow["randomized"] - flow["in_screening"],
                **flow,
            },
            "criteria": self._dearest_first(costs),
        }

    def _dearest_first(self, costs: Iterable[Cost]) -> list[dict[str, object]]:
        """Every criterion: by those it alone kept out, then by all it did, then the protocol's."""
        unmet, unknown, only = Counter[str](), Counter[str](), Counter[str]()
        for cost in costs:
            unmet[cost.criterion] += cost.unmet
            unknown[cost.criterion] += cost.unknown
            only[cost.criterion] += cost.only
        ids = [one.id for one in self.every_criterion]
        ids.sort(key=lambda one: (-only[one], -unmet[one], -unknown[one]))
        return [
            {"id": one, "unmet": unmet[one], "unknown": unknown[one], "only": only[one]}
            for one in ids
        ]


def _by(standings: Iterable[Standing], name: Callable[[Standing], str]) -> Counter[str]:
    """Subjects by a name of their standing, in the order of the names."""
    found = Counter[str]()
    for one in sorted(standings, key=name):
        found[name(one)] += one.subjects
    return found

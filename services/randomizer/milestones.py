"""Milestones of enrolment: the percentages of a limit that a draw is the first to reach."""

from collections.abc import Iterable, Iterator, Sequence

from services.randomizer.designs.design import Caps
from services.randomizer.limits import Counts
from shared.contracts.events.randomization import EnrolmentMilestone, MilestoneScope
from shared.contracts.subjects import SiteId


def reached(randomized: int, limit: int, percents: Iterable[int]) -> Sequence[int]:
    """The percentages that the draw with this count reaches, in rising order.

    Half of 6 is reached by the third draw, half of 5 by the third too. Each is reached once, as the
    count goes up by one.
    """
    return [p for p in sorted(percents) if 100 * (randomized - 1) < p * limit <= 100 * randomized]


def milestones(
    target: int | None, caps: Caps, percents: Sequence[int], at: Counts
) -> Iterator[EnrolmentMilestone]:
    """What the last draw reached: of the whole trial, its stratum, its site, and both."""
    if not percents:
        return
    limits: list[tuple[MilestoneScope, SiteId | None, str | None, int, int | None]] = [
        ("trial", None, None, at.randomized, target),
        ("stratum", None, at.stratum, at.in_stratum, caps.strata.get(at.stratum)),
        ("site", at.site, None, at.at_site(), caps.of_site(at.site)),
        ("site_stratum", at.site, at.stratum, at.in_cell, caps.of_cell(at.site, at.stratum)),
    ]
    for scope, site, stratum, randomized, limit in limits:
        if limit is None:
            continue
        for percent in reached(randomized, limit, percents):
            yield EnrolmentMilestone(
                scope=scope,
                site=site,
                stratum=stratum,
                percent=percent,
                randomized=randomized,
                limit=limit,
            )

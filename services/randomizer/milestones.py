"""Milestones of enrolment: the percentages of a limit that a draw, or an amendment, reaches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.randomizer.book import Book
from services.randomizer.designs.design import Section
from services.randomizer.limits import Counts
from shared.contracts.events.randomization import EnrolmentMilestone, MilestoneScope
from shared.contracts.subjects import SiteId


class Place(NamedTuple):
    """What a limit holds for."""

    scope: MilestoneScope
    site: SiteId | None = None
    stratum: str | None = None

    def limit(self, section: Section) -> int | None:
        """The target or the cap that a version sets here; None: no limit."""
        match self:
            case Place(scope="trial"):
                return section.target
            case Place(scope="stratum", stratum=str(stratum)):
                return section.caps.strata.get(stratum)
            case Place(scope="site", site=str(site)):
                return section.caps.of_site(site)
            case Place(scope="site_stratum", site=str(site), stratum=str(stratum)):
                return section.caps.of_cell(site, stratum)
            case _:
                raise ValueError("a place names the site and stratum that its scope is of")


def reached(randomized: int, limit: int, percents: Iterable[int]) -> Sequence[int]:
    """The percentages that the draw with this count reaches, in rising order.

    Half of 6 is reached by the third draw, half of 5 by the third too. Each is reached once, as the
    count goes up by one.
    """
    before = _had(randomized - 1, limit, percents)
    return [percent for percent in _had(randomized, limit, percents) if percent not in before]


def by_draw(section: Section, at: Counts) -> Iterator[EnrolmentMilestone]:
    """What the last draw reached: of the whole trial, its stratum, its site, and both."""
    for place, count in (
        (Place("trial"), at.randomized),
        (Place("stratum", stratum=at.stratum), at.in_stratum),
        (Place("site", at.site), None),
        (Place("site_stratum", at.site, at.stratum), at.in_cell),
    ):
        limit = place.limit(section)
        if limit is not None:
            randomized = at.at_site() if count is None else count
            for percent in reached(randomized, limit, section.milestones):
                yield _milestone(place, percent, randomized, limit)


def by_amendment(before: Section, after: Section, book: Book) -> Iterator[EnrolmentMilestone]:
    """What the change of limits alone reaches: what the counts have under the new version's limits
    and had not under those of the version before.

    ``book`` counts the draws of every site.
    """
    for place, randomized in _counts(book):
        limit, earlier = place.limit(after), place.limit(before)
        if limit is not None:
            told = [] if earlier is None else _had(randomized, earlier, before.milestones)
            for percent in _had(randomized, limit, after.milestones):
                if percent not in told:
                    yield _milestone(place, percent, randomized, limit)


def _had(randomized: int, limit: int, percents: Iterable[int]) -> list[int]:
    return [percent for percent in sorted(percents) if percent * limit <= 100 * randomized]


def _counts(book: Book) -> Iterator[tuple[Place, int]]:
    """Every place where somebody was randomized."""
    at_sites = Counter[SiteId]()
    for (site, _), randomized in book.cells.items():
        at_sites[site] += randomized
    yield Place("trial"), book.trial.randomized
    for stratum, at in sorted(book.strata.items()):
        yield Place("stratum", stratum=stratum), at.drawn
    for site, randomized in sorted(at_sites.items()):
        yield Place("site", site), randomized
    for (site, stratum), randomized in sorted(book.cells.items()):
        yield Place("site_stratum", site, stratum), randomized


def _milestone(place: Place, percent: int, randomized: int, limit: int) -> EnrolmentMilestone:
    return EnrolmentMilestone(
        scope=place.scope,
        site=place.site,
        stratum=place.stratum,
        percent=percent,
        randomized=randomized,
        limit=limit,
    )

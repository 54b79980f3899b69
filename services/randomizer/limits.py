"""How far a draw's places are filled: the caps that refuse it."""

from collections.abc import Callable
from typing import NamedTuple

from services.randomizer.designs.design import Caps
from shared.contracts.events.randomization import RefusalReason
from shared.contracts.subjects import SiteId


class Counts(NamedTuple):
    """Who is randomized so far where a subject stands: in all, in its stratum, at its site."""

    site: SiteId
    stratum: str
    randomized: int
    in_stratum: int
    in_cell: int
    """At the site, in the stratum."""

    at_site: Callable[[], int]
    """Asked for where a site has a cap alone: it adds up all strata."""


def cap_reached(caps: Caps, at: Counts) -> RefusalReason | None:
    """The first cap that leaves no place: of the stratum, of the site and stratum, of the site."""
    cap = caps.strata.get(at.stratum)
    if cap is not None and at.in_stratum >= cap:
        return "stratum_closed"
    cap = caps.of_cell(at.site, at.stratum)
    if cap is not None and at.in_cell >= cap:
        return "site_cap_reached"
    cap = caps.of_site(at.site)
    if cap is not None and at.at_site() >= cap:
        return "site_cap_reached"
    return None

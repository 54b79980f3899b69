"""A trial's protocol in all its versions: which one is in force, at which site, on which day.

Each version is a file of its own. The first has no ``amendment``; every later one says with it from
which day it is in force. Where a site has not approved a version, the one before goes on there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

from shared.contracts.protocol_file import load
from shared.contracts.study import Protocol, ProtocolError, Site
from shared.contracts.subjects import SiteId, TrialId

T = TypeVar("T")


@dataclass(frozen=True)
class Versions:
    """The versions of one trial's protocol, in the order in which they come into force."""

    every: tuple[Protocol, ...]

    @property
    def id(self) -> TrialId:
        """The trial's id."""
        return self.every[0].id

    @property
    def first(self) -> Protocol:
        """The version that the trial began with."""
        return self.every[0]

    @property
    def last(self) -> Protocol:
        """The last version, in force or still to come: it lists every site and arm."""
        return self.every[-1]

    def of(self, version: str) -> Protocol | None:
        """The version of that name."""
        return next((one for one in self.every if one.version == version), None)

    def at(self, now: datetime) -> Protocol:
        """The newest version that is in force at ``now`` at one site at least."""
        in_force = (one for one in reversed(self.every[1:]) if begins(one) <= now)
        return next(in_force, self.first)

    def coming(self, now: datetime) -> tuple[Protocol, ...]:
        """The versions that are in force nowhere yet."""
        return tuple(one for one in self.every[1:] if begins(one) > now)

    def in_force(self, site: SiteId, day: date) -> Protocol:
        """The version in force at ``site`` on ``day``.

        Before a site's first day, the version that brought the site; a site that no version lists
        goes by the days that hold for most.
        """
        if len(self.every) == 1:
            return self.first
        *later, first = self._at_site(site)
        return next((version for since, version in later if since <= day), first[1])

    def deciding(self, site: SiteId, consent: date | None, today: date) -> Protocol:
        """The version by which a subject of ``site`` is screened who consented on a day (None:
        unknown, so today). One that is not yet in force there decides nothing.
        """
        return self.in_force(site, today if consent is None else min(consent, today))

    def site(self, site: SiteId, now: datetime) -> Site | None:
        """The site, None for one that no version in force lists."""
        today = self.today(site, now)
        version = self.in_force(site, today)
        known = version.site(site)
        return known if version.in_force_from(site) <= today else None

    def today(self, site: SiteId, now: datetime) -> date:
        """The day at ``site`` at ``now`` (aware); one not listed goes by the first site's zone."""
        return self.last.today(site, now)

    @cached_property
    def _sites(self) -> dict[SiteId, tuple[tuple[date, Protocol], ...]]:
        return {}

    def _at_site(self, site: SiteId) -> tuple[tuple[date, Protocol], ...]:
        """The site's versions, newest first, each with its first day there."""
        if site not in self._sites:
            listing = [one for one in self.every if one.site(site)]
            if not listing:
                return tuple((one.in_force_from(site), one) for one in reversed(self.every))
            self._sites[site] = tuple((one.in_force_from(site), one) for one in reversed(listing))
        return self._sites[site]


@dataclass(frozen=True)
class ByTime(Generic[T]):
    """What a service makes of each version: the first, and later ones from an instant on."""

    first: T
    later: Sequence[tuple[datetime, T]] = ()

    @classmethod
    def of(cls, versions: Versions, make: Callable[[Protocol], T]) -> "ByTime[T]":
        """Every version made; raises what ``make`` raises."""
        later = tuple((begins(one), make(one)) for one in versions.every[1:])
        return cls(make(versions.first), later)

    def until(self, now: datetime) -> list[T]:
        """All that are in force at ``now`` or were before, the newest last."""
        return [self.first, *(one for since, one in self.later if since <= now)]

    def at(self, now: datetime) -> T:
        """The newest in force at ``now``."""
        return self.until(now)[-1]

    @property
    def every(self) -> list[T]:
        """All, those to come too."""
        return [self.first, *(one for _, one in self.later)]


def day_of(value: object) -> date | None:
    """A day as a form has it, None for whatever is none: deciding says what is wrong with it."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return day if day is not None and day.isoformat() == value else None


def begins(protocol: Protocol) -> datetime:
    """The instant from which a later version is in force at one site at least, in UTC."""
    days = ((site.id, protocol.in_force_from(site.id)) for site in protocol.sites)
    return min(protocol.midnight(site, day) for site, day in days if day != date.max)


def load_all(folder: Path) -> dict[TrialId, Versions]:
    """Every ``*.yaml`` of a folder by its trial; raises ``ProtocolError``."""
    found: dict[TrialId, list[Protocol]] = {}
    for path in sorted(folder.glob("*.yaml")):
        protocol = load(path)
        found.setdefault(protocol.id, []).append(protocol)
    return {trial: in_order(files) for trial, files in found.items()}


def in_order(files: list[Protocol]) -> Versions:
    """The versions of one trial in their order; raises ``ProtocolError`` where they cannot be."""
    firsts = [one for one in files if one.amendment is None]
    if not firsts:
        raise files[0].fault(("amendment",), f"there is no first version of {files[0].id}")
    if len(firsts) > 1:
        told = f"{firsts[1].id} is also in {firsts[0].file}; a later version has an amendment"
        raise firsts[1].fault(("study", "id"), told)
    later = sorted((one for one in files if one.amendment is not None), key=begins)
    every = (firsts[0], *later)
    for index, one in enumerate(every):
        for other in every[:index]:
            if other.version == one.version:
                raise one.fault(("study", "version"), f"{one.version} is also in {other.file}")
    for before, after in pairwise(later):
        if begins(before) == begins(after):
            told = f"version {before.version} is in force from the same day, in {before.file}"
            raise after.fault(("amendment", "in_force_from"), told)
    for before, after in pairwise(every):
        check_change(before, after)
    return Versions(every)


def check_change(before: Protocol, after: Protocol) -> None:
    """What subjects, sites and events already go by is not changed by an amendment."""
    for name in ("masking", "severity_scale", "consent_field"):
        if getattr(before.study, name) != getattr(after.study, name):
            raise _not(after, ("study", name), f"{name} was {getattr(before.study, name)}")
    if before.strata_by_site != after.strata_by_site:
        raise _not(after, ("strata",), "whether the strata are the sites is settled")
    for site in before.sites:
        known = after.site(site.id)
        if known is None:
            raise _not(after, ("sites",), f"{site.id} is gone; a site is closed, never removed")
        at = ("sites", after.sites.index(known))
        if known.time_zone != site.time_zone:
            raise _not(after, (*at, "time_zone"), f"{site.id} was in {site.time_zone}")
        if known.open_at_activation != site.open_at_activation:
            told = f"{site.id} is opened and closed by the trial manager"
            raise _not(after, (*at, "open_at_activation"), told)
    arms = {arm.id for arm in after.arms}
    for arm in before.arms:
        if arm.id not in arms:
            raise _not(after, ("arms",), f"{arm.id} is gone; an arm is closed, never removed")


def _not(after: Protocol, path: tuple[str | int, ...], told: str) -> ProtocolError:
    return after.fault(path, f"an amendment cannot change this: {told}")

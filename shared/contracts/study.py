"""A trial as its protocol file tells it: the study, its sites, arms and strata.

What belongs to one service's trade (``eligibility``, ``randomization``, ``safety``,
``notification``) stays raw here, in ``Protocol.sections``; each service types its own and reports
errors with ``Protocol.fault``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache, cached_property
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts import yamltext
from shared.contracts.subjects import SITE_PATTERN, TRIAL_PATTERN, SiteId, TrialId

_LINE: Final = re.compile(r".*?:([0-9]+): ").match

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,19}$")]


class ProtocolError(ValueError):
    """A protocol file that cannot be used: ``file:line: place: what is wrong``.

    ``lines`` are all the faults that were found, in the order of the file; as text it is the first.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines
        #: The file with what is at fault left out; its eligibility section can still be checked.
        self.rest: Protocol | None = None

    @classmethod
    def at(
        cls, file: str, places: yamltext.Places, path: tuple[str | int, ...], message: str
    ) -> "ProtocolError":
        """What is wrong with what stands at ``path`` in the file."""
        place = ".".join(map(str, path)) or "file"
        return cls(f"{file}:{places.line(path)}: {place}: {message}")

    @classmethod
    def of(cls, faults: Iterable["ProtocolError"]) -> "ProtocolError":
        """All of these in one, sorted by line, each once."""
        lines = dict.fromkeys(line for fault in faults for line in fault.lines)
        return cls(*sorted(lines, key=_line_of))


def _line_of(line: str) -> int:
    found = _LINE(line)
    return int(found[1]) if found else 0


def _known_zone(name: str) -> str:
    try:
        _zone(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no such time zone") from None
    return name


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


class Model(BaseModel):
    """Part of a protocol file: strict types, no unknown keys, never changed after loading."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Study(Model):
    """The study as a whole."""

    id: Annotated[str, Field(pattern=f"^{TRIAL_PATTERN}$")]
    version: Text
    approved_by: Text | None = None
    approved_on: date | None = None
    title: Text
    phase: Text
    model: Text
    masking: Literal["none", "double"]
    sponsor: Text
    sponsor_id: Text | None = None
    collaborators: list[Text] = []
    start: date | None = None
    completion: date | None = None
    aim: Text | None = None
    requires_signature: bool
    severity_scale: Literal["ctcae", "sdtm"]
    consent_field: Text = "informed_consent_date"
    remarks: list[Text] = []


class Amendment(Model):
    """What makes a file a later version of a protocol: the days from which it is in force.

    A site goes by ``in_force_from`` or by its own, later day; where it has no approval, it goes on
    by the version before.
    """

    in_force_from: date
    sites: dict[SiteId, date | Literal["not_approved"]] = {}
    summary: Text


class Site(Model):
    """A place that may screen; its time zone says which day "today" is there."""

    id: Annotated[SiteId, Field(pattern=f"^{SITE_PATTERN}$")]
    name: Text | None = None
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    open_at_activation: bool = True


class Arm(Model):
    """What a subject may be given; to a closed arm nobody more is drawn."""

    id: Code
    title: Text
    closed: bool = False


Ratio = Annotated[dict[str, Annotated[int, Field(ge=1)]], Field(min_length=1)]


class Stratum(Model):
    """A group that is randomized apart; ``when`` is its rule in the words of the eligibility
    section, None where the strata are the sites.
    """

    id: Code
    title: Text
    when: object = None
    ratio: Ratio


@dataclass(frozen=True)
class Protocol:
    """One protocol file, checked as far as all services share it."""

    study: Study
    amendment: Amendment | None
    sites: tuple[Site, ...]
    arms: tuple[Arm, ...]
    strata: tuple[Stratum, ...]
    strata_by_site: bool
    sections: Mapping[str, object]
    sha256: str
    file: str = field(compare=False)
    places: yamltext.Places = field(compare=False, repr=False)

    @property
    def id(self) -> TrialId:
        """The trial's id."""
        return TrialId(self.study.id)

    def site(self, site: SiteId) -> Site | None:
        """The site as listed, None for one that the protocol does not know."""
        return self._listed.get(site)

    @cached_property
    def _listed(self) -> dict[SiteId, Site]:
        return {known.id: known for known in self.sites}

    @property
    def version(self) -> str:
        """The version's name, unique in its trial."""
        return self.study.version

    def in_force_from(self, site: SiteId) -> date:
        """The first day of this version at ``site``: ``date.min`` for a trial's first version,
        ``date.max`` where it is not approved.
        """
        if self.amendment is None:
            return date.min
        day = self.amendment.sites.get(site, self.amendment.in_force_from)
        return date.max if isinstance(day, str) else day

    def stratum(self, stratum: str) -> Stratum | None:
        """The stratum of this id."""
        return next((known for known in self.strata if known.id == stratum), None)

    def today(self, site: SiteId, now: datetime) -> date:
        """The day at ``site`` at ``now`` (aware); a site not listed goes by the first site's
        zone.
        """
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        return now.astimezone(self._zone(site)).date()

    def midnight(self, site: SiteId, day: date) -> datetime:
        """The instant at which ``day`` begins at ``site``, in UTC."""
        return datetime.combine(day, time.min, self._zone(site)).astimezone(UTC)

    def _zone(self, site: SiteId) -> ZoneInfo:
        return _zone((self.site(site) or self.sites[0]).time_zone)

    def fault(self, path: Iterable[str | int], message: str) -> ProtocolError:
        """The error of what stands at ``path`` in the file, to be raised by the caller."""
        return ProtocolError.at(self.file, self.places, tuple(path), message)

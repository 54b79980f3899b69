"""A trial as its protocol file tells it: the study, its sites, arms and strata.

What belongs to one service's trade (``eligibility``, ``randomization``, ``safety``,
``notification``) stays raw here, in ``Protocol.sections``; each service types its own and reports
errors with ``Protocol.fault``.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.contracts import yamltext
from shared.contracts.subjects import SITE_PATTERN, TRIAL_PATTERN, SiteId, TrialId

SECTIONS: Final = ("eligibility", "randomization", "safety", "notification")
_KEYS: Final = ("study", "amendment", "sites", "arms", "strata", *SECTIONS)
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


class _BySite(Model):
    by: Literal["site"]
    ratio: Ratio


class _StrataBySite(Model):
    strata: _BySite


class _Strata(Model):
    strata: Annotated[list[Stratum], Field(min_length=1)]


class _Head(Model):
    study: Study
    amendment: Amendment | None
    sites: Annotated[list[Site], Field(min_length=1)]
    arms: Annotated[list[Arm], Field(min_length=1)]


_NOTHING: dict[str, Any] = {}
_NO_HEAD: Final = _Head.model_construct(
    study=Study.model_construct(**_NOTHING), amendment=None, sites=[], arms=[]
)


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
        return next((known for known in self.sites if known.id == site), None)

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
        return _fault(self.file, self.places, tuple(path), message)


def load(path: Path) -> Protocol:
    """The protocol in a file; raises ``ProtocolError``."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ProtocolError(f"{path}:1: file: cannot be read ({error.strerror})") from None
    return parse(raw, str(path))


def parse(raw: bytes, file: str) -> Protocol:
    """The protocol in the bytes of a file of that name; raises ``ProtocolError``."""
    try:
        top, places = yamltext.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ProtocolError(f"{file}:1: file: is not UTF-8 text") from None
    except yamltext.BadYaml as error:
        place = ".".join(map(str, error.path)) or "file"
        raise ProtocolError(f"{file}:{error.line}: {place}: {error.msg}") from None
    if not isinstance(top, dict):
        raise ProtocolError(f"{file}:1: file: must hold the keys {', '.join(_KEYS)}")
    faults = [
        _fault(file, places, (key,), f"unknown; known are {', '.join(_KEYS)}")
        for key in top
        if key not in _KEYS
    ]

    def plain(error: ValidationError) -> Iterator[ProtocolError]:
        return (_fault(file, places, one["loc"], _plain(one["msg"])) for one in error.errors())

    by_site = isinstance(top.get("strata"), dict)
    strata: tuple[Stratum, ...] = ()
    try:
        head = _Head.model_validate({key: top.get(key) for key in _Head.model_fields})
    except ValidationError as error:
        faults += plain(error)
        head = _NO_HEAD
    try:
        strata = _strata(top.get("strata"), head.sites)
    except ValidationError as error:
        faults += plain(error)
        by_site = True
    protocol = Protocol(
        study=head.study,
        amendment=head.amendment,
        sites=tuple(head.sites),
        arms=tuple(head.arms),
        strata=strata,
        strata_by_site=by_site,
        sections={key: top[key] for key in SECTIONS if key in top},
        sha256=hashlib.sha256(raw).hexdigest(),
        file=file,
        places=places,
    )
    if not faults:
        faults += _check(protocol)
    if faults:
        every = ProtocolError.of(faults)
        every.rest = protocol
        raise every
    return protocol


def _strata(raw: object, sites: list[Site]) -> tuple[Stratum, ...]:
    if not isinstance(raw, dict):
        return tuple(_Strata.model_validate({"strata": raw}).strata)
    rule = _StrataBySite.model_validate({"strata": raw}).strata
    return tuple(
        Stratum(id=site.id, title=site.name or f"Site {site.id}", ratio=rule.ratio)
        for site in sites
    )


def _check(protocol: Protocol) -> Iterator[ProtocolError]:
    for key, items in (
        ("sites", [site.id for site in protocol.sites]),
        ("arms", [arm.id for arm in protocol.arms]),
        ("strata", [stratum.id for stratum in protocol.strata]),
    ):
        for index, item in enumerate(items):
            if item in items[:index]:
                yield protocol.fault((key, index, "id"), f"{item} is listed twice")
    arms = {arm.id for arm in protocol.arms}
    for index, stratum in enumerate(protocol.strata):
        at = ("strata",) if protocol.strata_by_site else ("strata", index)
        for arm in stratum.ratio:
            if arm not in arms:
                yield protocol.fault((*at, "ratio", arm), f"{arm} is not one of the arms")
        if not protocol.strata_by_site and stratum.when is None:
            yield protocol.fault((*at, "when"), "a stratum needs its rule")
    reached = {arm for stratum in protocol.strata for arm in stratum.ratio}
    for index, known in enumerate(protocol.arms):
        if known.closed and known.id in reached:
            yield protocol.fault(("arms", index), f"{known.id} is closed, and in a stratum's ratio")
        if not known.closed and known.id not in reached:
            yield protocol.fault(("arms", index), f"{known.id} is in no stratum's ratio")
    start, completion = protocol.study.start, protocol.study.completion
    if start is not None and completion is not None and completion < start:
        yield protocol.fault(("study", "completion"), "is before the start")
    yield from _check_amendment(protocol)


def _check_amendment(protocol: Protocol) -> Iterator[ProtocolError]:
    amendment, study = protocol.amendment, protocol.study
    if amendment is None:
        return
    for name, value in (("approved_by", study.approved_by), ("approved_on", study.approved_on)):
        if value is None:
            yield protocol.fault(("study",), f"an amendment needs {name}")
    since = amendment.in_force_from
    if study.approved_on is not None and study.approved_on > since:
        yield protocol.fault(("amendment", "in_force_from"), "is before the approval")
    for site, day in amendment.sites.items():
        at = ("amendment", "sites", site)
        if protocol.site(site) is None:
            yield protocol.fault(at, f"{site} is not one of the sites")
        if not isinstance(day, str) and day < since:
            yield protocol.fault(at, f"is before {since}, from which the version is in force")
    if all(protocol.in_force_from(site.id) == date.max for site in protocol.sites):
        yield protocol.fault(("amendment", "sites"), "no site has approved it")


def _fault(
    file: str, places: yamltext.Places, path: tuple[str | int, ...], message: str
) -> ProtocolError:
    place = ".".join(map(str, path)) or "file"
    return ProtocolError(f"{file}:{places.line(path)}: {place}: {message}")


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")

"""A trial as its protocol file tells it: the study, its sites, arms and strata.

What belongs to one service's trade (``eligibility``, ``randomization``, ``safety``,
``notification``) stays raw here, in ``Protocol.sections``; each service types its own and reports
errors with ``Protocol.fault``.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.contracts import yamltext
from shared.contracts.subjects import SITE_PATTERN, TRIAL_PATTERN, SiteId, TrialId

SECTIONS: Final = ("eligibility", "randomization", "safety", "notification")
_KEYS: Final = ("study", "sites", "arms", "strata", *SECTIONS)

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,19}$")]


class ProtocolError(ValueError):
    """A protocol file that cannot be used: ``file:line: place: what is wrong``."""


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
    remarks: list[Text] = []


class Site(Model):
    """A place that may screen; its time zone says which day "today" is there."""

    id: Annotated[SiteId, Field(pattern=f"^{SITE_PATTERN}$")]
    name: Text | None = None
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    open_at_activation: bool = True


class Arm(Model):
    """What a subject may be given."""

    id: Code
    title: Text


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
    sites: Annotated[list[Site], Field(min_length=1)]
    arms: Annotated[list[Arm], Field(min_length=1)]


@dataclass(frozen=True)
class Protocol:
    """One protocol file, checked as far as all services share it."""

    study: Study
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

    def stratum(self, stratum: str) -> Stratum | None:
        """The stratum of this id."""
        return next((known for known in self.strata if known.id == stratum), None)

    def today(self, site: SiteId, now: datetime) -> date:
        """The day at ``site`` at ``now`` (aware); a site not listed goes by the first site's
        zone.
        """
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        return now.astimezone(_zone((self.site(site) or self.sites[0]).time_zone)).date()

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
    for key in top:
        if key not in _KEYS:
            raise _fault(file, places, (key,), f"unknown; known are {', '.join(_KEYS)}")
    try:
        head = _Head.model_validate({key: top.get(key) for key in _Head.model_fields})
        by_site = isinstance(top.get("strata"), dict)
        strata = _strata(top.get("strata"), head.sites)
    except ValidationError as error:
        first = error.errors()[0]
        raise _fault(file, places, first["loc"], _plain(first["msg"])) from None
    protocol = Protocol(
        study=head.study,
        sites=tuple(head.sites),
        arms=tuple(head.arms),
        strata=strata,
        strata_by_site=by_site,
        sections={key: top[key] for key in SECTIONS if key in top},
        sha256=hashlib.sha256(raw).hexdigest(),
        file=file,
        places=places,
    )
    _check(protocol)
    return protocol


def load_all(folder: Path) -> dict[TrialId, Protocol]:
    """Every ``*.yaml`` of a folder by its trial; raises ``ProtocolError``."""
    found: dict[TrialId, Protocol] = {}
    for path in sorted(folder.glob("*.yaml")):
        protocol = load(path)
        if protocol.id in found:
            twin = found[protocol.id].file
            raise protocol.fault(("study", "id"), f"{protocol.id} is also in {twin}")
        found[protocol.id] = protocol
    return found


def _strata(raw: object, sites: list[Site]) -> tuple[Stratum, ...]:
    if not isinstance(raw, dict):
        return tuple(_Strata.model_validate({"strata": raw}).strata)
    rule = _StrataBySite.model_validate({"strata": raw}).strata
    return tuple(
        Stratum(id=site.id, title=site.name or f"Site {site.id}", ratio=rule.ratio)
        for site in sites
    )


def _check(protocol: Protocol) -> None:
    for key, items in (
        ("sites", [site.id for site in protocol.sites]),
        ("arms", [arm.id for arm in protocol.arms]),
        ("strata", [stratum.id for stratum in protocol.strata]),
    ):
        for index, item in enumerate(items):
            if item in items[:index]:
                raise protocol.fault((key, index, "id"), f"{item} is listed twice")
    arms = {arm.id for arm in protocol.arms}
    for index, stratum in enumerate(protocol.strata):
        at = ("strata",) if protocol.strata_by_site else ("strata", index)
        for arm in stratum.ratio:
            if arm not in arms:
                raise protocol.fault((*at, "ratio", arm), f"{arm} is not one of the arms")
        if not protocol.strata_by_site and stratum.when is None:
            raise protocol.fault((*at, "when"), "a stratum needs its rule")
    reached = {arm for stratum in protocol.strata for arm in stratum.ratio}
    for index, known in enumerate(protocol.arms):
        if known.id not in reached:
            raise protocol.fault(("arms", index), f"{known.id} is in no stratum's ratio")
    start, completion = protocol.study.start, protocol.study.completion
    if start is not None and completion is not None and completion < start:
        raise protocol.fault(("study", "completion"), "is before the start")


def _fault(
    file: str, places: yamltext.Places, path: tuple[str | int, ...], message: str
) -> ProtocolError:
    place = ".".join(map(str, path)) or "file"
    return ProtocolError(f"{file}:{places.line(path)}: {place}: {message}")


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")

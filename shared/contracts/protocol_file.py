"""A protocol file: read, typed as far as all services share it, and checked for contradictions.

All faults are found at once, each with its line: first those of form, and where there are none,
those between parts.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from shared.contracts import yamltext
from shared.contracts.study import (
    Amendment,
    Arm,
    Model,
    Protocol,
    ProtocolError,
    Ratio,
    Site,
    Stratum,
    Study,
)
from shared.contracts.wording import told

SECTIONS: Final = ("eligibility", "randomization", "safety", "notification")
_KEYS: Final = ("study", "amendment", "sites", "arms", "strata", *SECTIONS)


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
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProtocolError(f"{file}:{line}: file: is not UTF-8 text") from None
    except yamltext.BadYaml as error:
        place = ".".join(map(str, error.path)) or "file"
        raise ProtocolError(f"{file}:{error.line}: {place}: {error.msg}") from None
    if not isinstance(top, dict):
        raise ProtocolError(f"{file}:1: file: must hold the keys {', '.join(_KEYS)}")
    faults = [
        ProtocolError.at(file, places, (key,), f"unknown; known are {', '.join(_KEYS)}")
        for key in top
        if key not in _KEYS
    ]

    def plain(error: ValidationError) -> Iterator[ProtocolError]:
        return (
            ProtocolError.at(
                file, places, one["loc"], told(one["type"], one["msg"], one.get("ctx", {}))
            )
            for one in error.errors()
        )

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

"""All that decides which arm a number draws: a design over strata, each with its ratio."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pydantic import JsonValue, ValidationError

from services.randomizer.allocation_list import AllocationList
from services.randomizer.designs import AnyDesign, sections
from services.randomizer.designs.design import DesignError, Ratio, State, Turn
from services.randomizer.seed import Seed
from shared.contracts.subjects import SubjectId

Json = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StratumState:
    """Where a stratum stands: draws so far, the hash of what draws there, and its own state."""

    drawn: int
    part: str
    state: State


@dataclass(frozen=True)
class Scheme:
    """The design and the ratio of each stratum."""

    design: AnyDesign
    ratios: Mapping[str, Ratio]

    @classmethod
    def of(cls, section: object, shares: Mapping[str, Mapping[str, int]]) -> Self:
        """The scheme of a ``randomization`` section over strata with their shares by arm.

        Raises ``DesignError`` with the place inside the section.
        """
        try:
            design = sections.validate_python(section)
        except ValidationError as error:
            faults = [(_place(section, fault["loc"]), _told(**fault)) for fault in error.errors()]
            # Of what may be written in several ways, the deepest place is the way that was meant.
            raise DesignError(*max(faults, key=lambda fault: len(fault[0]))) from None
        ratios = {stratum: Ratio(stratum, dict(of)) for stratum, of in shares.items()}
        design.check(ratios)
        for stratum in (*design.caps.strata, *_capped_strata(design)):
            if stratum not in ratios:
                raise DesignError(("caps",), f"{stratum} is no stratum of the protocol")
        return cls(design, ratios)

    @cached_property
    def section(self) -> Json:
        """The randomization section as JSON, without what is left at its default."""
        section: Json = self.design.model_dump(mode="json", exclude_defaults=True)
        return section

    @cached_property
    def strata(self) -> Json:
        """``{stratum: {"ratio": {arm: shares}}}``; the order of the arms is part of the scheme."""
        return {name: {"ratio": dict(ratio.shares)} for name, ratio in self.ratios.items()}

    @cached_property
    def sha256(self) -> str:
        """The design hash: SHA-256 over the compact JSON of section and strata."""
        return _sha256({"randomization": self.section, "strata": self.strata})

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """By stratum, the hash of what draws there; target and caps left out.

        A stratum goes on in its block through an amendment that leaves this alone, and starts a new
        one where it changes.
        """
        draws: Json = {k: v for k, v in self.section.items() if k not in ("target", "caps")}
        by_stratum = {
            key: value
            for key, value in draws.items()
            if isinstance(value, dict) and value.keys() == self.ratios.keys()
        }
        return {
            name: _sha256(
                {
                    **draws,
                    **{key: value[name] for key, value in by_stratum.items()},
                    "ratio": list(map(list, ratio.shares.items())),
                }
            )
            for name, ratio in self.ratios.items()
        }

    def draw(
        self,
        at: StratumState | None,
        subject: SubjectId,
        stratum: str,
        seed: Seed,
        rows: AllocationList | None,
    ) -> tuple[str, StratumState] | None:
        """The arm of the next draw in a stratum and where the stratum stands then.

        ``at`` is None before the first draw. None: the list has nothing left to give.
        """
        part, ratio = self.parts[stratum], self.ratios[stratum]
        drawn = at.drawn if at is not None else 0
        state = at.state if at is not None and at.part == part else self.design.opening(ratio)
        given = self.design.draw(Turn(subject, ratio, drawn, state, seed, rows))
        return given and (given[0], StratumState(drawn + 1, part, given[1]))


def _capped_strata(design: AnyDesign) -> list[str]:
    return [stratum for caps in design.caps.site_strata.values() for stratum in caps]


def _place(section: object, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The part of a validation error's place that is in the section: no names of union members."""
    place: list[str | int] = []
    for step in loc:
        members: object = dict(enumerate(section)) if isinstance(section, list) else section
        if isinstance(members, dict) and step in members:
            section = members[step]
            place.append(step)
    return tuple(place)


def _told(type: str, loc: tuple[str | int, ...], msg: str, **_: object) -> str:
    """What is wrong; of a setting that is missing, its name, as its place is not in the section."""
    return f"{loc[-1]} is missing" if type == "missing" else msg


def _sha256(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

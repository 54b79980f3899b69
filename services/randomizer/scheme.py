"""All that decides which arm a number draws: a design over strata, each with its ratio."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from pydantic import JsonValue, ValidationError

from services.randomizer.allocation_list import AllocationList
from services.randomizer.designs import AnyDesign, sections
from services.randomizer.designs.design import OUTSIDE, Caps, DesignError, Ratio, State, Turn
from services.randomizer.designs.minimisation import SITE, STRATUM
from services.randomizer.seed import Seed
from shared.contracts import wording
from shared.contracts.subjects import SubjectId

Json = dict[str, JsonValue]
NOTHING: Mapping[str, JsonValue] = MappingProxyType({})


class StratumState(NamedTuple):
    """Where a stratum stands: draws so far, and the state of whatever drew there, by its hash.

    While two versions of a protocol are in force at different sites, each draws on in its own
    blocks; where both draw the same way, in the same.
    """

    drawn: int
    states: Mapping[str, State]


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
            faults = [(_place(section, **fault), _told(**fault)) for fault in error.errors()]
            # Of what may be written in several ways, the deepest place is the way that was meant.
            raise DesignError(*max(faults, key=lambda fault: len(fault[0]))) from None
        ratios = {stratum: Ratio(stratum, dict(of)) for stratum, of in shares.items()}
        design.check(ratios)
        for place, percent in enumerate(design.milestones):
            if percent in design.milestones[:place]:
                raise DesignError(("milestones", place), f"{percent} is listed twice")
        for capped, stratum in _capped_strata(design.caps):
            if stratum not in ratios:
                raise DesignError(capped, "is no stratum of the protocol")
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
    def carried(self) -> frozenset[str]:
        """The fields that a screening must bring for the draw."""
        return frozenset(self.design.factor_places().values()) - {SITE, STRATUM}

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """By stratum, the hash of what draws there; target, caps and milestones left out.

        A stratum goes on in its block through an amendment that leaves this alone, and starts a new
        one where it changes.
        """
        draws: Json = {k: v for k, v in self.section.items() if k not in OUTSIDE}
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
        strata: Mapping[str, StratumState],
        subject: SubjectId,
        stratum: str,
        seed: Seed,
        rows: AllocationList | None = None,
        carry: Mapping[str, JsonValue] = NOTHING,
    ) -> tuple[str, StratumState] | None:
        """The arm of the next draw in a stratum and where the stratum stands then.

        ``strata`` tells where every stratum stands that has drawn; ``carry`` is what the subject's
        screening brought. None: the list has nothing left to give.
        """
        turn = self._turn(strata, subject, stratum, seed, rows, carry)
        given = self.design.draw(turn)
        if given is None:
            return None
        arm, state = given
        at, part = strata.get(stratum), self.parts[stratum]
        states = {part: state} if at is None else {**at.states, part: state}
        return arm, StratumState(turn.drawn + 1, states)

    def odds(
        self,
        strata: Mapping[str, StratumState],
        subject: SubjectId,
        stratum: str,
        seed: Seed,
        carry: Mapping[str, JsonValue] = NOTHING,
    ) -> Sequence[int]:
        """How likely each arm of the stratum is for a subject, to who knows the past."""
        return self.design.odds(self._turn(strata, subject, stratum, seed, None, carry))

    def _turn(
        self,
        strata: Mapping[str, StratumState],
        subject: SubjectId,
        stratum: str,
        seed: Seed,
        rows: AllocationList | None,
        carry: Mapping[str, JsonValue],
    ) -> Turn:
        at, part, ratio = strata.get(stratum), self.parts[stratum], self.ratios[stratum]
        drawn = at.drawn if at is not None else 0
        state = (at.states.get(part) if at is not None else None) or self.design.opening(ratio)
        alike = (other.states[part] for other in strata.values() if part in other.states)
        return Turn(subject, ratio, drawn, state, seed, rows, carry, alike)


def _capped_strata(caps: Caps) -> Iterator[tuple[tuple[str, ...], str]]:
    """The strata that caps name, with the places where they do."""
    for stratum in caps.strata:
        yield ("caps", "strata", stratum), stratum
    for site, of in caps.site_strata.items():
        for stratum in of:
            yield ("caps", "site_strata", site, stratum), stratum


def _place(
    section: object, type: str, loc: tuple[str | int, ...], **_: object
) -> tuple[str | int, ...]:
    """The part of a validation error's place that is in the section: no names of union members."""
    place: list[str | int] = []
    for step in loc:
        members: object = dict(enumerate(section)) if isinstance(section, list) else section
        if isinstance(members, dict) and step in members:
            section = members[step]
            place.append(step)
    return (*place, "design") if type == "union_tag_invalid" else tuple(place)


def _told(
    type: str,
    loc: tuple[str | int, ...],
    msg: str,
    ctx: Mapping[str, Any] = MappingProxyType({}),
    **_: object,
) -> str:
    """What is wrong there; of a member that is missing its name, as it has no place."""
    missing = type == "missing"
    return f"{loc[-1]} is missing" if missing else wording.told(type, msg, ctx)


def _sha256(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

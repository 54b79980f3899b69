"""Draws every allocation of a trial again from its opened seed, and compares.

Offline: it needs nothing but the bundle.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from services.randomizer.allocation_list import AllocationList, ListError, parse
from services.randomizer.designs.design import DesignError
from services.randomizer.plan import Plan
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import SEED_BYTES, Seed
from services.randomizer.treatment_code import treatment_code
from shared.contracts.subjects import SubjectId, TrialId

Hex32 = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * SEED_BYTES}}}$")]


class BundleError(ValueError):
    """What was given is no bundle; the message names the first fault and its place."""


def _none(values: object) -> bool:
    return not values


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class StratumShares(_Part):
    """The arms of a stratum in the order of the protocol, with their shares."""

    ratio: dict[str, Annotated[int, Field(ge=1)]]


class SchemeText(_Part):
    """A design as the protocol file had it."""

    protocol_version: str
    randomization: dict[str, JsonValue]
    strata: dict[str, StratumShares]

    def scheme(self) -> Scheme:
        """The scheme, checked; raises ``DesignError``."""
        shares = {stratum: part.ratio for stratum, part in self.strata.items()}
        return Scheme.of(self.randomization, shares)


class EarlierScheme(SchemeText):
    """The newest version before an amendment, up to and including the draw of this number.

    Where the amendment is not approved yet, it goes on drawing: an allocation names its version.
    """

    until_number: Annotated[int, Field(ge=0)]


class DrawnArm(_Part):
    """One allocation as it was recorded; ``carry`` has the carried factors that it went by.

    Without a version it was drawn by the newest one of its time.
    """

    number: int
    subject: str
    stratum: str
    arm: str
    protocol_version: str | None = None
    carry: dict[str, JsonValue] = Field(default_factory=dict, exclude_if=_none)
    treatment_code: str | None = Field(default=None, exclude_if=_none)


class Opening(SchemeText):
    """All that fixes a trial's draws: the seed, its commitment, the design, a listed one's list.

    ``allocation_list`` is the CSV text as uploaded, ``list_sha256`` the SHA-256 of its UTF-8 bytes.
    """

    trial: str
    commitment: Hex32
    seed: Hex32
    earlier: list[EarlierScheme] = []
    allocation_list: str | None = None
    list_sha256: Hex32 | None = None


class Bundle(Opening):
    """An opening, how many were randomized, and the allocations in the order of their numbers."""

    randomized: int | None = None
    allocations: list[DrawnArm]


@dataclass(frozen=True, slots=True)
class Difference:
    """An allocation that the seed does not draw; ``drawn`` None: the list had nothing left."""

    number: int
    subject: str
    stratum: str
    recorded: str
    drawn: str | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the replay found; ``checked`` counts the allocations that were drawn again."""

    checked: int
    differences: int
    first_difference: Difference | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Every allocation is the one drawn, and nothing else is amiss."""
        return self.first_difference is None and not self.problems


def opening(
    plan: Plan, seed: Seed, earlier: Sequence[EarlierScheme], rows: AllocationList | None
) -> Opening:
    """The opening of a trial, for the log and the bundle (``model_dump(mode="json")``)."""
    scheme = plan.scheme
    return Opening.model_validate(
        {
            "trial": plan.trial,
            "protocol_version": plan.protocol_version,
            "randomization": scheme.section,
            "strata": scheme.strata,
            "commitment": seed.commitment,
            "seed": seed.secret.hex(),
            "earlier": list(earlier),
            "allocation_list": None if rows is None else rows.text,
            "list_sha256": None if rows is None else rows.sha256,
        }
    )


def read(raw: bytes | str) -> Bundle:
    """The bundle in a JSON text; raises ``BundleError``."""
    try:
        return Bundle.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleError(f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from None


def replay(bundle: Bundle) -> Replayed:
    """Draws all allocations of the bundle again, in order, and compares each."""
    problems: list[str] = []
    seed = Seed(TrialId(bundle.trial), bytes.fromhex(bundle.seed))
    if seed.commitment != bundle.commitment:
        problems.append("the seed is not the one committed to")
    try:
        rows = _rows(bundle)
        schemes = _Schemes.of(bundle)
    except (DesignError, ListError, BundleError) as fault:
        return Replayed(0, 0, None, (*problems, str(fault)))
    problems += _miscounted(bundle.allocations)
    if bundle.randomized not in (None, len(bundle.allocations)):
        problems.append(f"{bundle.randomized} were randomized, {len(bundle.allocations)} are here")
    if rows is None and schemes.need_list(bundle.allocations):
        problems.append("the bundle has no allocation list: nothing can be drawn again")
        return Replayed(0, 0, None, tuple(problems))
    return _draw_again(bundle.allocations, schemes, seed, rows, problems)


def _draw_again(
    allocations: list[DrawnArm],
    schemes: "_Schemes",
    seed: Seed,
    rows: AllocationList | None,
    problems: list[str],
) -> Replayed:
    strata: dict[str, StratumState] = {}
    checked = differences = 0
    first: Difference | None = None
    for made in allocations:
        scheme = schemes.find(made)
        if scheme is None:
            problems.append(f"the design that drew allocation {made.number} is not here")
            continue
        if made.stratum not in scheme.ratios:
            problems.append(f"allocation {made.number} is in no stratum of the protocol")
            continue
        subject = SubjectId(made.subject)
        drawn = scheme.draw(strata, subject, made.stratum, seed, rows, made.carry)
        arm = None
        if drawn is not None:
            arm, strata[made.stratum] = drawn
        checked += 1
        if arm != made.arm:
            differences += 1
            first = first or Difference(made.number, made.subject, made.stratum, made.arm, arm)
    problems += _other_code(allocations, seed)
    return Replayed(checked, differences, first, tuple(problems))


def _other_code(allocations: list[DrawnArm], seed: Seed) -> list[str]:
    """The first masked allocation whose code is not the one that stands for its arm."""
    for one in allocations:
        subject = SubjectId(one.subject)
        code = treatment_code(seed, one.number, subject, one.stratum, one.arm)
        if one.treatment_code not in (None, code):
            return [f"allocation {one.number} has another treatment code than its arm makes"]
    return []


def _rows(bundle: Bundle) -> AllocationList | None:
    if bundle.allocation_list is None:
        return None
    rows = parse(bundle.allocation_list.encode(), None)
    if rows.sha256 != bundle.list_sha256:
        raise BundleError("the allocation list is not the one that was loaded")
    return rows


@dataclass(frozen=True)
class _Schemes:
    """The schemes in order, each with the last number before the next, and by version."""

    in_order: Sequence[tuple[float, Scheme]]
    by_version: Mapping[str, Scheme]

    @classmethod
    def of(cls, bundle: Bundle) -> "_Schemes":
        every = [*bundle.earlier, bundle]
        schemes = [one.scheme() for one in every]
        until = [*(float(old.until_number) for old in bundle.earlier), math.inf]
        if any(old > new for old, new in pairwise(until)):
            raise BundleError("the earlier designs are not in order")
        versions = [one.protocol_version for one in every]
        if len(set(versions)) < len(versions):
            raise BundleError("two designs are of the same version of the protocol")
        in_order = list(zip(until, schemes, strict=True))
        return cls(in_order, dict(zip(versions, schemes, strict=True)))

    def need_list(self, allocations: Iterable[DrawnArm]) -> bool:
        """Whether one of these was drawn from a list; a version that never drew needs none."""
        drew = map(self.find, allocations)
        return any(scheme is not None and scheme.design.needs_list for scheme in drew)

    def find(self, made: DrawnArm) -> Scheme | None:
        if made.protocol_version is not None:
            return self.by_version.get(made.protocol_version)
        return next(scheme for until, scheme in self.in_order if made.number <= until)


def _miscounted(allocations: list[DrawnArm]) -> list[str]:
    """Numbers run from 1 without a gap; no subject twice."""
    for expected, made in enumerate(allocations, 1):
        if made.number != expected:
            return [f"number {expected} is missing: {made.number} stands in its place"]
    subjects: set[str] = set()
    for made in allocations:
        if made.subject in subjects:
            return [f"{made.subject} has two allocations"]
        subjects.add(made.subject)
    return []

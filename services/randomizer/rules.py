"""What decisions over a trial go by: the plans of its versions, its opened seed, its list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.randomizer.allocation_list import AllocationList
from services.randomizer.plan import Plan
from services.randomizer.seed import Seed


class OtherProtocolError(Exception):
    """The protocol file in hand is not the one in force: nothing may be drawn by it."""


@dataclass(frozen=True)
class Rules:
    """What decisions go by: the plan, the opened seed, and the list of a listed design once
    loaded.

    ``plan`` is that of the newest version: caps and target are its own. A subject is drawn by the
    version that its screening was decided by, which may be one of the ``earlier`` ones.
    """

    plan: Plan
    seed: Seed
    rows: AllocationList | None = None
    earlier: Mapping[str, Plan] = field(default_factory=dict)

    def of(self, version: str) -> Plan | None:
        """The plan of a version that is in force at some site; None for any other."""
        return self.plan if version == self.plan.protocol_version else self.earlier.get(version)

    @property
    def needs_list(self) -> bool:
        """Whether a version that is in force at some site draws from a list."""
        plans = (self.plan, *self.earlier.values())
        return any(plan.scheme.design.needs_list for plan in plans)

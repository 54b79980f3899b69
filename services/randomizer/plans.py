"""The versions of a trial's plan: which are due, and which one a screening goes by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.randomizer.plan import Plan
from shared.contracts.study import Protocol
from shared.contracts.subjects import TrialId
from shared.contracts.versions import Versions


@dataclass(frozen=True)
class Plans:
    """A trial's plans in the order in which they come into force."""

    every: Sequence[Plan]

    @classmethod
    def of(cls, versions: Versions) -> Self:
        """The plan of each version; raises ``ProtocolError``."""
        every = tuple(Plan.of(one) for one in versions.every)
        _check_one_list(every, versions.every)
        return cls(every)

    @property
    def trial(self) -> TrialId:
        """The trial's id."""
        return self.every[0].trial

    def at(self, now: datetime) -> Plan:
        """The newest that is in force at ``now``."""
        return [plan for plan in self.every if plan.since <= now][-1]

    def list_checked_by(self, now: datetime) -> Plan:
        """The newest in force at ``now`` that draws from a list; where none does, the newest."""
        due = [plan for plan in self.every if plan.since <= now]
        listed = [plan for plan in due if plan.scheme.design.needs_list]
        return (listed or due)[-1]

    def find(self, version: str) -> Plan | None:
        """The plan of that version."""
        for plan in self.every:
            if plan.protocol_version == version:
                return plan
        return None

    def until(self, newest: Plan) -> Mapping[str, Plan]:
        """By version, ``newest`` and those before it."""
        known = self.every[: self.every.index(newest) + 1]
        return {plan.protocol_version: plan for plan in known}

    def due(self, newest: Plan | None, now: datetime) -> Sequence[Plan]:
        """Those after ``newest`` (None: all) whose time has come."""
        return [plan for plan in self._after(newest) if plan.since <= now]

    def coming(self, now: datetime) -> Plan | None:
        """The first whose time has not come."""
        return next((plan for plan in self.every if plan.since > now), None)

    def _after(self, newest: Plan | None) -> Sequence[Plan]:
        return self.every if newest is None else self.every[self.every.index(newest) + 1 :]


def _check_one_list(plans: Sequence[Plan], protocols: Sequence[Protocol]) -> None:
    """A trial has one list, and a row is given once: what draws from it draws alike in a stratum.

    A stratum keeps its place for each way of drawing (`Scheme.parts`), so a version with another
    ratio would begin with the first row again.
    """
    first: dict[str, str] = {}
    for plan, protocol in zip(plans, protocols, strict=True):
        for stratum, part in plan.scheme.parts.items() if plan.scheme.design.needs_list else ():
            if first.setdefault(stratum, part) != part:
                known = [one.id for one in protocol.strata]
                place = ("strata", known.index(stratum)) if stratum in known else ("strata",)
                told = f"{stratum} draws from a list in an earlier version, by other arms or shares"
                raise protocol.fault(place, told)

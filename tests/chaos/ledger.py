"""What was sent and what was acknowledged: all that the invariants hold the platform to."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """One request that keeps something; `kind` names the effect that it must have."""

    kind: str
    role: str
    service: str
    path: str
    body: Json = field(repr=False)
    key: str
    trial: str
    subject: str


@dataclass(frozen=True)
class Acknowledged:
    """An input with the answer that said 2xx."""

    input: Input
    status: int
    answer: Json = field(repr=False)


@dataclass
class Ledger:
    """Grows for as long as a platform's state lives; `strange` are answers that should not be."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    open: dict[str, Input] = field(default_factory=dict)
    """Inputs by their keys that were sent and are not acknowledged yet."""

    strange: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    """How often which status was answered."""

    forged: set[tuple[str, str]] = field(default_factory=set)
    """(topic, key) that we wrote and no service did."""

    expected_letters: set[tuple[str, int, int]] = field(default_factory=set)
    """(topic, partition, offset) of records that must be dead letters."""

    allocations: dict[tuple[str, int], tuple[str, str, str]] = field(default_factory=dict)
    """(trial, number): subject, stratum, arm, as they were seen before."""

    lists: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """The allocation lists that were loaded: arms by stratum, in order, by trial."""

    def of(self, kind: str) -> list[Acknowledged]:
        """Everything of one kind that was acknowledged."""
        return [one for one in self.acknowledged if one.input.kind == kind]

"""What came of each fault, for machines and as a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.chaos.invariants import INVARIANTS


@dataclass
class Result:
    """What came of one fault: violations by the check that found them, `own` the fault's own."""

    fault: str
    check: str
    seconds: float = 0.0
    inputs: int = 0
    rest_s: float = 0.0
    """From the last input to a platform at rest."""

    violations: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Nothing was violated."""
        return not any(self.violations.values())

    def line(self) -> str:
        """As JSON, for machines."""
        return json.dumps({**asdict(self), "held": self.held})


def table(results: Sequence[Result]) -> str:
    """Fault by check, as markdown."""
    rows = [
        f"| fault | its own check | {' | '.join(INVARIANTS)} |",
        "|---|---|" + "---|" * len(INVARIANTS),
    ]
    for one in results:
        held = {name: _word(one, name) for name in ("own", *INVARIANTS)}
        own = f"{one.check or 'it came to its end'}: {held.pop('own')}"
        rows.append(f"| {one.fault} | {own} | {' | '.join(held.values())} |")
    return "\n".join(rows)


def _word(result: Result, name: str) -> str:
    if name not in result.violations:
        return "unknown"
    return "**violated**" if result.violations[name] else "held"

"""What became of the mutants, for who has to kill those that live."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

HANGS: Final = "timeout"
KILLED: Final = ("killed", HANGS)


def report(statuses: Mapping[str, str]) -> str:
    """The mutants that live, each module's share, and the whole; ``statuses`` are mutmut's."""
    modules: dict[str, list[str]] = {}
    for name, status in statuses.items():
        modules.setdefault(name.rpartition(".")[0], []).append(status)
    alive = [f"{said}: {name}" for name, said in statuses.items() if said not in KILLED]
    hanging = sum(status == HANGS for status in statuses.values())
    return "\n".join(
        [
            *alive,
            *(["What one of them changes: python -m mutmut show NAME"] if alive else []),
            *(_line(module, those) for module, those in modules.items()),
            _line("all", statuses.values()) + f"; {hanging} of them never end",
            "",
        ]
    )


def share(statuses: Iterable[str]) -> float:
    """How many of the mutants are killed: those that no test reaches are not."""
    count = Counter(statuses)
    return sum(count[said] for said in KILLED) / max(count.total(), 1)


def _line(what: str, statuses: Iterable[str]) -> str:
    count = Counter(statuses)
    killed = sum(count[said] for said in KILLED)
    percent = int(1000 * share(statuses)) / 10  # rounded down: 89.96 % is not 90 %
    return f"{what}: {killed} of {count.total()} mutants killed, {percent} %"

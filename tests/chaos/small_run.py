"""Faults of the tiny service, run on one broker and database, some at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bent import Bent
from tests.chaos.report import Result
from tests.chaos.small import Refused, small
from tests.chaos.small_faults import FAULTS
from tests.servers import running_postgres

PREFIX = "one service alone: "
AT_ONCE = 3
"""Services at a time: most of what they do is wait."""

PATIENCE_S = 60
WITH_A_BUG_S = 6
"""How long the backlog may take; with a bug it will often never be gone."""


@dataclass(frozen=True)
class Case:
    """A fault, and the bug that is planted meanwhile."""

    fault: str
    bug: str | None = None


def names() -> list[str]:
    """The faults as `make chaos` calls them."""
    return [PREFIX + name.replace("_", " ") for name in FAULTS]


def results(chosen: Sequence[str], folder: Path, bug: str | None) -> list[Result]:
    """What came of the faults of these names, on servers of their own."""
    if not chosen:
        return []
    cases = {name: Case(name.removeprefix(PREFIX).replace(" ", "_"), bug) for name in chosen}
    folder.mkdir(parents=True, exist_ok=True)
    with running_postgres(folder) as server:
        found = run(list(cases.values()), server.dsn(), folder)
    return [_result(name, found[case]) for name, case in cases.items()]


def _result(name: str, broken: Sequence[str]) -> Result:
    """What is broken, by the invariant that it begins with."""
    made = Result(name, "", violations={"own": []})
    for text in broken:
        invariant = text[:2] if text[:1] == "I" and text[1:2].isdigit() else "own"
        made.violations.setdefault(invariant, []).append(text)
    for invariant in ("I1", "I2", "I3", "I6"):
        made.violations.setdefault(invariant, [])
    return made


def run(cases: Sequence[Case], postgres: str, folder: Path) -> dict[Case, list[str]]:
    """The promises that do not hold after each, in words."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(kafka: str, bent: Bent, case: Case) -> list[str]:
        async with turn, small(kafka, postgres, folder, case.bug) as service:
            try:
                await FAULTS[case.fault](service, bent)
            except Refused as why:
                return [str(why)]
            return await service.broken(PATIENCE_S if case.bug is None else WITH_A_BUG_S)

    async def all_of_them() -> list[list[str]]:
        bent = Bent(folder)
        async with bent.running() as kafka:
            async with small(kafka, postgres, folder):
                pass  # the first makes the template of all databases
            return await asyncio.gather(*(one(kafka, bent, case) for case in cases))

    return dict(zip(cases, asyncio.run(all_of_them()), strict=True))

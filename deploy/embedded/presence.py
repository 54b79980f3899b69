"""Which services are away, and which run but cannot do their work yet."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded import background
from deploy.embedded.background import Part
from deploy.embedded.probes import http_answers
from deploy.embedded.process import stands_still
from deploy.embedded.state import Endpoints, State

_PATIENCE_S = 10.0
"""A process that runs is given time: a busy machine answers late."""


@dataclass(frozen=True)
class Presence:
    """`down` has no process that runs, `unready` one whose `/readyz` is not 200."""

    down: frozenset[str] = frozenset()
    unready: frozenset[str] = frozenset()


async def look(endpoints: Endpoints) -> Presence:
    """Ask every service; where there are replicas, one of them is enough."""
    replicas: dict[str, list[Part]] = {}
    for part in background.parts(State(Path(endpoints["state"]))):
        replicas.setdefault(part.name.partition("-")[0], []).append(part)
    down: set[str] = set()
    unready: set[str] = set()

    async def ask(service: str, address: str) -> None:
        known = replicas.get(service, [])
        running = [part.address for part in known if _runs(part)]
        if known and not running:
            down.add(service)
            return
        # Of a service that no supervisor has written down, its address is all there is to go by.
        patience = _PATIENCE_S if known else 2.0
        ports = [urlsplit(one).port or 80 for one in running or [address]]
        if not any(await asyncio.gather(*(http_answers(port, seconds=patience) for port in ports))):
            (unready if known else down).add(service)

    await asyncio.gather(*(ask(*one) for one in endpoints["services"].items()))
    return Presence(frozenset(down), frozenset(unready))


def _runs(part: Part) -> bool:
    """Whether its process is there, and not stopped (SIGSTOP)."""
    return part.lives and not (part.pid is not None and stands_still(part.pid))

"""What a fault acts on, and what a fault is."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.chaos.cluster import Cluster
from tests.chaos.ledger import Ledger
from tests.chaos.links import Links
from tests.chaos.stage import Stage
from tests.chaos.workload import Workload

Setting = Literal["plain", "proxied", "double", "cluster", "small disk"]
"""The platform that a fault needs: one of each service; each behind proxies; two of each; with a
Kafka of three brokers; with a small disk under PostgreSQL and another under Kafka."""


@dataclass
class Scene:
    """A platform under load, the seed's randomness, and what the fault itself finds wrong."""

    stage: Stage
    work: Workload
    ledger: Ledger
    random: Random
    links: Links
    cluster: Cluster | None = None
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Act = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """Entered under load: it hurts and heals. Left at rest: it makes its own check."""

    name: str
    act: Act = field(repr=False)
    check: str = ""
    setting: Setting = "plain"
    short: bool = False


FAULTS: list[Fault] = []


def fault(
    name: str, check: str = "", setting: Setting = "plain", *, short: bool = False
) -> Callable[[Callable[[Scene], AsyncIterator[None]]], Act]:
    """Put a fault into the table: a generator that hurts and heals, yields, and then checks."""

    def put(act: Callable[[Scene], AsyncIterator[None]]) -> Act:
        entered = asynccontextmanager(act)
        FAULTS.append(Fault(name, entered, check, setting, short))
        return entered

    return put

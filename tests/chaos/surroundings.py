"""Faults of what surrounds the services: their clocks, a cluster of brokers, a full disk."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from deploy.embedded.files import write_private
from tests.chaos.forging import ask
from tests.chaos.scene import Scene, fault

_DAY_S = 86_400


@fault("a clock a day off in single services", "no order by the wall's clock")
async def clock_off(scene: Scene) -> AsyncIterator[None]:
    """The randomizer a day ahead, screening a day behind, and both back again."""
    stage = scene.stage
    for name, seconds in {"randomizer": _DAY_S, "screening": -_DAY_S}.items():
        path = stage.folder / f"clock-{name}.json"
        write_private(path, json.dumps({"offset_seconds": seconds}))
        stage.equip(name, TRIALOPS_CLOCK_FILE=str(path))
    await stage.restart("randomizer", "screening")
    await scene.work.inputs(60)
    for name in ("randomizer", "screening"):
        stage.equip(name)
    await stage.restart("randomizer", "screening")
    yield


@fault("of three brokers the leader killed", "no acknowledged event is lost", "cluster")
async def leader_killed(scene: Scene) -> AsyncIterator[None]:
    """Whoever leads where most is written, twice; the killed one comes back."""
    assert scene.cluster is not None
    for partition in (0, 1):
        leader = await scene.cluster.leader_of("trialops.screening", partition)
        scene.cluster.kill(leader)
        await scene.work.inputs(30)
        scene.cluster.restart(leader)
        await scene.cluster.whole()
    await scene.stage.ready()
    yield


@fault("of three brokers two down", "no ack, no loss: the outbox keeps all", "cluster")
async def two_down(scene: Scene) -> AsyncIterator[None]:
    """One replica alone may not acknowledge; people go on, and what they say waits."""
    assert scene.cluster is not None
    for node in (2, 3):
        scene.cluster.kill(node)
    await scene.work.inputs(20)
    await asyncio.sleep(5)
    waiting = await ask(scene.stage, "SELECT count(*) FROM screening.outbox")
    if not waiting:
        scene.wrong.append("events went out with one replica of three")
    scene.notes.append(f"{waiting} events waited in screening's outbox")
    for node in (2, 3):
        scene.cluster.restart(node)
    await scene.cluster.whole()
    await scene.stage.ready()
    yield


@fault("PostgreSQL's disk full", "503 while it is, nothing acknowledged is lost", "small disk")
async def disk_full(scene: Scene) -> AsyncIterator[None]:
    """Everything that is free is taken until somebody is refused, and given back."""
    disk = scene.stage.folder / "postgres"
    filling = disk / "filling"
    before = scene.ledger.statuses[503]
    async with asyncio.timeout(60):
        while scene.ledger.statuses[503] < before + 5:
            await asyncio.to_thread(_fill, disk, filling)
            await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    filling.unlink()
    scene.notes.append(f"{scene.ledger.statuses[503] - before} answers of 503")
    await scene.stage.ready()
    yield


@fault("Kafka's disk full", "inputs are taken while it is, and go out after", "small disk")
async def kafka_disk_full(scene: Scene) -> AsyncIterator[None]:
    """Everything that is free is taken until the broker gives up, and given back."""
    disk = scene.stage.folder / "kafka"
    filling = disk / "filling"
    broker = await scene.stage.present("kafka")
    async with asyncio.timeout(60):
        while scene.stage.pid("kafka") == broker:
            await asyncio.to_thread(_fill, disk, filling)
            await asyncio.sleep(0.2)
    await scene.work.inputs(20)
    waiting = await ask(scene.stage, "SELECT count(*) FROM screening.outbox")
    if not waiting:
        scene.wrong.append("nothing waits for a broker that is not there")
    scene.notes.append(f"the broker ended; {waiting} events waited in screening's outbox")
    filling.unlink()
    await scene.stage.ready()
    yield


def _fill(disk: Path, filling: Path) -> None:
    """Take all that is free, as far as the server does not take it first."""
    with suppress(OSError), filling.open("ab") as file:
        if free := shutil.disk_usage(disk).free:
            os.posix_fallocate(file.fileno(), filling.stat().st_size, free)
    with suppress(OSError), filling.open("ab", buffering=0) as file:
        while file.write(bytes(4096)):
            pass

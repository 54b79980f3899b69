"""Faults of processes: killed at a step or at random, told to stop, stopped in their tracks."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from time import monotonic

from aiokafka import AIOKafkaConsumer

from deploy.embedded.files import write_private
from deploy.embedded.process import started_at
from tests.chaos.consumed import HEARD
from tests.chaos.scene import FAULTS, Fault, Scene, fault
from tests.chaos.stage import steps_file
from tests.chaos.world import SERVICES

_BATCH = ("after_claim", "before_commit", "after_commit")
_RELAY = ("after_send", "before_delete")
TOO_LONG = "took too long to stop"
GRACE_S = 10.0
SESSION_S = 6.0


async def die_at(scene: Scene, service: str, step: str, seconds: float = 45) -> None:
    """Have a service kill itself at a step; returns when another process is in its place."""
    stage, path = scene.stage, steps_file(scene.stage.folder, service)
    nth = scene.random.randint(1, 3) if step in _BATCH else 1
    pid = await stage.present(service)
    write_private(path, json.dumps({"service": service, "step": step, "nth": nth}))
    try:
        async with _stranger(stage.kafka, service) if step == "in_rebalance" else nullcontext():
            await stage.replaced(service, pid, seconds)
    except TimeoutError:
        path.unlink(missing_ok=True)
        scene.wrong.append(f"{service} never came to {step}")


@asynccontextmanager
async def _stranger(kafka: str, group: str) -> AsyncIterator[None]:
    """Another member of the group, which does nothing: its coming makes the others let go."""
    consumer = AIOKafkaConsumer(
        *HEARD[group],
        bootstrap_servers=kafka,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1024,
    )
    joining = asyncio.create_task(consumer.start())
    try:
        yield
    finally:
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        await consumer.stop()


def _all_at(step: str) -> Callable[[Scene], AsyncIterator[None]]:
    async def act(scene: Scene) -> AsyncIterator[None]:
        # The portal says nothing but who signs in, which nobody does here.
        services = [name for name in SERVICES if name != "portal" or step not in _RELAY]
        await asyncio.gather(*(die_at(scene, name, step) for name in services))
        await scene.stage.ready()
        yield

    return act


for _step in (*_BATCH, *_RELAY, "in_rebalance"):
    FAULTS.append(
        Fault(
            f"kill -9 of each service {_step.replace('_', ' ')}",
            asynccontextmanager(_all_at(_step)),
            "each came to it",
            short=_step == "before_commit",
        )
    )


@fault("kill -9 of services at random")
async def killed_at_random(scene: Scene) -> AsyncIterator[None]:
    """One or two at a time, whatever they are at."""
    for _ in range(3):
        names = scene.random.sample(SERVICES, scene.random.randint(1, 2))
        await asyncio.gather(*(scene.stage.kill(name) for name in names))
        await asyncio.sleep(scene.random.uniform(0, 1))
    await scene.stage.ready()
    yield


@fault("SIGTERM of each service under load", "exits inside its grace")
async def terminated(scene: Scene) -> AsyncIterator[None]:
    """One after the other, as a rolling restart does."""
    for name in SERVICES:
        began = monotonic()
        pid = await scene.stage.signal(name, signal.SIGTERM)
        while _lives(pid) and monotonic() < began + 2 * GRACE_S:
            await asyncio.sleep(0.02)
        if (took := monotonic() - began) > GRACE_S:
            scene.wrong.append(f"{name} {TOO_LONG}: {took:.1f} s")
        await scene.stage.replaced(name, pid)
    await scene.stage.ready()
    yield


def _lives(pid: int) -> bool:
    return started_at(pid) is not None


async def zombie(scene: Scene, name: str) -> None:
    """Stop a process for longer than its session, lease and statements live, then let it go on."""
    await scene.stage.signal(name, signal.SIGSTOP)
    await asyncio.sleep(SESSION_S + 3)
    await scene.stage.signal(name, signal.SIGCONT)


@fault("SIGSTOP of the randomizer past its session, CONT", "a zombie changes nothing")
async def zombie_randomizer(scene: Scene) -> AsyncIterator[None]:
    """Nobody takes its place; it comes back to a group that has forgotten it."""
    await zombie(scene, "randomizer")
    await scene.stage.ready()
    yield


@fault("SIGSTOP of all services at once past their sessions, CONT", "a zombie changes nothing")
async def zombies(scene: Scene) -> AsyncIterator[None]:
    """Everything stands still and goes on."""
    await asyncio.gather(*(zombie(scene, name) for name in SERVICES))
    await scene.stage.ready()
    yield


@fault(
    "two of each: SIGSTOP of one of each kind, CONT", "a zombie changes nothing", setting="double"
)
async def zombie_of_two(scene: Scene) -> AsyncIterator[None]:
    """The other one takes over while the first sleeps over its lease."""
    names = ("randomizer", "screening", "safety", "notifier")
    await asyncio.gather(*(zombie(scene, name) for name in names))
    await scene.stage.ready()
    yield


@fault("two of each, side by side", setting="double")
async def two_of_each(scene: Scene) -> AsyncIterator[None]:
    """Many randomizers on one stratum, and nothing else."""
    await scene.work.inputs(120)
    yield


@fault("two of each: kill -9 of one after the other", setting="double")
async def killed_of_two(scene: Scene) -> AsyncIterator[None]:
    """Partitions go to and fro."""
    for name in scene.random.sample(scene.stage.names(), 4):
        await scene.stage.kill(name)
        await asyncio.sleep(scene.random.uniform(0.5, 2))
    await scene.stage.ready()
    yield

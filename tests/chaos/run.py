"""A run: platforms are started, each fault gets its slice of work, and the invariants judge."""

import asyncio
import shutil
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from random import Random
from time import monotonic

from shared.runtime import topics
from tests.acceptance.trials import write_protocols
from tests.chaos import launcher, links
from tests.chaos.cluster import Cluster
from tests.chaos.invariants import check
from tests.chaos.ledger import Ledger
from tests.chaos.links import Links
from tests.chaos.report import Result
from tests.chaos.scene import Fault, Scene, Setting
from tests.chaos.stage import Stage
from tests.chaos.stories import FORGED, TINY, Teller
from tests.chaos.workload import Workload
from tests.chaos.world import SERVICES, World, look

SMALL_DISK = "400m"
AROUND = 15  # inputs before a fault and after its healing
REST_S = 90.0  # the bound within which the backlog must reach zero

Say = Callable[[str], None]


class NoDisk(Exception):
    """the machine mounts no small file system"""


async def slice_of(scene: Scene, fault: Fault) -> Result:
    """One fault under load, healed, at rest, judged."""
    result, began = Result(fault.name, fault.check), monotonic()
    before = len(scene.ledger.acknowledged)
    scene.wrong, scene.notes, scene.ledger.strange = [], [], []
    try:
        async with AsyncExitStack() as stack:
            async with scene.work.load():
                await scene.work.inputs(AROUND)
                await stack.enter_async_context(fault.act(scene))
                await scene.work.inputs(AROUND)
            healed = monotonic()
            await scene.stage.rest(REST_S)
            result.rest_s = round(monotonic() - healed, 1)
    except Exception as why:
        scene.wrong += _words(why)
    result.violations = {"own": scene.wrong, **await _judged(scene)}
    result.notes = scene.notes
    result.inputs = len(scene.ledger.acknowledged) - before
    result.seconds = round(monotonic() - began, 1)
    return result


def _words(why: BaseException) -> list[str]:
    """What was raised, each fault of a group by itself, with the place in our own code."""
    if isinstance(why, BaseExceptionGroup):
        return [word for one in why.exceptions for word in _words(one)]
    ours = [at for at in traceback.extract_tb(why.__traceback__) if "chaos" in at.filename]
    place = f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""
    return [f"{type(why).__name__}: {why}{place}"]


async def _judged(scene: Scene) -> dict[str, list[str]]:
    """What is wrong at rest; looked at twice, as audit may sign a checkpoint between two reads."""
    found: dict[str, list[str]] = {}
    for _ in range(2):
        try:
            found = check(await _world(scene), scene.ledger)
            if not any(found.values()):
                break
            await scene.stage.rest(REST_S)
        except Exception as why:
            return {"I6": [f"the platform cannot be looked at: {word}" for word in _words(why)]}
    return found


async def _world(scene: Scene) -> World:
    stage = scene.stage
    return await look(stage.dsn, stage.kafka, stage.folder / "logs", stage.urls("audit")[0])


def protocols(folder: Path) -> Path:
    """Both trials, a tiny one, and one for records that we forge."""
    write_protocols(folder)
    for path in folder.glob("T*.yaml"):
        if path.stem not in (TINY, FORGED):
            path.unlink()
    return folder


@dataclass
class Run:
    """All slices of one seed, on platforms in one folder."""

    folder: Path
    seed: str
    say: Say
    bug: str | None = None
    """One of `tests.chaos.planted`, put into every service."""

    results: list[Result] = field(default_factory=list)

    async def run(self, faults: Sequence[Fault]) -> list[Result]:
        """Every fault on the platform that it needs."""
        protocols(self.folder / "protocols")
        for setting, several in groupby(faults, lambda fault: fault.setting):
            try:
                async with self._scene(setting) as scene:
                    for fault in several:
                        await self._one(scene, fault)
            except NoDisk as why:
                self.say(f"LEFT OUT {setting}: this machine mounts none ({why})")
        return self.results

    async def _one(self, scene: Scene, fault: Fault) -> None:
        scene.random = Random(f"{self.seed}/{fault.name}")
        result = await slice_of(scene, fault)
        self.results.append(result)
        verdict = "held" if result.held else "VIOLATED"
        self.say(f"{verdict:9}{fault.name} ({result.seconds:.0f} s, {result.inputs} inputs)")
        for name, faults in result.violations.items():
            for text in faults:
                self.say(f"           {name}: {text}")

    @asynccontextmanager
    async def _scene(self, setting: Setting) -> AsyncIterator[Scene]:
        """A new platform of the setting, stopped at the end."""
        self.say(f"         a platform: {setting}")
        folder = self.folder / setting.replace(" ", "-")
        replicas = dict.fromkeys(SERVICES, 2 if setting == "double" else 1)
        environment = {launcher.BUG: self.bug} if self.bug else {}
        async with AsyncExitStack() as stack:
            cluster = None
            if setting == "cluster":
                cluster = Cluster(folder / "brokers")
                stack.push_async_callback(cluster.stop)
                await cluster.start()
                await topics.declare(cluster.bootstrap, replication=3)
                environment["TRIALOPS_KAFKA"] = cluster.bootstrap
            if setting == "small disk":
                for server in ("postgres", "kafka"):
                    stack.enter_context(small_disk(folder / server))
            stage = Stage(folder, self.folder / "protocols", environment, replicas)
            stack.callback(stage.stop)
            stage.start()
            work = Workload(stage, Ledger(), Teller(f"{self.seed}/{setting}"))
            stack.push_async_callback(work.end)
            await work.begin()
            ways = Links()
            if setting == "proxied":
                ways = await stack.enter_async_context(links.proxied(stage))
            yield Scene(stage, work, work.ledger, Random(self.seed), ways, cluster)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A small file system at the folder; NoDisk where the machine gives none."""
    folder.mkdir(parents=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)],  # noqa: S607 - the machine's own
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NoDisk(made.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607 - as above


def run(
    faults: Sequence[Fault], folder: Path, seed: str, say: Say, bug: str | None = None
) -> list[Result]:
    """Run the faults in a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return asyncio.run(Run(folder, seed, say, bug).run(faults))


def to_stderr(text: str) -> None:
    """Progress is for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

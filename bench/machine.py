"""What the figures were taken on."""

import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import TypedDict


class Machine(TypedDict):
    """A machine, as a reader of figures asks for it."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    fsync_ms: float
    """Median time of writing and syncing 8 KiB where the servers keep their data."""


def machine(folder: Path) -> Machine:
    """This machine, and the disk under the folder."""
    return Machine(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        fsync_ms=round(_fsync_s(folder) * 1000, 3),
    )


def _field(file: Path, name: str) -> str | None:
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _fsync_s(folder: Path, times: int = 100) -> float:
    taken = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\0" * 8192)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    path.unlink()
    return median(taken)

"""What processes have used of the CPU, by the kernel's own account."""

import os
from pathlib import Path


def used_s(pids: list[int], postmaster: int) -> float:
    """Seconds of CPU that these processes have used, and PostgreSQL with all its back ends."""
    tasks = Path("/proc", str(postmaster), "task", str(postmaster), "children")
    backends = [int(pid) for pid in tasks.read_text().split()]
    ended = _cpu_s(postmaster, ended_children=True)
    return ended + sum(_cpu_s(pid) for pid in (*backends, *pids))


def _cpu_s(pid: int, *, ended_children: bool = False) -> float:
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = sum(map(int, fields[11 : 15 if ended_children else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")

"""Whom a server that refuses to be root runs as, and whether that user can reach its files."""

import os
import pwd
import stat
from pathlib import Path

from deploy.embedded.process import Identity

_CAP_DAC_READ_SEARCH = 1 << 2


def someone_else(*needed: Path) -> Identity | None:
    """None for an ordinary user; for root `nobody`, with the capability to search private folders
    if one lies above a needed path. PermissionError if it is needed and we may not hand it on."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    search = not all(open_to_all(path) for path in needed)
    if search and not _our_capabilities() & _CAP_DAC_READ_SEARCH:
        raise PermissionError("a private folder is in the way and CAP_DAC_READ_SEARCH is not ours")
    return Identity(nobody.pw_uid, nobody.pw_gid, search)


def open_to_all(path: Path) -> bool:
    """True if every folder above the path may be passed by anyone, and the path itself be read."""
    path = path.resolve()
    above = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
    return above and bool(path.stat().st_mode & stat.S_IROTH)


def _our_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0

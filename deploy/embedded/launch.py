"""Become a command that dies with its parent: the last step of starting a child process.

Run as a script of its own, `launch.py PARENT IDENTITY LOCK COMMAND...`, not as a hook between fork
and exec: a single-threaded interpreter may do here what a forked copy of a threaded one may not.
"""

import ctypes
import fcntl
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    _check(_libc.prctl(option, *map(ctypes.c_ulong, padded)), f"prctl({option})")


def _keep_only_search() -> None:
    """Give up every capability but that to walk through private folders, kept over exec."""
    wanted = 1 << _CAP_DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable for capabilities 0 to 31, then the same for 32 to 63
    sets = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    _check(_libc.capset(header, sets), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH)


def _drop_to(uid: int, gid: int, *, search: bool) -> None:
    if search:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if search:
        _keep_only_search()


def _hold(path: str) -> None:
    """Hold the file's lock for as long as the command lives, as it inherits what is open here."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"{path} is held: another process uses this folder")
    os.set_inheritable(file, True)


def main(arguments: list[str]) -> None:
    """Hold `LOCK`, a file (`-`: none), take on `IDENTITY` (`-`, `UID:GID` or `UID:GID:search`) and
    become `COMMAND`.
    """
    parent, identity, lock, *command = arguments
    if lock != "-":
        _hold(lock)
    if identity != "-":
        uid, gid, *search = identity.split(":")
        _drop_to(int(uid), int(gid), search=bool(search))
    # After the change of uid, which would clear it.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the parent ended before its child began")
    os.execv(command[0], command)  # noqa: S606 the command is our own and no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])

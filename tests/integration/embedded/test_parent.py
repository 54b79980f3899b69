"""Servers end with their parent, whatever ends it, and run in a private folder, for anyone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from deploy.embedded.jars import CHECKOUT
from deploy.embedded.postgres import packaged_binaries
from deploy.embedded.process import Child, Identity, Program, started_at
from deploy.embedded.unprivileged import someone_else
from tests.waiting import until_true


class Told(TypedDict):
    uid: int
    kafka: str
    postgres: str
    pids: list[int]


# Gives CAP_DAC_READ_SEARCH up for good, as most containers do; an ordinary user has none to give.
WITHOUT_SEARCH = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 2); os.execv(sys.argv[1], sys.argv[1:])"
)


def _parent(
    folder: Path,
    identity: Identity | None = None,
    before: tuple[str, ...] = (),
    **variables: str,
) -> tuple[Child, Told]:
    module = "tests.integration.embedded.parent"
    command = (*before, sys.executable, "-m", module, str(folder))
    log = folder.parent / f"{folder.name}.parent.log"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    child = Child(Program("parent", command, CHECKOUT, log, environment, identity))
    until_true(lambda: child.exit_code() is not None or log.read_text().endswith("}\n"), 90)
    assert child.exit_code() is None, log.read_text()
    told: Told = json.loads(log.read_text().splitlines()[-1])
    return child, told


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder below one of mode 700."""
    above = tmp_path / "private"
    above.mkdir(mode=0o700)
    folder = above / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that anyone may pass."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_their_parent(private: Path, end: signal.Signals) -> None:
    parent, told = _parent(private)
    os.kill(parent.pid, end)
    parent.wait(30)
    until_true(lambda: not any(map(started_at, told["pids"])), seconds=10)


def test_an_ordinary_user_runs_them(public: Path) -> None:
    state = public / "private" / "state"
    state.mkdir(parents=True)
    other = someone_else(public)
    if other is not None:
        # Root becomes another user, who may search folders only so as to reach this interpreter.
        other = Identity(other.uid, other.gid, search=True)
        for path in (state, state.parent):
            os.chown(path, other.uid, other.gid)
    state.parent.chmod(0o700)
    parent, told = _parent(state, other)
    assert told["uid"] == (other.uid if other else os.geteuid()) != 0
    assert (state / "postgres" / "data").stat().st_uid == told["uid"]
    parent.stop()


def test_root_without_the_capability_runs_them_outside(private: Path, public: Path) -> None:
    """Data and a copy of the binaries; nobody but root has any of this trouble."""
    package = packaged_binaries().parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, private / part.name)
    binaries = private / packaged_binaries().relative_to(package.parent)
    before = (sys.executable, "-c", WITHOUT_SEARCH)
    variables = {"TMPDIR": str(public), "TRIALOPS_POSTGRES_BIN": str(binaries)}
    parent, _ = _parent(private, None, before, **variables)
    outside = (private / "postgres" / "elsewhere").exists()
    assert outside == (os.geteuid() == 0)
    assert outside != (private / "postgres" / "data").exists()
    parent.stop()


def test_a_child_does_not_begin_when_its_parent_has_ended(tmp_path: Path) -> None:
    launch = Program("late", ("/bin/true",), tmp_path, tmp_path / "log").argv()
    position = launch.index(str(os.getpid()))
    orphan = (*launch[:position], str(2**22 + 1), *launch[position + 1 :])
    ended = subprocess.run(orphan, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "parent ended" in ended.stderr


def test_a_process_is_known_by_its_number_and_its_beginning() -> None:
    assert started_at(os.getpid()) == started_at(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert started_at(child.pid) is None

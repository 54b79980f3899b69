"""A part that dies is started again, later each time; one that never gets up is given up."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.keeper import Deaths, Keeper, NotReady
from deploy.embedded.process import Program
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse
from tests.waiting import until

SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")
FAILING = (sys.executable, "-c", "raise SystemExit('the reason')")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal as s; s.signal(s.SIGTERM, s.SIG_IGN); print('up', flush=True); s.pause()",
)


@pytest.fixture
async def deaths() -> AsyncIterator[Deaths]:
    yield Deaths()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


def _keeper(folder: Path, command: tuple[str, ...], *, answers: bool, grace: float = 5) -> Keeper:
    async def probe() -> bool:
        return answers

    def prepare() -> Program:
        return Program("part", command, folder, folder / "part.log", grace=grace)

    return Keeper("part", "http://127.0.0.1:1", prepare, probe)


async def test_a_dead_part_is_started_again(tmp_path: Path, deaths: Deaths) -> None:
    pids: list[int] = []
    said: list[str] = []
    keeper = _keeper(tmp_path, SLEEPER, answers=True)

    def changed() -> None:
        assert keeper.child is not None
        pids.append(keeper.child.pid)

    keeping = asyncio.create_task(keeper.keep(deaths, said.append, changed))
    for lives in (1, 2, 3):

        async def lived(lives: int = lives) -> bool:
            return len(pids) == lives

        await until(lived)
        if keeper.child is not None and lives < 3:
            keeper.child.kill()
    await keeper.stop(deaths)
    await keeping
    assert len(set(pids)) == 3
    assert ["0.1 s" in said[0], "0.2 s" in said[1], len(said)] == [True, True, 2]


async def test_a_part_that_never_gets_up_is_given_up_with_its_log(
    tmp_path: Path, deaths: Deaths
) -> None:
    keeper = _keeper(tmp_path, FAILING, answers=False)
    keeping = asyncio.create_task(keeper.keep(deaths, lambda _: None, lambda: None))
    with pytest.raises(NotReady, match="the reason"):
        await keeper.ready(seconds=30)
    await keeper.stop(deaths)
    keeping.cancel()


async def test_a_part_that_does_not_stop_is_killed(tmp_path: Path, deaths: Deaths) -> None:
    keeper = _keeper(tmp_path, STUBBORN, answers=True, grace=0.2)
    keeping = asyncio.create_task(keeper.keep(deaths, lambda _: None, lambda: None))

    async def is_up() -> bool:
        log = tmp_path / "part.log"
        return log.exists() and "up" in log.read_text()

    await until(is_up)
    await keeper.stop(deaths)
    assert keeper.child is not None
    assert keeper.child.exit_code() == -signal.SIGKILL
    await keeping


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with state.locked():
        assert state.supervisor() is not None
        with pytest.raises(WrongUse, match="runs in"), state.locked():
            pass
    assert state.supervisor() is None

"""The demo's folder: fresh each time, and nobody else's."""

import os
from pathlib import Path

import pytest

from deploy import cli
from deploy.demo import folder
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "demo")


def test_a_new_and_an_empty_folder_are_taken(state: State) -> None:
    folder.refuse_foreign(state)
    state.folder.mkdir()
    folder.refuse_foreign(state)


def test_a_folder_that_no_demo_made_is_left_alone(state: State) -> None:
    state.folder.mkdir()
    (state.folder / "clock.json").write_text("{}")
    with pytest.raises(WrongUse, match="no demo has made"):
        folder.refuse_foreign(state)


def test_a_folder_where_a_platform_runs_is_refused(state: State) -> None:
    with state.locked(), pytest.raises(WrongUse, match=f"pid {os.getpid()}"):
        folder.refuse_foreign(state)


def test_what_an_earlier_demo_left_is_gone(state: State, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "postgres"
    elsewhere.mkdir(parents=True)
    with state.locked():
        folder.empty(state)
        (state.folder / "postgres").mkdir()
        (state.folder / "postgres" / "elsewhere").symlink_to(elsewhere)
        (state.folder / "ports.json").write_text("{}")
    folder.refuse_foreign(state)
    with state.locked():
        folder.empty(state)
    assert {path.name for path in state.folder.iterdir()} == {"demo.json", "supervisor.pid"}
    assert not elsewhere.exists()


def test_the_demo_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIALOPS_STATE", raising=False)
    assert cli.read(["demo"]).state == Path(".trialops-demo").resolve()
    assert cli.read(["status"]).state == Path(".trialops").resolve()
    assert cli.read(["demo", "--state", "mine"]).state == Path("mine").resolve()
    monkeypatch.setenv("TRIALOPS_STATE", "other")
    assert cli.read(["demo"]).state == Path("other").resolve()


def test_another_trial_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--trial", "NOSUCH"]) == 2
    assert capsys.readouterr().err == (
        "trialops: the demo has no trial 'NOSUCH', only CDISCPILOT01 and NCT06903312\n"
    )

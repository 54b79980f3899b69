"""Wrong use is answered with one line and exit code 2; the state is found wherever it is named."""

import json
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from deploy.cli import main, read
from deploy.embedded.clock import parse_move
from deploy.embedded.files import write_private
from deploy.embedded.keys import AUDIENCE, ISSUER, Keys
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["unheard-of"],
        ["up", "--replicas", "screening"],
        ["up", "--replicas", "screening=0"],
        ["up", "--replicas", "unheard-of=2"],
        ["token", "emperor"],
        ["token", "site"],  # no platform was ever started here
        ["clock", "-1d"],
        ["clock", "+1"],
        ["clock", "+1d"],
        ["clock", "now"],
        ["people"],
        ["down", "--state"],
    ],
)
def test_wrong_use_is_one_line_and_2(
    line: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRIALOPS_STATE", str(tmp_path / "state"))
    try:
        code: object = main(line)
    except SystemExit as end:  # argparse's own way out
        code = end.code
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)


def test_the_clock_of_a_platform_that_was_stopped_is_not_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = State(tmp_path)
    write_private(state.clock, '{"offset_seconds": 60}')
    assert main(["clock", "+1d", "--state", str(tmp_path)]) == 2  # ended in order
    state.write_endpoints({}, "127.0.0.1:1", "postgresql://127.0.0.1:1/x")
    assert main(["clock", "+1d", "--state", str(tmp_path)]) == 2  # killed
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 2)
    assert json.loads(state.clock.read_text()) == {"offset_seconds": 60}


def test_the_state_may_be_named_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRIALOPS_STATE", raising=False)
    assert read(["status"]).state == tmp_path / ".trialops"
    assert read(["--state", "x", "status"]).state == tmp_path / "x"
    assert read(["status", "--state=x"]).state == tmp_path / "x"
    monkeypatch.setenv("TRIALOPS_STATE", "y")
    assert read(["status"]).state == tmp_path / "y"


def test_where_nothing_runs_down_is_done_and_status_says_no(tmp_path: Path) -> None:
    assert main(["down", "--state", str(tmp_path)]) == 0
    assert main(["status", "--state", str(tmp_path)]) == 1


def test_a_token_says_who_may_do_what_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = Keys(tmp_path / "keys")
    keys.prepare()
    line = ["token", "site", "--trial", "T1", "--site", "IT001", "--site", "IT002", "--name", "ada"]
    assert main([*line, "--state", str(tmp_path)]) == 0
    answer = json.loads(capsys.readouterr().out)
    (jwk,) = json.loads(keys.jwks_file.read_text())["keys"]
    claims = jwt.decode(
        answer["token"], jwt.PyJWK(jwk), ["EdDSA"], audience=AUDIENCE, issuer=ISSUER
    )
    assert answer["sub"] == claims["sub"] == claims["name"] == "ada"
    assert (claims["roles"], claims["trials"]) == (["site"], ["T1"])
    assert claims["sites"] == ["IT001", "IT002"]
    assert abs(claims["exp"] - claims["iat"] - 12 * 3600) <= 1
    assert jwt.get_unverified_header(answer["token"])["kid"] == jwk["kid"]


def test_keys_are_drawn_once_and_are_ours_alone(tmp_path: Path) -> None:
    Keys(tmp_path / "keys").prepare()
    first = _files(tmp_path / "keys")
    Keys(tmp_path / "keys").prepare()
    assert _files(tmp_path / "keys") == first
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in first} == {0o600}


def test_a_service_finds_its_own_keys_and_no_others(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.prepare()
    assert [path.name for path in keys.of("audit").iterdir()] == ["audit_ed25519.pem"]
    assert [path.name for path in keys.of("randomizer").iterdir()] == ["seed_key"]
    assert [path.name for path in keys.of("notifier").iterdir()] == ["contacts_key"]


def test_keys_of_a_state_from_before_are_kept(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.prepare()
    for service, name in (("audit", "audit_ed25519.pem"), ("randomizer", "seed_key")):
        (keys.of(service) / name).rename(keys.folder / name)
        keys.of(service).rmdir()
    before = {path.name: text for path, text in _files(tmp_path / "keys").items()}
    keys.prepare()
    assert {path.name: text for path, text in _files(tmp_path / "keys").items()} == before
    assert (keys.of("randomizer") / "seed_key").exists()


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("text", "move"),
    [
        ("+6d", timedelta(days=6)),
        ("+1d12h", timedelta(days=1, hours=12)),
        ("+2w", timedelta(weeks=2)),
        ("+90m30s", timedelta(minutes=90, seconds=30)),
        ("+0s", timedelta()),
    ],
)
def test_a_move_is_a_sum(text: str, move: timedelta) -> None:
    assert parse_move(text) == move


@pytest.mark.parametrize("text", ["", "6d", "-6d", "+", "+d", "+1y", "+1.5d", "+1d 2h", "+٣d"])
def test_anything_else_is_no_move(text: str) -> None:
    with pytest.raises(WrongUse, match="neither"):
        parse_move(text)

"""`audit verify` and `audit export` over HTTP and from a file, as an inspector types them."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.commands import audit
from deploy.wrong_use import WrongUse
from services.audit import tiles, verify
from tests.integration.audit.served import TOKEN, served
from tests.unit.audit.small_log import SIGNER, SmallLog, lines

MANY = lines(600)


def run(state: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    audit.add(parser.add_subparsers())
    args = parser.parse_args(["audit", *arguments])
    args.state = state
    code: int = args.run(args)
    return code


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_served_log_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = SmallLog(MANY)
    with served(log) as url:
        how = ("--url", url + "/", "--token", TOKEN, "--key", SIGNER.verifier.line)
        assert run(tmp_path, "verify", *how) == 0
        assert answer(capsys)["size"] == 600
        log.parts["tile/entries/001"] = tiles.bundle([MANY[0], *MANY[257:512]])
        assert run(tmp_path, "verify", *how) == 1
        assert 256 in [problem.get("index") for problem in answer(capsys)["problems"]]


def test_a_partial_tile_gone_is_read_from_the_full_one(tmp_path: Path) -> None:
    now, then = SmallLog(MANY), SmallLog(MANY[:300])
    now.parts["checkpoint"] = then.parts["checkpoint"]
    with served(now) as url:
        assert run(tmp_path, "verify", "--url", url, "--token", TOKEN) == 1
    # Only full tiles stand for partial ones: 256 to 511 is full by now, of level 1 nothing is.
    now.parts["tile/1/000.p/1"] = then.parts["tile/1/000.p/1"]
    with served(now) as url:
        assert run(tmp_path, "verify", "--url", url, "--token", TOKEN) == 0


def test_the_embedded_runs_log_is_found_and_read_with_its_own_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.tokens.sign", lambda _, role: {"auditor": TOKEN}[role])
    (tmp_path / "keys").mkdir()
    with served(SmallLog(MANY)) as url:
        text = json.dumps({"services": {"audit": url}, "kafka": "", "postgres": "", "state": ""})
        (tmp_path / "endpoints.json").write_text(text)
        for how in ((), ("--url", url)):
            assert run(tmp_path, "verify", *how) == 0
            assert answer(capsys)["ok"] is True


def test_an_exported_log_is_checked_with_no_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.zip"
    with served(SmallLog(MANY)) as url:
        assert run(tmp_path, "export", str(path), "--url", url, "--token", TOKEN) == 0
    exported = answer(capsys)
    assert (exported["file"], exported["size"]) == (str(path), 600)
    assert run(tmp_path, "verify", "--bundle", str(path)) == 0
    assert answer(capsys)["root"] == exported["root"]


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no platform runs"):
        run(tmp_path, "verify")
    with pytest.raises(WrongUse, match="exists"):
        run(tmp_path, "verify", "--bundle", "absent")
    with pytest.raises(WrongUse, match="one of"):
        run(tmp_path, "verify", "--bundle", "absent", "--url", "http://127.0.0.1:1")
    with pytest.raises(WrongUse, match="address"):
        run(tmp_path, "verify", "--url", "http://[::1")
    with served(SmallLog(MANY)) as url, pytest.raises(WrongUse, match="token"):
        run(tmp_path, "verify", "--url", url, "--token", "another")
    with served(SmallLog(MANY)) as url, pytest.raises(WrongUse, match="cannot write"):
        run(tmp_path, "export", str(tmp_path / "no" / "x"), "--url", url, "--token", TOKEN)


def test_a_server_that_is_none_or_gives_other_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SmallLog(MANY)
    with served(log) as url:
        source = verify.Server(url)
        with pytest.raises(verify.Fault, match="302"):
            source.read("moved", 100)
        with pytest.raises(verify.Fault, match="larger"):
            source.read("key", 10)
        log.parts["tile/0/000"] = bytes(8193)
        assert run(tmp_path, "verify", "--url", url, "--token", TOKEN) == 1
        assert "larger" in json.dumps(answer(capsys))
    assert run(tmp_path, "verify", "--url", url, "--token", TOKEN) == 1
    assert {problem["kind"] for problem in answer(capsys)["problems"]} == {"key"}
    assert run(tmp_path, "export", str(tmp_path / "x"), "--url", url, "--token", TOKEN) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)

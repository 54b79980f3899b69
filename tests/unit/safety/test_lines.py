"""Lines of `trialops classify`, and the command over them."""

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.commands import classify
from deploy.wrong_use import WrongUse
from services.safety.lines import answer
from shared.contracts.jsontext import dumps, loads
from shared.contracts.lines import LONGEST
from tests.unit.safety.forms import NCT, PILOT, PROTOCOLS, good

REGIMEN = "cabozantinib_nivolumab"


def line(**members: Any) -> bytes:
    said: dict[str, Any] = {"subject": "IT001-0001", "arm": "DCN", "regimen": REGIMEN}
    said |= {"form": good(), **members}
    return dumps({name: value for name, value in said.items() if value is not ...})


def answered(raw: bytes | None) -> Any:
    return loads(dumps(answer(NCT, NCT.authorities, raw)))


def test_a_good_line() -> None:
    said = answered(line())
    assert list(said) == ["subject", "serious", "susar", "authorities", "clocks", "why"]
    assert (said["subject"], said["serious"], said["susar"]) == ("IT001-0001", True, True)
    assert said["authorities"] == {
        "EU-CTR": {
            "susar": True,
            "related": ["cabozantinib", "nivolumab"],
            "unexpected": ["surgery", "cabozantinib", "nivolumab"],
        }
    }
    assert said["clocks"] == [
        {
            "kind": "site_to_sponsor",
            "authority": None,
            "day_zero": "2026-03-01",
            "due": "2026-03-02T08:00:00Z",
        },
        {
            "kind": "expedited_15",
            "authority": "EU-CTR",
            "day_zero": "2026-03-01",
            "due": "2026-03-17T00:00:00Z",
        },
    ]
    assert said["why"] and all(type(text) is str for text in said["why"])


def test_what_is_not_serious_has_no_clocks() -> None:
    said = answered(line(form=good(seriousness=[])))
    assert (said["serious"], said["susar"], said["clocks"]) == (False, False, [])


@pytest.mark.parametrize("regimen", [..., None])
def test_an_unknown_regimen_brings_every_drug(regimen: Any) -> None:
    said = answered(line(regimen=regimen))
    assert set(said["authorities"]["EU-CTR"]["unexpected"]) == {
        "surgery",
        "axitinib",
        "pembrolizumab",
        "cabozantinib",
        "nivolumab",
        "lenvatinib",
        "ipilimumab",
    }


@pytest.mark.parametrize(
    ("arm", "regimen", "components"),
    [
        ("DCN", "axitinib_pembrolizumab", {"surgery", "axitinib", "pembrolizumab"}),
        ("RT", "lenvatinib_pembrolizumab", {"radiotherapy", "lenvatinib", "pembrolizumab"}),
        ("SOC", "cabozantinib_nivolumab", {"cabozantinib", "nivolumab"}),
        ("SOC", "nivolumab_after_ipilimumab_nivolumab", {"nivolumab", "ipilimumab"}),
    ],
)
def test_components_come_from_arm_and_regimen(arm: str, regimen: str, components: set[str]) -> None:
    form = good(causality=None, action_taken=None)
    said = answered(line(arm=arm, regimen=regimen, form=form))
    assert set(said["authorities"]["EU-CTR"]["related"]) == components
    for name in ("surgery", "radiotherapy", "axitinib", "ipilimumab", "patch", "x"):
        for part, value in (("causality", None), ("action_taken", "none")):
            said = answered(line(arm=arm, regimen=regimen, form={**form, part: {name: value}}))
            assert ("errors" not in said) is (name in components)
        for part in ("causality", "expected"):
            given = {part: {name: None}}
            said = answered(line(arm=arm, regimen=regimen, form=form, assessment=given))
            if name in components:
                assert "errors" not in said
            else:
                assert said["errors"][0]["loc"] == ["assessment", part, name]


def test_the_assessment_counts_whole_or_not_at_all() -> None:
    said = {"expected": dict.fromkeys(("surgery", "cabozantinib", "nivolumab"), True)}
    assert answered(line(assessment=said))["susar"] is False
    for nothing in (..., None, {}, {"causality": None, "expected": None, "reason": None}):
        assert answered(line(assessment=nothing))["susar"] is True
    assert answered(line(assessment={"reason": "because", "expected": {}}))["susar"] is True


@pytest.mark.parametrize(
    ("raw", "subject", "loc"),
    [
        (b"", None, []),
        (b"  ", None, []),
        (None, None, []),
        (b"{", None, []),
        (b"[]", None, []),
        (b"null", None, []),
        (b"\xff", None, []),
        (b"[" * 1000, None, []),
        (line(extra=None), "IT001-0001", ["extra"]),
        (line(subject=...), None, ["subject"]),
        (line(subject=None), None, ["subject"]),
        (line(subject="it001-0001"), None, ["subject"]),
        (line(form=...), "IT001-0001", ["form"]),
        (line(form=None), "IT001-0001", ["form"]),
        (line(form=[]), "IT001-0001", ["form"]),
        (line(arm=...), "IT001-0001", ["arm"]),
        (line(arm=None), "IT001-0001", ["arm"]),
        (line(arm="dcn"), "IT001-0001", ["arm"]),
        (line(arm="Pbo"), "IT001-0001", ["arm"]),
        (line(arm=1), "IT001-0001", ["arm"]),
        (line(arm=["DCN"]), "IT001-0001", ["arm"]),
        (line(regimen="other"), "IT001-0001", ["regimen"]),
        (line(regimen=""), "IT001-0001", ["regimen"]),
        (line(regimen=True), "IT001-0001", ["regimen"]),
        (line(regimen=[]), "IT001-0001", ["regimen"]),
        (line(assessment=[]), "IT001-0001", ["assessment"]),
        (line(assessment="related"), "IT001-0001", ["assessment"]),
        (line(assessment={"by": None}), "IT001-0001", ["assessment", "by"]),
        (line(assessment={"reason": 1}), "IT001-0001", ["assessment", "reason"]),
        (line(assessment={"expected": []}), "IT001-0001", ["assessment", "expected"]),
        (
            line(assessment={"expected": {"surgery": 1}}),
            "IT001-0001",
            ["assessment", "expected", "surgery"],
        ),
        (
            line(assessment={"expected": {"surgery": "true"}}),
            "IT001-0001",
            ["assessment", "expected", "surgery"],
        ),
        (
            line(assessment={"causality": {"surgery": "yes"}}),
            "IT001-0001",
            ["assessment", "causality", "surgery"],
        ),
        (line(form=good(grade=True)), "IT001-0001", ["grade"]),
        (line(form=good(sponsor_aware_at=...)), "IT001-0001", ["sponsor_aware_at"]),
        (line().replace(b'"grade":3', b'"grade":3.0'), "IT001-0001", ["grade"]),
        (line().replace(b'"grade":3', b'"grade":3,"grade":3'), None, ["grade"]),
        (line().replace(b'"grade":3', b'"grade":NaN'), None, ["grade"]),
        (line().replace(b"Bauchschmerzen", b"\\u0000"), None, ["term"]),
        (line().replace(b"Bauchschmerzen", b"\\ud800"), None, ["term"]),
        (line().replace(b'"arm":"DCN"', b'"arm":"DCN","arm":"DCN"'), None, ["arm"]),
    ],
)
def test_a_bad_line(raw: bytes | None, subject: str | None, loc: list[str]) -> None:
    said = answered(raw)
    assert list(said) == ["subject", "errors"]
    assert said["subject"] == subject
    assert [one["loc"] for one in said["errors"]] == [loc]
    assert said["errors"][0]["msg"]


def test_all_errors_of_a_line_are_told_at_once() -> None:
    raw = line(arm=None, regimen=1, form=good(grade=9), assessment={"reason": []})
    assert [one["loc"] for one in answered(raw)["errors"]] == [
        ["arm"],
        ["regimen"],
        ["grade"],
        ["assessment", "reason"],
    ]


def test_a_trial_without_regimens_takes_none() -> None:
    form = {name: good()[name] for name in ("term", "seriousness", "site_aware_at")}
    form["sponsor_aware_at"] = good()["sponsor_aware_at"]
    for regimen, taken in ((None, True), (..., True), (REGIMEN, False), ("", False)):
        raw = line(subject="701-1015", arm="Xan_Hi", regimen=regimen, form=form)
        said = loads(dumps(answer(PILOT, PILOT.authorities, raw)))
        assert isinstance(said, dict)
        assert ("errors" not in said) is taken
    said = loads(dumps(answer(PILOT, PILOT.authorities, line(arm="Pbo", regimen=None, form=form))))
    assert isinstance(said, dict)
    assert said["authorities"]["FDA-312.32"]["related"] == ["patch"]


def run(monkeypatch: pytest.MonkeyPatch, text: bytes, *line: str) -> tuple[int, list[Any]]:
    parser = argparse.ArgumentParser()
    classify.add(parser.add_subparsers())
    arguments = parser.parse_args(["classify", *line, "--protocols", str(PROTOCOLS)])
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    code = arguments.run(arguments)
    return code, [json.loads(one) for one in out.getvalue().splitlines()]


def test_the_command_answers_every_line_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [line(subject=f"IT001-{number:04}") for number in range(30)]
    code, said = run(monkeypatch, b"\n".join(texts) + b"\n", "--trial", "NCT06903312")
    assert code == 0
    assert [one["subject"] for one in said] == [f"IT001-{number:04}" for number in range(30)]
    texts[20:22] = [b"", b"x" * (LONGEST + 1)]
    code, said = run(monkeypatch, b"\n".join(texts), "--trial", "NCT06903312")
    assert (code, len(said)) == (1, 30)
    assert [index for index, one in enumerate(said) if "errors" in one] == [20, 21]
    assert run(monkeypatch, b"", "--trial", "NCT06903312") == (0, [])


def test_authorities_given_replace_the_protocol_s(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = ("--trial", "NCT06903312")
    _, [said] = run(monkeypatch, line(), *trial)
    assert list(said["authorities"]) == ["EU-CTR"]
    named = ("--authority", "UK", "--authority", "FDA-312.32", "--authority", "UK")
    _, [said] = run(monkeypatch, line(), *trial, *named)
    assert list(said["authorities"]) == ["UK", "FDA-312.32"]
    assert [clock["authority"] for clock in said["clocks"]] == [None, "UK", "FDA-312.32"]


@pytest.mark.parametrize(
    "line",
    [
        ("--trial", "NCT00000000"),
        *(("--trial", "NCT06903312", "--authority", name) for name in ("EMA", "eu-ctr", "")),
        ("--trial", "NCT06903312", "--authority", "UK", "--authority", "EU"),
    ],
)
def test_wrong_use_is_one_line(monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]) -> None:
    with pytest.raises(WrongUse) as caught:
        run(monkeypatch, b"", *line)
    assert "\n" not in str(caught.value)


def test_a_bad_protocol_is_wrong_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (PROTOCOLS / "NCT06903312.yaml").read_text()
    (tmp_path / "x.yaml").write_text(text.replace("[EU-CTR]", "[EMA]"))
    monkeypatch.setattr("tests.unit.safety.test_lines.PROTOCOLS", tmp_path)
    with pytest.raises(WrongUse, match=r"x\.yaml:\d+: safety\.authorities\.0: EMA is not one of"):
        run(monkeypatch, b"", "--trial", "NCT06903312")


def test_each_line_is_answered_before_the_next_one_is_read() -> None:
    command = [sys.executable, "-m", "deploy.cli", "classify", "--trial", "NCT06903312"]
    env = {**os.environ, "TRIALOPS_PROTOCOLS": str(PROTOCOLS)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=PROTOCOLS.parent
    ) as process:
        assert process.stdin and process.stdout
        for subject in ("IT001-0001", "IT001-0002"):
            process.stdin.write(line(subject=subject) + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["subject"] == subject
        process.stdin.close()
        assert process.wait(30) == 0


def test_the_command_line_refuses_what_it_does_not_know() -> None:
    command = [sys.executable, "-m", "deploy.cli", "classify"]
    for rest in ([], ["--trial", "NCT06903312", "--authority"], ["--trial", "X1"]):
        done = subprocess.run(
            [*command, *rest], input=b"", capture_output=True, cwd=PROTOCOLS.parent, check=False
        )
        assert (done.returncode, done.stdout) == (2, b"")
        assert len(done.stderr.splitlines()) == 1

"""Lines of a batch, and `trialops screen` over them."""

import argparse
import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deploy.commands import screen
from deploy.wrong_use import WrongUse
from services.screening.lines import answer
from services.screening.trial import Trial
from shared.contracts.jsontext import dumps, loads
from shared.contracts.versions import Versions
from tests.unit.screening.forms import NCT_PROTOCOL, PROTOCOLS, TODAY, good

TRIAL = Trial.of(Versions((NCT_PROTOCOL,)))


def line(**members: Any) -> bytes:
    return dumps({"subject": "IT001-0001", "form": good(), **members})


def answered(raw: bytes | None) -> Any:
    return loads(dumps(answer(TRIAL, raw, lambda _: TODAY)))


def test_a_good_line() -> None:
    said = answered(line())
    assert list(said) == [
        "subject",
        "protocol_version",
        "verdict",
        "stratum",
        "missing",
        "criteria",
    ]
    assert (said["subject"], said["verdict"], said["stratum"]) == ("IT001-0001", "eligible", "le4")
    assert len(said["criteria"]) == 39
    assert set(said["criteria"][0]) == {
        "id",
        "category",
        "outcome",
        "text",
        "evidence",
        "converted",
        "missing",
    }


def test_numbers_in_evidence_stand_as_they_were_written() -> None:
    raw = b'{"subject":"IT001-0001","form":{"weight":{"value":7.050e1,"unit":"kg"},"age":61}}'
    assert b'"weight":{"value":70.50,"unit":"kg"}' in dumps(answer(TRIAL, raw, lambda _: TODAY))


@pytest.mark.parametrize(
    ("raw", "subject", "loc"),
    [
        (b"", None, []),
        (b"   ", None, []),
        (None, None, []),
        (b"{", None, []),
        (b"[]", None, []),
        (b"1", None, []),
        (b"\xff", None, []),
        (b"[" * 1000, None, []),
        (line(extra=None), "IT001-0001", ["extra"]),
        (line(subject=None), None, ["subject"]),
        (line(subject="it001-0001"), None, ["subject"]),
        (line(subject="IT001-0001 "), None, ["subject"]),
        (line(subject=7), None, ["subject"]),
        (line(form=None), "IT001-0001", ["form"]),
        (line(form=[]), "IT001-0001", ["form"]),
        (b'{"form":{}}', None, ["subject"]),
        (b'{"subject":"IT001-0001"}', "IT001-0001", ["form"]),
        (b'{"subject":"IT001-0001","form":{"age":1,"age":1}}', None, ["age"]),
        (b'{"subject":"IT001-0001","form":{"age":NaN}}', None, ["age"]),
        (
            b'{"subject":"IT001-0001","form":{"weight":{"value":1e99999999999999999999}}}',
            None,
            ["weight", "value"],
        ),
        (line(form={"age": "x"}), "IT001-0001", ["age"]),
        (line(form={"weight": {"value": 1}}), "IT001-0001", ["weight", "unit"]),
    ],
)
def test_a_bad_line(raw: bytes | None, subject: str | None, loc: list[str | int]) -> None:
    said = answered(raw)
    assert list(said) == ["subject", "errors"]
    assert said["subject"] == subject
    assert said["errors"][0]["loc"] == loc
    assert said["errors"][0]["msg"]


def run(monkeypatch: pytest.MonkeyPatch, text: bytes, *line: str) -> tuple[int, list[Any]]:
    parser = argparse.ArgumentParser()
    screen.add(parser.add_subparsers())
    arguments = parser.parse_args(["screen", *line, "--protocols", str(PROTOCOLS)])
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    code = arguments.run(arguments)
    return code, [json.loads(one) for one in out.getvalue().splitlines()]


def test_the_command_answers_every_line_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [line(subject=f"IT001-{number:04}") for number in range(50)]
    nct = ("--trial", "NCT06903312", "--as-of", "2026-03-02")
    code, said = run(monkeypatch, b"\n".join(texts) + b"\n", *nct)
    assert code == 0
    assert [one["subject"] for one in said] == [f"IT001-{number:04}" for number in range(50)]
    texts[20] = b""
    code, said = run(monkeypatch, b"\n".join(texts), *nct)
    assert (code, len(said), said[20]["errors"][0]["msg"]) == (1, 50, "is empty")


def test_the_command_knows_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    form = line(form={"informed_consent_date": "2026-03-01", "consent_signed": True})
    trial = ("--trial", "NCT06903312")
    for day, truth in (("2026-02-28", False), ("2026-03-01", True)):
        _, said = run(monkeypatch, form, *trial, "--as-of", day)
        assert said[0]["criteria"][0]["outcome"] is truth
    tomorrow = date.fromordinal(date.today().toordinal() + 2).isoformat()  # noqa: DTZ011
    form = line(form={"informed_consent_date": tomorrow, "consent_signed": True})
    _, said = run(monkeypatch, form, *trial)
    assert said[0]["criteria"][0]["outcome"] is False


@pytest.mark.parametrize(
    "line",
    [("--trial", "NCT00000000")]
    + [
        ("--trial", "NCT06903312", "--as-of", day)
        for day in ("20260302", "2026-02-30", "today", "")
    ],
)
def test_wrong_use_is_one_line(monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]) -> None:
    with pytest.raises(WrongUse) as caught:
        run(monkeypatch, b"", *line)
    assert "\n" not in str(caught.value)


def test_a_bad_protocol_is_wrong_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("study: 1\n")
    monkeypatch.setattr("tests.unit.screening.test_lines.PROTOCOLS", tmp_path)
    with pytest.raises(WrongUse, match=r"x\.yaml:1: "):
        run(monkeypatch, b"", "--trial", "X")

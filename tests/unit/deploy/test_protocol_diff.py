"""`trialops protocol diff`: what a version changes, and which forms it decides otherwise."""

import json
from pathlib import Path

import pytest

from deploy import cli
from tests.unit.contracts.test_versions import amendment, file
from tests.unit.screening.test_trial import ELIGIBILITY, I2, REST

TAIL = """\
randomization: {design: permuted_block, block_sizes: [3, 6], target: 40}
notification:
  rules:
    - {id: one, on: SiteOpened, severity: info, call: [trial_manager], cause: site}
    - {id: two, on: SiteClosed, severity: info, call: [trial_manager], cause: site}
"""


def whole(head: str, *, age: int = 18, field: str = "", more: str = "") -> str:
    text = head + ELIGIBILITY.format(field=field, age=age, more=more) + TAIL
    return text.replace("strata:\n", f"strata:\n{REST}")


FIRST = whole(file())
SECOND = whole(
    amendment("2.0", "2026-05-01", '"701": not_approved'),
    age=16,
    field="    scan: {type: bool}\n",
    more=I2,
)
SECOND = SECOND.replace("ratio: {A: 1, B: 2}", "ratio: {A: 1, B: 1}").replace(
    "target: 40", "target: 44"
)
SECOND = SECOND.replace("title: One", "title: The one").replace(
    "    - {id: one, on: SiteOpened", "    - {id: one, on: SiteClosed"
)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    made = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for path, text in zip(made, (FIRST, SECOND), strict=True):
        path.write_text(text)
    return [str(path) for path in made]


def test_every_kind_of_change_is_said_in_words(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["protocol", "diff", *files]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "study.version: 1.0 -> 2.0",
        "study.approved_by: new: The committee",
        "study.approved_on: new: 2026-04-01",
        "amendment: new",
        "    + in_force_from: 2026-05-01",
        "    + sites: 701: not_approved",
        "    + summary: What changed",
        "arms.A.title: One -> The one",
        "stratum s1: ratio A 1 : B 2 -> ratio A 1 : B 1",
        "criterion I1: age is at least 18 -> age is at least 16",
        "criterion I2: new",
        "    + inclusion: A scan.",
        "    + scan: yes",
        "eligibility.fields.scan: new: type: bool",
        "randomization.target: 40 -> 44",
        "notification.rules.one.on: SiteOpened -> SiteClosed",
    ]
    assert cli.main(["protocol", "diff", *reversed(files)]) == 1
    assert "criterion I2: gone" in capsys.readouterr().out
    assert cli.main(["protocol", "diff", files[0], files[0]]) == 0
    assert capsys.readouterr().out == ""


def test_for_machines(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["protocol", "diff", "--json", *files])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"where": "randomization.target", "before": ["40"], "after": ["44"]} in told


def test_which_forms_are_decided_otherwise(
    files: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    forms = tmp_path / "forms.ndjson"
    told = [
        {"subject": "IT001-0001", "form": {"age": 17, "x": True}},
        {"subject": "IT001-0002", "form": {"age": 12}},
        {"subject": "IT001-0003", "form": {"age": 40, "x": False}},
        {"subject": "IT001-0004", "form": {"age": 40, "scan": True}},
        {"subject": "IT001-0005", "form": {"typo": 1}},
    ]
    lines = [json.dumps(one) for one in told]
    forms.write_text("\n".join([*lines[:3], "no form", *lines[3:]]) + "\n")
    code = cli.main(["protocol", "diff", *files, "--forms", str(forms), "--as-of", "2026-05-10"])
    out, err = capfdbinary.readouterr()
    assert code == 1
    found = {one["subject"]: one for one in map(json.loads, out.splitlines())}
    assert set(found) == {f"IT001-000{n}" for n in (1, 2, 3, 4)}
    assert found["IT001-0001"]["before"] == {
        "verdict": "ineligible",
        "stratum": "s1",
        "unmet": ["I1"],
        "unknown": [],
    }
    assert found["IT001-0001"]["after"]["verdict"] == "incomplete"
    assert found["IT001-0002"]["after"]["unknown"] == ["I2"]
    assert "errors" in found["IT001-0004"]["before"]
    summary = err.decode().splitlines()[-2:]
    assert summary[0].startswith("4 of 6 forms are decided otherwise; ")
    assert "1 eligible -> incomplete" in summary[0]
    assert summary[1] == "lines that are no form, and were passed over: 1"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("id: T1", "id: T2", "is of T1"),
        ("masking: none", "masking: double", "an amendment cannot change this: masking was none"),
        ("version:", "versoin:", "study.v"),
    ],
)
def test_wrong_use(
    files: list[str], capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    Path(files[1]).write_text(SECOND.replace(old, new, 1))
    assert cli.main(["protocol", "diff", *files]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("trialops: ")


def test_files_that_cannot_be_read(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["protocol", "diff", *files, "--forms", "/nowhere/x"]) == 2
    assert cli.main(["protocol", "diff", *files, "--forms", files[0], "--as-of", "May"]) == 2
    assert "is no day" in capsys.readouterr().err

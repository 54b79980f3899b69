"""Files that are no protocol: each is told in one line with file, line and place, and no more."""

from pathlib import Path

import pytest

from deploy.cli import main

FILE = Path(__file__).parents[2] / "protocols" / "NCT06339086.yaml"
GOOD = FILE.read_text()

RULE = "rule: {is_true: hiv_antibodies}"
HIV = "157: eligibility.criteria.12.rule"
AGE = "at_least: 18,"
LIMIT = "88: eligibility.criteria.1.rule.number.at_least"
SHARES = "ratio: {NEW: 2, OLD: 1}"
BOMB = "a: &a [x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"

#: What stands in the file in place of what, and the line that is told, without the file's name.
BROKEN: list[tuple[str, str, str]] = [
    (GOOD, "", "1: file: is empty"),
    (GOOD, "# nothing\n", "1: file: is empty"),
    (GOOD, "- a\n- b\n", "1: file: must hold the keys study, amendment, sites"),
    (GOOD, "hello\n", "1: file: must hold the keys study, amendment, sites"),
    (GOOD, BOMB + GOOD, "2: file: aliases are not used here"),
    (GOOD, "a: *b\n", "1: file: aliases are not used here"),
    (GOOD, "study: " + "[" * 20_000, "1: file: is nested too deeply"),
    (GOOD, GOOD + "\0", "240: file: is not YAML: a character stands here that no text has"),
    (GOOD, GOOD + "---\na: 1\n", "240: file: a second document begins here"),
    ('version: "1"', "version: !!python/name:os.system x", "5: file: tags are not used here"),
    ("    - id: I02\n", "\t- id: I02\n", "85: file: a tab stands here where only spaces may"),
    ("{is_true: hiv_antibodies}", "{is_true: hiv_antibodies", "158: file: is not YAML: did not"),
    ("model: parallel", "model: [parallel]", "8: study.model: must be text"),
    ("- {id: OLD, title: Comparator and metformin}", "- OLD", "20: arms.1: must be a map"),
    ("  masking: none\n", "", "3: study.masking: is missing"),
    ("masking: none", "masking: triple", "9: study.masking: must be 'none' or 'double'"),
    ("id: NCT06339086", "id: ../x", "4: study.id: must be written as ^[A-Za-z0-9]"),
    ("sites:\n  - {", "sites:\n  {", "16: file: is not YAML: did not find expected"),
    ("id: CN02", "id: CN01", "16: sites.1.id: CN01 is listed twice"),
    ("when: {number: {field: hba1c, at_most: 8.5 %}}", "when:", "25: strata.0.when: a stratum"),
    (SHARES, "ratio: {}", "26: strata.0.ratio: must not be empty"),
    (SHARES, "ratio: {NEW: two, OLD: 1}", "26: strata.0.ratio.NEW: must be a whole number"),
    (SHARES, "ratio: {NEW: 0, OLD: 1}", "26: strata.0.ratio.NEW: must be greater than or equal"),
    ("above: 8.5 %", "at_least: 8.5 %", "29: strata.1.when: overlap with low: hba1c 8.5 %"),
    ("above: 8.5 %", "above: 9 %", "22: strata: gap: hba1c 8.6 %"),
    ("unit: mg/d}", "unit: mg/day}", "43: eligibility.fields.metformin_dose: mg/day is not a unit"),
    ("text: Aged 18 to 75 years at consent.", 'text: ""', "87: eligibility.criteria.1.text: must"),
    (
        "category: inclusion",
        "category: inclusion\n      category: x",
        "80: eligibility.criteria.0: ",
    ),
    (RULE, "rule:", f"{HIV}: a rule is a map with one key"),
    (RULE, "rule: hiv_antibodies", f"{HIV}: a rule is a map with one key, one of all, any"),
    (RULE, "rule: {[a]: x}", f"{HIV}: a key must be text"),
    (RULE, "rule: {is_true: 5}", f"{HIV}.is_true: needs the name of a field"),
    (RULE, f"rule: {'{not: ' * 99}x{'}' * 99}", "157: file: is nested too deeply"),
    (AGE, f"at_least: {'1' * 5000},", f"{LIMIT}: has too many digits"),
    (AGE, "at_least: 1e999999999,", f"{LIMIT}: must be a whole number"),
    (AGE, "at_least: true,", f"{LIMIT}: must be a whole number"),
    (AGE, "at_least: 18 kg,", f"{LIMIT}: is compared with a whole number, which has no unit"),
    (AGE, "at_least: 76,", "88: eligibility.criteria.1.rule: keeps everybody out"),
    (
        "days: 14}",
        "days: 99999999999999999999}",
        "122: eligibility.criteria.6.rule.within.days: is ",
    ),
    ("months: 6}", "months: 12001}", "92: eligibility.criteria.2.rule.no_later_than.months: is"),
]


def told(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that is told of a file, without its name."""
    assert main(["protocol", "check", str(file)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    return line.removeprefix(f"{file}:")


@pytest.mark.parametrize(("old", "new", "line"), BROKEN)
def test_one_line_tells_what_is_broken(
    old: str, new: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in GOOD
    file = tmp_path / "t.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    assert told(file, capsys).startswith(line)


@pytest.mark.parametrize("new", ["agee", "age, at_least: 1"])
@pytest.mark.parametrize("command", [["explain", "--table"], ["explain"], ["diff", str(FILE)]])
def test_every_command_tells_the_same_line(
    new: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(GOOD.replace("field: age", f"field: {new}", 1))
    line = told(file, capsys)
    assert main(["protocol", *command, str(file)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"trialops: {file}:{line}\n")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (GOOD.replace("type 2", "type é", 1).encode("latin-1"), 1),
        (GOOD.encode("utf-16"), 1),
        (GOOD.replace("Age", "\xc4ge", 1).encode("latin-1"), 87),
    ],
)
def test_a_file_that_is_not_utf_8(
    raw: bytes, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(raw)
    assert told(file, capsys) == f"{line}: file: is not UTF-8 text"


@pytest.mark.parametrize("changed", [GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD])
def test_a_file_from_another_system_is_read(changed: str, tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(changed.encode())
    assert main(["protocol", "check", str(file)]) == 0


def test_what_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protocol", "check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"trialops: {tmp_path} is a folder: name its files\n"
    assert main(["protocol", "check", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == f"trialops: there is no file {tmp_path / 'none.yaml'}\n"
    for none in (tmp_path, tmp_path / "none.yaml"):
        assert main(["protocol", "explain", str(none)]) == 2
        assert capsys.readouterr().err.startswith(f"trialops: {none}:1: file: cannot be read (")


def test_lines_that_are_no_form_are_told_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, forms = tmp_path / "t.yaml", tmp_path / "f.ndjson"
    file.write_text(GOOD)
    form = b'{"subject": "CN01-0001", "form": {"age": 76}}\n'
    bad = [
        b"garbage\n",
        b"\n",
        b"[]\n",
        b"\xff\n",
        b'{"form": {}}\n',
        b'"' + b"x" * 60_000 + b'"\n',
    ]
    forms.write_bytes(form + b"".join(bad) + b"x\n" * 100 + form)
    assert main(["protocol", "diff", str(file), str(file), "--forms", str(forms)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[:6] == [
        f"{forms}:2: line: is not JSON (line 1, column 1)",
        f"{forms}:3: line: is empty",
        f"{forms}:4: line: must have subject and form",
        f"{forms}:5: line: is not UTF-8 text",
        f"{forms}:6: subject: is missing",
        f"{forms}:7: line: is longer than 48 KiB",
    ]
    assert lines[20:] == [
        "0 of 108 forms are decided otherwise",
        "lines that are no form, and were passed over: 106",
    ]

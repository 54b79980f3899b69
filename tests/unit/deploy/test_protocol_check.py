"""`trialops protocol check` and `explain`: every fault with its place, and words for people."""

import json
import re
from pathlib import Path

import pytest

from deploy.cli import main
from services.screening.eligibility import Eligibility
from shared.contracts import protocol_file

ROOT = Path(__file__).parents[3]
NCT = ROOT / "protocols" / "NCT06903312.yaml"
GOOD = [*(ROOT / "protocols").glob("*.yaml"), *(ROOT / "tests" / "protocols").glob("*.yaml")]

#: What is changed in the file, and what is said of it: place and reason.
FAULTS = {
    ("{field: age, at_least: 18}", "{field: agee, at_least: 18}"): (
        "eligibility.criteria.1.rule.number.field",
        "agee is not a field of the form; did you mean age?",
    ),
    ("{field: ecog, at_most: 1}", "{field: informed_consent_date, at_most: 1}"): (
        "eligibility.criteria.5.rule.number.field",
        "informed_consent_date is of another kind (date); int or number or quantity is needed",
    ),
    ("below: 2.5 mg/dL", "below: 2.5 cm"): (
        "eligibility.criteria.10.rule.all.0.number.below",
        "cannot be converted to mg/dL",
    ),
    ("      text: Evidence of primary renal cancer.\n", ""): (
        "eligibility.criteria.3.text",
        "is missing",
    ),
    ("words: [clear_cell]", "words: [clear_sell]"): (
        "eligibility.criteria.2.rule.one_of.words.0",
        "clear_sell is no choice of histology; did you mean clear_cell?",
    ),
    ("RT: 1, SOC: 1}", "RT: 0, SOC: 1}"): ("strata.0.ratio.RT", "must be greater than or equal"),
    ("carry: [soc_regimen]", "carry: [soc_regime]"): ("eligibility.carry.0", "soc_regime is not a"),
    ("time_zone: Europe/Rome", "time_zone: Europe/Roma"): (
        "sites.0.time_zone",
        "no such time zone",
    ),
    ("number: {field: infection_grade, above: 2}", "numbr: {field: infection_grade, above: 2}"): (
        "numbr",
        "unknown; the vocabulary is all, any",
    ),
}
#: Faults that show only in a file that is otherwise in order.
ALONE = {
    ("when: {number: {field: primary_tumour_size, at_most: 4 cm}}", "at_most", "below"): (
        "strata",
        "gap: primary_tumour_size 4 cm",
    ),
    ("when: {number: {field: primary_tumour_size, above: 4 cm}}", "above", "at_least"): (
        "strata.1.when",
        "overlap with le4: primary_tumour_size 4 cm",
    ),
    ("authorities: [EU-CTR]", "EU-CTR", "EUCTR"): ("safety.authorities.0", "EUCTR is not one of"),
    ("le4: [3, 6]", "[3, 6]", "[4, 6]"): ("randomization", ""),
    ("on: RandomizationClosed", "RandomizationClosed", "RandomizationClose"): ("notification", ""),
    ("RT: 1, SOC: 1}", "RT: 1, ", ""): ("arms.1", "RT is in no stratum's ratio"),
}


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def place_of(text: str, found: str) -> int:
    """The line of a piece of a text."""
    return text[: text.index(found)].count("\n") + 1


def test_the_protocols_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protocol", "check", *map(str, GOOD)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count(": no faults\n") == len(GOOD) >= 3


def test_every_fault_is_told_with_file_line_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = NCT.read_text()
    for old, new in FAULTS:
        text = changed(text, old, new)
    file = tmp_path / "t.yaml"
    file.write_text(text)
    assert main(["protocol", "check", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FAULTS)
    for (_, new), (place, reason) in FAULTS.items():
        number = place_of(text, new) if new else place_of(text, "- id: I04")
        (line,) = (
            line for line in lines if re.search(rf"{re.escape(place)}: {re.escape(reason)}", line)
        )
        assert line.startswith(f"{file}:{number}: ")
    numbers = [int(line.removeprefix(f"{file}:").split(":")[0]) for line in lines]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(("change", "told"), ALONE.items())
def test_what_only_a_service_would_find(
    change: tuple[str, str, str],
    told: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    context, old, new = change
    file = tmp_path / "t.yaml"
    file.write_text(changed(NCT.read_text(), context, changed(context, old, new)))
    assert main(["protocol", "check", str(NCT), str(file)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert re.match(rf"{re.escape(str(file))}:[0-9]+: {re.escape(told[0])}.*: {told[1]}", line)


def test_every_section_tells_all_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = NCT.read_text()
    for old, new in (
        ("on: RandomizationClosed", "on: RandomizationClose"),
        ("on: LogGapFound", "on: LogGap"),
        ("authorities: [EU-CTR]", "authorities: []"),
        ("reference_safety_information: []", "reference_safety_informations: []"),
    ):
        text = changed(text, old, new)
    file = tmp_path / "t.yaml"
    file.write_text(text)
    assert main(["protocol", "check", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    places = [re.sub(r"[0-9]+", "N", line.split(": ")[1]) for line in lines]
    assert sorted(places) == [
        "notification.rules.N.on",
        "notification.rules.N.on",
        "safety.authorities",
        "safety.reference_safety_information",
        "safety.reference_safety_informations",
    ]


def test_versions_are_checked_against_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "t.yaml"
    twin.write_text(NCT.read_text())
    assert main(["protocol", "check", str(NCT)]) == 0
    assert main(["protocol", "check", str(twin)]) == 0
    assert main(["protocol", "check", str(NCT), str(twin)]) == 1
    assert "study.id: NCT06903312 is also in" in capsys.readouterr().out


def test_an_empty_text_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        changed(NCT.read_text(), "text: Evidence of primary renal cancer.", 'text: " "')
    )
    assert main(["protocol", "check", str(file)]) == 1
    assert ": eligibility.criteria.3.text: must not be empty\n" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "explain"])
def test_a_file_that_is_not_there_is_wrong_use(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["protocol", verb, str(tmp_path / "x.yaml")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_explained_for_people(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protocol", "explain", "--table", str(file)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    for criterion in Eligibility.of(protocol_file.load(file)).criteria:
        assert f"\n{criterion.id} " in text


def test_explained_from_what_is_compiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text says one thing and the rule another: the words follow the rule."""
    file = tmp_path / "t.yaml"
    file.write_text(
        changed(NCT.read_text(), "{field: age, at_least: 18}", "{field: age, above: 18}")
    )
    assert main(["protocol", "explain", str(file)]) == 0
    said = capsys.readouterr().out
    assert "“Male or female patient ≥18 years of age.”\n        - age is above 18\n" in said
    assert "outside" not in said


def test_the_table_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protocol", "explain", "--table", "--json", str(NCT)]) == 0
    items = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_id = {one.get("id", one.get("stratum")): one for one in items}
    assert by_id["I02"]["says"] == ["age is at least 18"]
    assert [(row["where"], row["value"], row["outcome"]) for row in by_id["I02"]["table"]] == [
        ("outside", "17", False),
        ("on", "18", True),
        ("inside", "19", True),
    ]
    assert by_id["I11.1"]["table"][-2]["where"] == "on"
    assert by_id["I11.1"]["table"][-2]["value"].startswith("weight 24.00 kg")
    assert by_id["gt4"]["says"] == ["primary tumour size is above 4 cm"]

"""A protocol of quite another kind, written without a line of Python: NCT06339086."""

import io
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from services.screening.boundaries import Boundaries
from services.screening.eligibility import Decision, Eligibility
from services.screening.section import Section
from shared.contracts import protocol_file
from shared.contracts.jsontext import dumps
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import TODAY, Form, quantity

FILE = Path(__file__).parents[2] / "protocols" / "NCT06339086.yaml"
PROTOCOL = protocol_file.load(FILE)
CRITERIA = [one.id for one in Eligibility.of(PROTOCOL).criteria]


@cache
def trial() -> Eligibility:
    """Compiled when a test asks, so that no mutant of what compiles is hidden."""
    return Eligibility.of(PROTOCOL)


def good(**changes: Any) -> Form:
    """The form of a subject who may enter; None takes a field out."""
    form: Form = {
        "informed_consent_date": "2026-02-27",
        "consent_signed": True,
        "screening_date": "2026-02-28",
        "planned_treatment_start": "2026-03-10",
        "age": 60,
        "sex": "male",
        "diagnosis_date": "2020-05-01",
        "metformin_stable_since": "2025-06-01",
        "metformin_dose": quantity(2, "g/d"),
        "hba1c": quantity("8.5", "%"),
        "height": quantity(175, "cm"),
        "weight": quantity(85, "kg"),
        "weight_3_months_ago": quantity(86, "kg"),
        "weight_loss_drugs": False,
        "creatinine": quantity(80, "umol/L"),
        "calcitonin": quantity(4, "pg/mL"),
        "amylase": quantity(60, "U/L", 100),
        "lipase": quantity(50, "U/L", 60),
        "triglycerides": quantity(180, "mg/dL"),
        "alt": quantity(40, "U/L", 41),
        "ast": quantity(30, "U/L", 40),
        "bilirubin": quantity("0.6", "mg/dL", "1.2"),
        "hiv_antibodies": False,
        "other_antidiabetics": [],
        "calcium": quantity("2.4", "mmol/L"),
        "albumin": quantity("4.2", "g/dL"),
        "blood_pressure": {"systolic": 135, "diastolic": 80},
        "qt": quantity(400, "ms"),
        "heart_rate": quantity(70, "/min"),
        "cardiovascular_event_date": "none",
    }
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


def decide(**changes: Any) -> Decision:
    return trial().decide(SubjectId("CN01-0001"), good(**changes), TODAY)


def truth(criterion: str, **changes: Any) -> bool | None:
    return next(one.outcome for one in decide(**changes).criteria if one.id == criterion)


def test_who_may_enter() -> None:
    decision = decide()
    assert (decision.verdict, decision.stratum, decision.missing) == ("eligible", "low", ())
    assert decide(hba1c=quantity("8.51", "%")).stratum == "high"


def drug(**members: Any) -> list[Form]:
    return [{"class": "dpp4_inhibitor", **members}]


CASES: list[tuple[str, bool | None, dict[str, Any]]] = [
    ("I02", True, {"age": 75}),
    ("I02", False, {"age": 76}),
    ("I03", True, {"diagnosis_date": "2025-08-28"}),
    ("I03", False, {"diagnosis_date": "2025-08-29"}),
    ("I04", True, {"metformin_stable_since": "2025-12-30"}),
    ("I04", False, {"metformin_stable_since": "2025-12-31"}),
    ("I04", False, {"metformin_stable_since": "none"}),
    ("I04", None, {"metformin_dose": quantity(1499, "mg/d")}),
    ("I04", True, {"metformin_dose": quantity(1, "g/d"), "metformin_dose_tolerated": True}),
    ("I04", False, {"metformin_dose": quantity(999, "mg/d")}),
    ("I05", False, {"hba1c": quantity("7.0", "%")}),
    ("I05", True, {"hba1c": quantity("10.99", "%")}),
    ("I05", False, {"hba1c": quantity(52, "mmol/mol")}),
    ("I05", True, {"hba1c": quantity(53, "mmol/mol")}),
    ("I05", True, {"hba1c": quantity(96, "mmol/mol")}),
    ("I05", False, {"hba1c": quantity(97, "mmol/mol")}),  # 11.03 %
    ("I06", True, {"height": quantity(2, "m"), "weight": quantity(140, "kg")}),
    ("I06", False, {"height": quantity(2, "m"), "weight": quantity("140.001", "kg")}),
    ("I06", True, {"height": quantity(200, "cm"), "weight": quantity(74, "kg")}),
    ("I06", False, {"height": quantity(200, "cm"), "weight": quantity("73.999", "kg")}),
    ("I07", True, {"planned_treatment_start": "2026-03-14"}),
    ("I07", False, {"planned_treatment_start": "2026-03-15"}),
    ("I07", False, {"planned_treatment_start": "2026-02-27"}),
    ("E01.2", True, {"lipase": quantity(180, "U/L", 60)}),
    ("E01.2", True, {"lipase": quantity(180, "U/L", 60), "amylase": None}),
    ("E01.2", None, {"amylase": None}),
    ("E01.4", False, {"triglycerides": quantity("504.84", "mg/dL")}),
    ("E01.4", True, {"triglycerides": quantity("504.849", "mg/dL")}),
    ("E01.8", False, {"creatinine": quantity("1.31", "mg/dL")}),
    ("E01.8", True, {"creatinine": quantity("1.32", "mg/dL")}),
    ("E01.8", True, {"creatinine": quantity("1.32", "mg/dL"), "sex": None}),
    ("E01.8", None, {"creatinine": quantity("1.2", "mg/dL"), "sex": None}),
    ("E03", True, {"other_antidiabetics": drug(last_taken="2025-12-30")}),
    ("E03", False, {"other_antidiabetics": drug(last_taken="2025-12-29")}),
    ("E03", True, {"other_antidiabetics": drug(last_taken=None)}),
    ("E03", None, {"other_antidiabetics": drug()}),
    (
        "E03",
        False,
        {
            "other_antidiabetics": [
                {"class": "insulin", "last_taken": "2026-02-01", "days_taken": 7}
            ]
        },
    ),
    ("E05", False, {"weight": quantity("81.7", "kg")}),
    ("E05", True, {"weight": quantity("81.699", "kg")}),
    ("E05", False, {"weight": quantity("90300", "g")}),
    ("E05", True, {"weight": quantity("90300.01", "g")}),
    ("E05", None, {"weight_3_months_ago": None}),
    ("E05", True, {"weight_3_months_ago": None, "weight_loss_drugs": True}),
    ("E06", False, {"qt": quantity(450, "ms"), "heart_rate": quantity(60, "/min")}),
    ("E06", True, {"qt": quantity("450.0001", "ms"), "heart_rate": quantity(60, "/min")}),
    ("E06", False, {"qt": quantity(360, "ms"), "heart_rate": quantity("117.1875", "/min")}),
    ("E06", None, {"qt": quantity(460, "ms"), "heart_rate": quantity(60, "/min"), "sex": None}),
    ("E06", True, {"qt": quantity(471, "ms"), "heart_rate": quantity(60, "/min"), "sex": None}),
    ("E07", False, {"calcium": quantity("2.6", "mmol/L"), "albumin": quantity("32.5", "g/L")}),
    ("E07", True, {"calcium": quantity("2.6", "mmol/L"), "albumin": quantity("32.4999", "g/L")}),
    ("E08", True, {"blood_pressure": {"systolic": 160, "diastolic": 99}}),
    ("E09", True, {"cardiovascular_event_date": "2025-08-29"}),
    ("E09", False, {"cardiovascular_event_date": "2025-08-28"}),
    ("E10", False, {}),
    ("E10", None, {"sex": None}),
    ("E10", True, {"sex": "female", "pregnant": True}),
]


@pytest.mark.parametrize(("criterion", "outcome", "changes"), CASES)
def test_criterion(criterion: str, outcome: bool | None, changes: dict[str, Any]) -> None:
    assert truth(criterion, **changes) is outcome


def test_what_was_converted_is_evidence() -> None:
    outcomes = {one.id: one for one in decide().criteria}
    assert outcomes["E01.8"].evidence["creatinine"] == good()["creatinine"]
    assert outcomes["E07"].converted == {"albumin": quantity("42.0", "g/L")}
    assert outcomes["E01.5"].converted["bilirubin"] == quantity("10.2624", "umol/L", "20.5248")


def test_it_is_screened_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    forms = [good(), good(age=76), good(creatinine=None), good(hba1c=quantity(8, "kg"))]
    raw = b"".join(dumps({"subject": "CN01-0001", "form": form}) + b"\n" for form in forms)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    line = ["--trial", "NCT06339086", "--protocols", str(FILE.parent), "--as-of", str(TODAY)]
    assert main(["screen", *line]) == 1
    said = [json.loads(one) for one in capsysbinary.readouterr().out.splitlines()]
    assert [one.get("verdict") for one in said] == ["eligible", "ineligible", "incomplete", None]
    assert said[3]["errors"] == [{"loc": ["hba1c", "unit"], "msg": "cannot be converted to %"}]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_limit_is_shown_on_both_sides(criterion: str) -> None:
    """Each limit of the table lets the criterion come out both ways."""
    rows = Boundaries(PROTOCOL, Section.of(PROTOCOL)).of(criterion)
    for limit in {row.limit for row in rows}:
        beside = [row for row in rows if row.limit == limit]
        assert {row.outcome for row in beside} == {True, False}
        inside = {row.outcome for row in beside if row.where == "inside"}
        assert len(inside) == 1
        assert {row.outcome for row in beside if row.where == "outside"} == {not inside.pop()}

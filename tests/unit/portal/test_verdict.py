"""Screening's verdict in words: what stands in the way first, each with its values."""

import json
from typing import Any

import pytest

from services.portal.questions import Dictionary
from services.portal.shown import shown
from services.portal.verdict import Verdict, known, verdict
from shared.contracts import jsontext
from tests.unit.portal.made import NCT, PILOT, exact
from tests.unit.screening import forms as screening

Form = dict[str, Any]


def answered(dictionary: Dictionary, form: Form) -> tuple[Verdict, Form]:
    """The verdict on a form as HTTP carries it."""
    eligibility = screening.NCT if dictionary is NCT else screening.PILOT
    decision = eligibility.decide(screening.SUBJECT, form, screening.TODAY)
    answer: Any = jsontext.loads(jsontext.dumps(decision.answer()))
    return verdict(dictionary, answer), answer


def test_an_eligible_form_has_every_criterion_passed_with_its_values() -> None:
    found, answer = answered(NCT, screening.good())
    assert (found.verdict, found.words, found.tone) == ("eligible", "Eligible", "good")
    assert {row.state for row in found.rows} == {"passed"}
    assert {row.words for row in found.rows if row.category == "exclusion"} == {"does not apply"}
    clearance = next(row for row in found.rows if row.id == "I11.1")
    assert ("creatinine", "Creatinine", "1.1 mg/dL") in clearance.values
    assert known(answer)["creatinine"] == exact(screening.good())["creatinine"]


def test_what_stands_in_the_way_comes_first_and_what_would_settle_the_rest_is_named() -> None:
    form = screening.good(haemoglobin=screening.quantity(80, "g/L"), ecog=None, hiv=True)
    found, _ = answered(NCT, form)
    assert found.words == "Not eligible: 2 criteria in the way"
    assert [state for state, _ in found.groups] == ["against", "open", "passed"]
    rows = {row.id: row for row in found.rows}
    assert (rows["I11.5"].words, rows["E10"].words, rows["I06"].words) == (
        "not met",
        "applies",
        "open",
    )
    assert ("haemoglobin", "Haemoglobin", "80 g/L = 8 g/dL") in rows["I11.5"].values
    assert rows["I06"].missing == (("ecog", "ECOG performance status"),)


def test_an_open_stratum_alone_is_said() -> None:
    found, _ = answered(NCT, screening.good(primary_tumour_size=...))
    assert found.words == "Not decided: the stratum is open"
    assert found.missing == (("primary_tumour_size", "Primary tumour size"),)


def test_what_was_attested_is_shown_of_its_own_criterion_alone() -> None:
    found, _ = answered(PILOT, {"attested": {"EXCL19": "met", "INCL05": "not_met"}})
    rows = {row.id: row for row in found.rows}
    assert rows["EXCL19"].values == (("attested", "Attested", "applies"),)
    assert (rows["EXCL19"].words, rows["INCL05"].words) == ("applies", "not met")
    assert rows["INCL05"].values == (("attested", "Attested", "not met"),)
    assert rows["EXCL20"].values == ()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("consent_signed", True, "yes"),
        ("sex", None, "not known"),
        ("alt", {"value": 62, "unit": "U/L", "uln": 40}, "62 U/L (ULN 40)"),
        ("inr", {"value": "1.10", "unit": "1", "uln": "1.2"}, "1.10 (ULN 1.2)"),
        (
            "blood_pressure",
            {"systolic": 130, "diastolic": 80},
            "systolic 130 mmHg, diastolic 80 mmHg",
        ),
        ("last_major_surgery_date", "none", "none"),
        ("soc_start_date", "2025-07-15", "2025-07-15"),
        ("histology", "clear_cell", "clear cell"),
        ("discontinued_agents", [], "none"),
        ("discontinued_agents", ["axitinib", "x_1"], "axitinib; x_1"),
        (
            "other_cancers",
            [{"kind": "prostate_pt2", "last_active": None, "curatively_treated": False}],
            "prostate pT2, last active still active, curatively treated no",
        ),
    ],
)
def test_a_value_is_shown_as_it_was_given(name: str, value: object, text: str) -> None:
    assert shown(NCT.field(name), jsontext.loads(json.dumps(value))) == text

"""The form is read strictly: every error has its place, all are found, nothing is echoed."""

from decimal import Decimal
from typing import Any

import pytest

from services.screening.form import FormErrors
from shared.contracts import jsontext
from tests.unit.screening.forms import decide, good, quantity

q = quantity
Loc = tuple[str | int, ...]

BAD: list[tuple[str, Any, Loc]] = [
    ("consent_signed", 1, ("consent_signed",)),
    ("consent_signed", "true", ("consent_signed",)),
    ("consent_signed", [], ("consent_signed",)),
    ("age", True, ("age",)),
    ("age", "18", ("age",)),
    ("age", Decimal("18.0"), ("age",)),
    ("age", -1, ("age",)),
    ("age", 10**15 + 1, ("age",)),
    ("age", 10**4000, ("age",)),
    ("ecog", 6, ("ecog",)),
    ("nyha_class", 5, ("nyha_class",)),
    ("infection_grade", 6, ("infection_grade",)),
    ("infection_grade", -1, ("infection_grade",)),
    ("sex", "Female", ("sex",)),
    ("sex", True, ("sex",)),
    ("sex", ["female"], ("sex",)),
    ("labs_date", "2026-3-1", ("labs_date",)),
    ("labs_date", "20260301", ("labs_date",)),
    ("labs_date", "2026-W10-1", ("labs_date",)),
    ("labs_date", "2026-02-29", ("labs_date",)),
    ("labs_date", "0000-01-01", ("labs_date",)),
    ("labs_date", "2026-03-01T00:00:00Z", ("labs_date",)),
    ("labs_date", "2026-03-01\n", ("labs_date",)),
    ("labs_date", "٢٠٢٦-٠٣-٠١", ("labs_date",)),
    ("labs_date", 20260301, ("labs_date",)),
    ("labs_date", "none", ("labs_date",)),
    ("labs_date", "", ("labs_date",)),
    ("last_major_surgery_date", "None", ("last_major_surgery_date",)),
    ("last_major_surgery_date", "never", ("last_major_surgery_date",)),
    ("weight", 70, ("weight",)),
    ("weight", None, ()),
    ("weight", {}, ("weight", "value")),
    ("weight", {"value": 70}, ("weight", "unit")),
    ("weight", {"unit": "kg"}, ("weight", "value")),
    ("weight", q(0, "kg"), ("weight", "value")),
    ("weight", q("-0.0", "kg"), ("weight", "value")),
    ("weight", q(-1, "kg"), ("weight", "value")),
    ("weight", {"value": "70", "unit": "kg"}, ("weight", "value")),
    ("weight", {"value": True, "unit": "kg"}, ("weight", "value")),
    ("weight", {"value": None, "unit": "kg"}, ("weight", "value")),
    ("weight", {"value": Decimal("NaN"), "unit": "kg"}, ("weight", "value")),
    ("weight", q("1e400", "kg"), ("weight", "value")),
    ("weight", q("1e-400000000", "kg"), ("weight", "value")),
    ("weight", q("0." + "1" * 2000, "kg"), ("weight", "value")),
    ("weight", q("1000000000000000.01", "kg"), ("weight", "value")),
    ("weight", {"value": 70, "unit": "kg", "uln": 80}, ("weight", "uln")),
    ("weight", {"value": 70, "unit": "kg", "note": None}, ("weight", "note")),
    ("weight", {"value": 70, "unit": 5}, ("weight", "unit")),
    ("weight", {"value": 70, "unit": None}, ("weight", "unit")),
    ("weight", q(70, "kilo"), ("weight", "unit")),
    ("weight", q(70, "cm"), ("weight", "unit")),
    ("weight", q(70, ""), ("weight", "unit")),
    ("weight", q(70, "kg" * 5000), ("weight", "unit")),
    ("weight", q(70, "10*99999/kg"), ("weight", "unit")),
    ("creatinine", q(1, "U/L"), ("creatinine", "unit")),
    ("life_expectancy", q(1, "Cel"), ("life_expectancy", "unit")),
    ("alt", {"value": 40, "unit": "U/L"}, ("alt", "uln")),
    ("alt", q(40, "U/L", 0), ("alt", "uln")),
    ("alt", {"value": 40, "unit": "U/L", "uln": None}, ("alt", "uln")),
    ("alt", q(40, "[IU]/L", 40), ("alt", "unit")),
    ("blood_pressure", {"systolic": 120}, ("blood_pressure", "diastolic")),
    ("blood_pressure", {"systolic": 120, "diastolic": None}, ("blood_pressure", "diastolic")),
    ("blood_pressure", {"systolic": "120", "diastolic": 80}, ("blood_pressure", "systolic")),
    (
        "blood_pressure",
        {"systolic": 120, "diastolic": 80, "pulse": None},
        ("blood_pressure", "pulse"),
    ),
    ("blood_pressure", "120/80", ("blood_pressure",)),
    ("discontinued_agents", "axitinib", ("discontinued_agents",)),
    ("discontinued_agents", {}, ("discontinued_agents",)),
    ("discontinued_agents", ["axitinib", None], ("discontinued_agents", 1)),
    ("discontinued_agents", [""], ("discontinued_agents", 0)),
    ("discontinued_agents", ["Axitinib"], ("discontinued_agents", 0)),
    ("discontinued_agents", [" axitinib"], ("discontinued_agents", 0)),
    ("antiarrhythmics", [1], ("antiarrhythmics", 0)),
    ("other_cancers", {}, ("other_cancers",)),
    ("other_cancers", [None], ("other_cancers", 0)),
    ("other_cancers", [{"kind": "lung"}], ("other_cancers", 0, "kind")),
    ("other_cancers", [{"kind": "other", "stage": None}], ("other_cancers", 0, "stage")),
    ("other_cancers", [{}, {"psa": {"value": 1}}], ("other_cancers", 1, "psa", "unit")),
    ("other_cancers", [{"last_active": "none"}], ("other_cancers", 0, "last_active")),
    (
        "other_cancers",
        [{"last_active": None, "curatively_treated": True}],
        ("other_cancers", 0, "last_active"),
    ),
    ("shoe_size", 43, ("shoe_size",)),
    ("shoe_size", None, ("shoe_size",)),
    ("today", "2026-01-01", ("today",)),
    ("item.kind", "other", ("item.kind",)),
    ("blood_pressure.systolic", 120, ("blood_pressure.systolic",)),
]


@pytest.mark.parametrize(("field", "value", "loc"), BAD)
def test_bad_values_have_their_place(field: str, value: Any, loc: Loc) -> None:
    if not loc:
        assert decide(good(**{field: value})).verdict == "incomplete"
        return
    with pytest.raises(FormErrors) as caught:
        decide({**good(), field: value})
    assert caught.value.errors[0][0] == loc
    for _, message in caught.value.errors:
        assert 0 < len(message) < 160
        assert str(value) not in message or value in (0, 1, 5, "", "none", "true")


def test_all_errors_are_found_at_once() -> None:
    with pytest.raises(FormErrors) as caught:
        decide({name: object() for name in good()})
    assert {loc[0] for loc, _ in caught.value.errors} == set(good())
    with pytest.raises(FormErrors) as caught:
        decide({"alt": {"value": -1, "unit": "kg", "uln": 0, "x": 1}, "age": None, "no": 1})
    assert {loc for loc, _ in caught.value.errors} == {
        ("alt", "x"),
        ("alt", "value"),
        ("alt", "unit"),
        ("alt", "uln"),
        ("no",),
    }


def test_odd_but_right_values_are_taken() -> None:
    right = good(
        age=18,
        informed_consent_date="0001-01-01",
        planned_treatment_start="9999-12-31",
        weight=q("1e2", "kg"),
        alt=q(0, "U/L", "0.00000000000000000000000000000000000001"),
        life_expectancy=q(10**15, "mo"),
        myocardial_infarction_date="0001-01-01",
        other_cancers=[{}, {"kind": None, "last_active": None, "psa": None}],
        blood_pressure={"systolic": Decimal("120.5"), "diastolic": 0},
        discontinued_agents=["interferon alfa-2b"],
    )
    assert decide(right).verdict in ("ineligible", "incomplete", "eligible")
    assert decide({}).verdict == "incomplete"
    assert decide(dict.fromkeys(good())).verdict == "incomplete"


def test_evidence_is_what_was_submitted() -> None:
    form = jsontext.loads(
        b'{"creatinine":{"unit":"umol/L","value":97.2620},"age":61,"weight":{"value":70.50,'
        b'"unit":"kg"},"bilirubin":{"value":20,"unit":"umol/L","uln":17.104},"sex":null}'
    )
    assert isinstance(form, dict)
    decision = decide(form)
    renal = next(one for one in decision.criteria if one.id == "I11.1")
    assert renal.evidence == {
        "age": 61,
        "weight": form["weight"],
        "creatinine": form["creatinine"],
    }
    assert jsontext.dumps(renal.evidence).count(b"97.2620") == 1
    assert renal.converted == {"creatinine": {"value": Decimal("1.1"), "unit": "mg/dL"}}
    assert renal.outcome is True
    assert renal.missing == ()
    liver = next(one for one in decision.criteria if one.id == "I11.2")
    assert liver.converted == {
        "bilirubin": {
            "value": Decimal("1.169317118802619270346117867"),
            "unit": "mg/dL",
            "uln": Decimal(1),
        }
    }


def test_evidence_of_every_criterion_is_every_known_field_that_it_reads() -> None:
    form = good(other_cancers=[{"kind": "prostate_pt2", "psa": q("9", "ng/L")}], sex=None)
    decision = decide(form)
    for one in decision.criteria:
        assert one.evidence == {name: form[name] for name in one.evidence}
        assert not set(one.missing) & {name for name in one.evidence if name != "other_cancers"}
    cancer = next(one for one in decision.criteria if one.id == "E05")
    assert set(cancer.evidence) == {"other_cancers", "informed_consent_date"}
    assert cancer.missing == ("other_cancers",)
    assert cancer.converted == {
        "other_cancers": [
            {
                "kind": "prostate_pt2",
                "psa": {"value": Decimal("0.009"), "unit": "ng/mL"},
            }
        ]
    }
    shown = {name for one in decision.criteria for name in one.evidence}
    unread = {"primary_tumour_size"}
    assert shown == {name for name, value in form.items() if value is not None} - unread


MISSING: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("I01", {"informed_consent_date": None}, ("informed_consent_date",)),
    ("I01", {"informed_consent_date": None, "consent_signed": False}, ()),
    ("I10", {"sex": "male", "contraception_agreed": None, "childbearing_potential": None},
     ("contraception_agreed",)),
    ("I10", {"contraception_agreed": None, "childbearing_potential": None},
     ("childbearing_potential", "contraception_agreed")),
    ("I10", {"contraception_agreed": None}, ("contraception_agreed",)),
    ("I11.1", {"creatinine": q(3, "mg/dL"), "weight": None, "sex": None}, ()),
    ("I11.1", {"weight": None, "sex": None}, ("sex", "weight")),
    ("I11.1", {"sex": None}, ()),
    ("I11.3", {"alt": None}, ("alt",)),
    ("I11.3", {"alt": None, "liver_involvement": None}, ("liver_involvement", "alt")),
    ("I11.3", {"alt": None, "ast": q(300, "U/L", 40), "liver_involvement": None}, ()),
    ("I11.3", {"alt": q(90, "U/L", 40), "liver_involvement": None}, ("liver_involvement",)),
    ("I11.4", {"inr": None}, ("inr",)),
    ("I11.4", {"inr": None, "on_anticoagulant": None}, ("inr", "on_anticoagulant")),
    ("I11.4", {"inr": None, "on_anticoagulant": None, "coagulation_abnormality": True}, ("inr",)),
    ("E04", {"discontinued_agents": None, "soc_regimen": None},
     ("soc_regimen", "discontinued_agents")),
    ("E04", {"discontinued_agents": None}, ("discontinued_agents",)),
    ("E05", {"other_cancers": None, "informed_consent_date": None},
     ("informed_consent_date", "other_cancers")),
    ("E05", {"other_cancers": [{"kind": "other", "last_active": "2020-01-01"}],
             "informed_consent_date": None}, ("informed_consent_date",)),
    ("E07", {"sex": None, "pregnant": True}, ("sex",)),
    ("E07", {"sex": None, "pregnant": None}, ("sex", "pregnant")),
    ("E07", {"sex": None, "pregnant": None, "pregnancy_test_result": "positive"}, ("sex",)),
    ("E07", {"childbearing_potential": None, "pregnancy_test_date": None},
     ("childbearing_potential", "pregnancy_test_date")),
    ("E08.2", {"angina_onset_date": None, "planned_treatment_start": None},
     ("planned_treatment_start", "angina_onset_date")),
    ("E08.2", {"planned_treatment_start": None}, ()),
    ("E10", {"hiv": None, "chronic_hepatitis_c": True}, ()),
    ("E13", {"brain_metastases": None}, ("brain_metastases",)),
    ("E13", {"brain_metastases": "symptomatic"},
     ("brain_definitive_therapy_date", "brain_negative_imaging_date", "brain_clinically_stable")),
    ("E13", {"brain_metastases": "symptomatic", "steroids": "acute"}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("criterion", "changes", "missing"), MISSING)
def test_missing(criterion: str, changes: dict[str, Any], missing: tuple[str, ...]) -> None:
    found = next(one for one in decide(good(**changes)).criteria if one.id == criterion)
    if criterion == "E13" and changes == {"brain_metastases": None}:
        assert set(missing) < set(found.missing)
        return
    assert set(found.missing) == set(missing)
    assert (found.outcome is None) == bool(missing)


def test_the_verdict_asks_for_what_settles_it() -> None:
    assert decide(good()).missing == ()
    unsized = decide(good(primary_tumour_size=None))
    assert (unsized.verdict, unsized.stratum) == ("incomplete", None)
    assert unsized.missing == ("primary_tumour_size",)
    assert decide(good(primary_tumour_size=None, ecog=3)).verdict == "ineligible"
    assert decide(good(primary_tumour_size=None, ecog=3)).missing == ()
    assert decide(good(ecog=None, age=None)).missing == ("age", "ecog")


def test_what_leaves_with_the_event() -> None:
    assert decide(good()).carry == {"soc_regimen": "cabozantinib_nivolumab"}
    assert decide({}).carry == {"soc_regimen": None}

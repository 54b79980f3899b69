"""Each criterion of NCT06903312 on both sides of each of its boundaries, and on it."""

from typing import Any

import pytest

from tests.unit.screening.forms import decide, good, outcome, quantity

q = quantity
NONE: dict[str, Any] = {}

# (criterion, its truth, what is changed in the form of an eligible subject)
CASES: list[tuple[str, bool | None, dict[str, Any]]] = [
    # I01, today is 2026-03-02
    ("I01", True, {"informed_consent_date": "2026-03-02"}),
    ("I01", False, {"informed_consent_date": "2026-03-03"}),
    ("I01", False, {"consent_signed": False}),
    ("I01", False, {"consent_signed": False, "informed_consent_date": ...}),
    ("I01", False, {"consent_signed": ..., "informed_consent_date": "2026-03-03"}),
    ("I01", None, {"informed_consent_date": None}),
    # I02 to I06
    ("I02", False, {"age": 17}),
    ("I02", True, {"age": 18}),
    ("I03", False, {"histology": "other"}),
    ("I04", False, {"primary_tumour_present": False}),
    ("I05", True, {"metastatic_disease": "non_measurable"}),
    ("I05", False, {"metastatic_disease": "none"}),
    ("I06", True, {"ecog": 0}),
    ("I06", False, {"ecog": 2}),
    # I07: a month is UCUM's, 30.4375 days
    ("I07", True, {"life_expectancy": q(9, "mo")}),
    ("I07", False, {"life_expectancy": q("8.99999999999999999999999999", "mo")}),
    ("I07", True, {"life_expectancy": q("0.75", "a")}),
    ("I07", False, {"life_expectancy": q(39, "wk")}),
    ("I07", True, {"life_expectancy": q("39.5", "wk")}),
    ("I07", True, {"life_expectancy": q("273.9375", "d")}),
    ("I07", False, {"life_expectancy": q("273.9374", "d")}),
    # I08: consent is on 2026-03-01
    ("I08", True, {"soc_start_date": "2025-09-14"}),  # 168 days
    ("I08", False, {"soc_start_date": "2025-09-15"}),
    ("I08", True, {"soc_start_date": "2025-03-02"}),  # 364 days
    ("I08", False, {"soc_start_date": "2025-03-01"}),
    ("I08", False, {"soc_start_date": "2026-03-02"}),
    ("I08", False, {"soc_regimen": "other"}),
    ("I08", True, {"soc_regimen": "nivolumab_after_ipilimumab_nivolumab"}),
    ("I08", False, {"progressive_disease": True}),
    ("I09", False, {"can_continue_soc": False}),
    # I10
    ("I10", False, {"contraception_agreed": False}),
    ("I10", True, {"contraception_agreed": False, "childbearing_potential": False}),
    ("I10", False, {"contraception_agreed": False, "sex": "male"}),
    (
        "I10",
        False,
        {"contraception_agreed": False, "sex": "male", "childbearing_potential": False},
    ),
    ("I10", True, {"contraception_agreed": None, "childbearing_potential": False}),
    ("I10", None, {"contraception_agreed": False, "sex": None, "childbearing_potential": False}),
    ("I10", False, {"contraception_agreed": False, "sex": None, "childbearing_potential": True}),
    # I11.1: creatinine
    ("I11.1", False, {"creatinine": q("2.5", "mg/dL"), "weight": q(150, "kg")}),
    ("I11.1", True, {"creatinine": q("2.49999999999999999999", "mg/dL"), "weight": q(150, "kg")}),
    ("I11.1", False, {"creatinine": q("2.5", "mg/dL"), "weight": None}),
    ("I11.1", False, {"creatinine": q("221.05", "umol/L"), "weight": q(150, "kg")}),
    ("I11.1", True, {"creatinine": q("221.04", "umol/L"), "weight": q(150, "kg")}),
    # (140 - 60) x 54 / (72 x 2) = 30
    (
        "I11.1",
        False,
        {"sex": "male", "age": 60, "weight": q(54, "kg"), "creatinine": q(2, "mg/dL")},
    ),
    (
        "I11.1",
        True,
        {"sex": "male", "age": 60, "weight": q("54.0000001", "kg"), "creatinine": q(2, "mg/dL")},
    ),
    # the same by the other unit: 2 mg/dL = 176.84 umol/L, 54 kg = 54000 g
    (
        "I11.1",
        False,
        {"sex": "male", "age": 60, "weight": q(54000, "g"), "creatinine": q("176.84", "umol/L")},
    ),
    (
        "I11.1",
        True,
        {"sex": "male", "age": 60, "weight": q(54, "kg"), "creatinine": q("176.839", "umol/L")},
    ),
    # x 0.85 for women: (140 - 40) x 72 / (72 x 2) x 0.85 = 42.5; at 50.8235... kg it is 30
    (
        "I11.1",
        False,
        {"age": 55, "weight": q(60, "kg"), "creatinine": q("2.125", "mg/dL"), "sex": "female"},
    ),
    (
        "I11.1",
        False,
        {"age": 50, "weight": q(48, "kg"), "creatinine": q("1.7", "mg/dL"), "sex": "female"},
    ),
    (
        "I11.1",
        True,
        {"age": 50, "weight": q(48, "kg"), "creatinine": q("1.699", "mg/dL"), "sex": "female"},
    ),
    (
        "I11.1",
        True,
        {"age": 50, "weight": q(48, "kg"), "creatinine": q("1.7", "mg/dL"), "sex": "male"},
    ),
    # the sex unknown: both agree, or not
    (
        "I11.1",
        None,
        {"age": 50, "weight": q(48, "kg"), "creatinine": q("1.7", "mg/dL"), "sex": None},
    ),
    ("I11.1", True, {"sex": None}),
    ("I11.1", False, {"sex": None, "weight": q(30, "kg"), "creatinine": q("2.4", "mg/dL")}),
    ("I11.1", False, {"age": 140}),
    ("I11.1", False, {"age": 150}),
    # I11.2: 1.8 is 1.5 x 1.2
    ("I11.2", True, {"bilirubin": q("1.8", "mg/dL", "1.2")}),
    ("I11.2", False, {"bilirubin": q("1.80000000000000000000000000000001", "mg/dL", "1.2")}),
    ("I11.2", True, {"bilirubin": q("30.6", "umol/L", "20.4")}),
    ("I11.2", False, {"bilirubin": q("30.7", "umol/L", "20.4")}),
    ("I11.2", True, {"bilirubin": q("0.3", "mg/dL", "0.2")}),  # 0.2 * 1.5 is above 0.3 in floats
    # I11.3
    ("I11.3", True, {"alt": q(80, "U/L", 40)}),
    ("I11.3", False, {"alt": q("80.1", "U/L", 40)}),
    ("I11.3", True, {"alt": q("80.1", "U/L", 40), "liver_involvement": True}),
    ("I11.3", True, {"alt": q(200, "U/L", 40), "liver_involvement": True}),
    ("I11.3", False, {"alt": q("200.1", "U/L", 40), "liver_involvement": True}),
    ("I11.3", True, {"alt": q(80, "U/L", 40), "liver_involvement": None}),
    ("I11.3", None, {"alt": q("80.1", "U/L", 40), "liver_involvement": None}),
    ("I11.3", False, {"alt": q("200.1", "U/L", 40), "liver_involvement": None}),
    ("I11.3", False, {"ast": q(81, "U/L", 40)}),
    ("I11.3", True, {"ast": q(62, "U/L", 31)}),
    ("I11.3", False, {"ast": q("200.1", "U/L", 40), "liver_involvement": True}),
    ("I11.3", False, {"ast": q("200.1", "U/L", 40), "alt": None}),
    # I11.4
    ("I11.4", True, {"inr": q("1.8", "1", "1.2")}),
    ("I11.4", False, {"inr": q("1.81", "1", "1.2")}),
    ("I11.4", True, {"ptt": q("52.5", "s", 35)}),
    ("I11.4", False, {"ptt": q("52.6", "s", 35)}),
    ("I11.4", True, {"inr": q(3, "1", "1.2"), "on_anticoagulant": True}),
    (
        "I11.4",
        False,
        {"inr": q(3, "1", "1.2"), "on_anticoagulant": True, "coagulation_abnormality": True},
    ),
    ("I11.4", None, {"inr": q(3, "1", "1.2"), "on_anticoagulant": None}),
    ("I11.4", True, {"inr": None, "on_anticoagulant": True}),
    ("I11.4", True, {"coagulation_abnormality": True, "on_anticoagulant": True}),
    # I11.5
    ("I11.5", True, {"platelets": q(100000, "/mm3")}),
    ("I11.5", False, {"platelets": q("99999.9", "/mm3")}),
    ("I11.5", True, {"platelets": q(100, "10*9/L")}),
    ("I11.5", False, {"platelets": q("99.9", "10*3/uL")}),
    ("I11.5", False, {"haemoglobin": q(9, "g/dL")}),
    ("I11.5", True, {"haemoglobin": q("9.0001", "g/dL")}),
    ("I11.5", False, {"haemoglobin": q(90, "g/L")}),
    ("I11.5", True, {"haemoglobin": q("90.1", "g/L")}),
    ("I11.5", False, {"haemoglobin": q("5.585", "mmol/L")}),  # 8.99967 g/dL
    ("I11.5", True, {"haemoglobin": q("5.586", "mmol/L")}),
    ("I11.5", False, {"neutrophils": q(1500, "/mm3")}),
    ("I11.5", True, {"neutrophils": q(1501, "/mm3")}),
    ("I11.5", False, {"neutrophils": q("1.5", "10*9/L")}),
    # I11.6
    ("I11.6", True, {"alp": q(300, "U/L", 120)}),
    ("I11.6", False, {"alp": q("300.5", "U/L", 120)}),
    ("I11.6", True, {"alp": q(600, "U/L", 120), "liver_involvement": True}),
    ("I11.6", False, {"alp": q("600.5", "U/L", 120), "liver_involvement": True}),
    ("I11.6", None, {"alp": q(600, "U/L", 120), "liver_involvement": None}),
    # I11.7: treatment is planned for 2026-03-31
    ("I11.7", True, {"labs_date": "2026-03-31"}),
    ("I11.7", True, {"labs_date": "2026-03-24"}),
    ("I11.7", False, {"labs_date": "2026-03-23"}),
    ("I11.7", False, {"labs_date": "2026-04-01"}),
    ("E01", False, {"prior_treatments": 1}),
    ("E01", False, {"prior_treatments": 0}),
    ("E01", True, {"prior_treatments": 2}),
    ("E02", True, {"solitary_kidney": True}),
    ("E03", True, {"local_therapy_contraindicated": True}),
    # E04
    ("E04", False, {"discontinued_agents": []}),
    ("E04", True, {"discontinued_agents": ["cabozantinib"]}),
    ("E04", True, {"discontinued_agents": ["ipilimumab"]}),
    (
        "E04",
        False,
        {
            "discontinued_agents": ["ipilimumab"],
            "soc_regimen": "nivolumab_after_ipilimumab_nivolumab",
        },
    ),
    (
        "E04",
        True,
        {
            "discontinued_agents": ["ipilimumab", "nivolumab"],
            "soc_regimen": "nivolumab_after_ipilimumab_nivolumab",
        },
    ),
    ("E04", None, {"discontinued_agents": ["ipilimumab"], "soc_regimen": None}),
    ("E04", True, {"discontinued_agents": ["ipilimumab", "axitinib"], "soc_regimen": None}),
    ("E04", False, {"discontinued_agents": [], "soc_regimen": None}),
    # E06: 28 days before 2026-03-01 is 2026-02-01
    ("E06", True, {"last_major_surgery_date": "2026-02-01"}),
    ("E06", False, {"last_major_surgery_date": "2026-01-31"}),
    ("E06", True, {"last_major_surgery_date": "2026-03-01"}),
    ("E06", False, {"last_major_surgery_date": "2026-03-02"}),
    ("E06", False, {"last_major_surgery_date": "none", "informed_consent_date": None}),
    ("E06", None, {"last_major_surgery_date": "2020-01-01", "informed_consent_date": None}),
    # E07
    ("E07", True, {"pregnant": True}),
    ("E07", True, {"breastfeeding": True}),
    ("E07", True, {"pregnancy_test_result": "positive"}),
    ("E07", True, {"pregnancy_test_date": "2026-03-23"}),
    ("E07", False, {"pregnancy_test_date": "2026-03-24"}),
    ("E07", False, {"pregnancy_test_date": "2026-03-31"}),
    ("E07", True, {"pregnancy_test_date": "2026-04-01"}),
    ("E07", None, {"pregnancy_test_date": None}),
    ("E07", True, {"pregnancy_test_date": None, "pregnancy_test_result": "positive"}),
    ("E07", False, {"childbearing_potential": False, "pregnancy_test_date": None}),
    ("E07", None, {"childbearing_potential": None, "pregnancy_test_date": "2026-01-01"}),
    ("E07", False, {"childbearing_potential": None}),
    ("E07", False, {"sex": "male", "pregnant": True}),
    ("E07", False, {"sex": "male", "pregnant": None, "pregnancy_test_result": None}),
    ("E07", None, {"sex": None, "pregnant": True}),
    ("E07", False, {"sex": None}),
    # E08
    ("E08.1", False, {"nyha_class": 2}),
    ("E08.1", True, {"nyha_class": 3}),
    ("E08.2", True, {"unstable_angina": True}),
    ("E08.2", True, {"angina_onset_date": "2025-12-31"}),
    ("E08.2", False, {"angina_onset_date": "2025-12-30"}),
    ("E08.2", False, {"angina_onset_date": "2026-04-01"}),
    ("E08.2", True, {"myocardial_infarction_date": "2025-10-01"}),
    ("E08.2", False, {"myocardial_infarction_date": "2025-09-30"}),
    ("E08.2", True, {"myocardial_infarction_date": "2026-03-31"}),
    ("E08.2", False, {"myocardial_infarction_date": "2026-04-01"}),
    # months come off the reference day: 2025-08-31 less 6 months is 2025-02-28
    (
        "E08.2",
        False,
        {"planned_treatment_start": "2025-08-31", "myocardial_infarction_date": "2025-02-28"},
    ),
    (
        "E08.2",
        True,
        {"planned_treatment_start": "2025-08-31", "myocardial_infarction_date": "2025-03-01"},
    ),
    # 2024-05-31 less 3 months is 2024-02-29
    ("E08.2", True, {"planned_treatment_start": "2024-05-31", "angina_onset_date": "2024-02-29"}),
    ("E08.2", False, {"planned_treatment_start": "2024-05-31", "angina_onset_date": "2024-02-28"}),
    ("E08.3", False, {"antiarrhythmics": ["metoprolol", "digoxin", "bisoprolol"]}),
    ("E08.3", True, {"antiarrhythmics": ["metoprolol", "amiodarone"]}),
    ("E08.4", False, {"blood_pressure": {"systolic": 150, "diastolic": 90}}),
    ("E08.4", True, {"blood_pressure": {"systolic": 151, "diastolic": 90}}),
    ("E08.4", True, {"blood_pressure": {"systolic": 150, "diastolic": 91}}),
    # 2026-03-31 less 4 months is 2025-11-30
    ("E08.5", True, {"thromboembolic_event_date": "2025-11-30"}),
    ("E08.5", False, {"thromboembolic_event_date": "2025-11-29"}),
    ("E08.5", True, {"thromboembolic_event_date": "2026-03-31"}),
    ("E08.5", False, {"thromboembolic_event_date": "2026-04-01"}),
    ("E09", False, {"infection_grade": 2}),
    ("E09", True, {"infection_grade": 3}),
    ("E10", True, {"hiv": True, "chronic_hepatitis_b": None}),
    ("E10", True, {"chronic_hepatitis_b": True}),
    ("E10", True, {"chronic_hepatitis_c": True}),
    ("E10", None, {"hiv": None}),
    ("E11", True, {"autoimmune_contraindication": True}),
    ("E12", True, {"seizure_disorder_on_medication": True}),
    ("E14", True, {"organ_allograft": True}),
    ("E15", True, {"bleeding_diathesis": True}),
    ("E15", True, {"last_severe_bleed_date": "2026-03-03"}),
    ("E15", False, {"last_severe_bleed_date": "2026-03-02"}),
    ("E15", True, {"last_severe_bleed_date": "2026-03-31"}),
    ("E15", False, {"last_severe_bleed_date": "2026-04-01"}),
    ("E16", True, {"non_healing_wound": True}),
    ("E17", True, {"dialysis": True}),
    ("E18", True, {"unstable_condition": True}),
]

CANCER = {"kind": "other", "last_active": "2023-03-01", "curatively_treated": True}
CANCERS: list[tuple[bool | None, dict[str, Any]]] = [
    (True, NONE),
    (False, {"last_active": "2023-02-28"}),
    (True, {"last_active": "2026-06-01"}),
    (True, {"last_active": None, "curatively_treated": False}),
    (None, {"last_active": ...}),
    (False, {"kind": "cervical_in_situ"}),
    (False, {"kind": "non_melanoma_skin"}),
    (False, {"kind": "bladder_non_muscle_invasive"}),
    (True, {"kind": "cervical_in_situ", "curatively_treated": False}),
    (True, {"kind": "bladder_non_muscle_invasive", "curatively_treated": False}),
    (None, {"kind": "non_melanoma_skin", "curatively_treated": None}),
    (False, {"kind": "prostate_pt2", "psa": q("0.009", "ng/mL")}),
    (True, {"kind": "prostate_pt2", "psa": q("0.01", "ng/mL")}),
    (True, {"kind": "prostate_pt2", "psa": q("0.01", "ug/L")}),
    (False, {"kind": "prostate_pt2", "psa": q("9.9", "ng/L")}),
    (None, {"kind": "prostate_pt2"}),
    (True, {"kind": "prostate_pt2", "curatively_treated": False}),
    (None, {"kind": None}),
    (False, {"kind": None, "last_active": "2023-02-28"}),
]

BRAIN = {
    "brain_metastases": "symptomatic",
    "brain_definitive_therapy_date": "2025-12-31",
    "brain_negative_imaging_date": "2026-02-20",
    "brain_clinically_stable": True,
}
BRAINS: list[tuple[bool | None, dict[str, Any]]] = [
    (False, NONE),
    (False, {"brain_definitive_therapy_date": "2025-12-31"}),
    (True, {"brain_definitive_therapy_date": "2026-01-01"}),
    (False, {"brain_negative_imaging_date": "2026-02-01"}),
    (True, {"brain_negative_imaging_date": "2026-01-31"}),
    (False, {"brain_negative_imaging_date": "2026-03-01"}),
    (True, {"brain_negative_imaging_date": "2026-03-02"}),
    (True, {"brain_clinically_stable": False}),
    (False, {"steroids": "chronic_stable"}),
    (True, {"steroids": "chronic_unstable"}),
    (True, {"steroids": "acute"}),
    (True, {"steroids": "tapering"}),
    (False, {"brain_metastases": "asymptomatic", "steroids": "acute"}),
    (None, {"brain_definitive_therapy_date": None}),
    (True, {"brain_definitive_therapy_date": None, "steroids": "acute"}),
    (None, {"brain_metastases": None, "steroids": "acute"}),
    (False, {"brain_metastases": None}),
]


@pytest.mark.parametrize(("criterion", "truth", "changes"), CASES)
def test_criterion(criterion: str, truth: bool | None, changes: dict[str, Any]) -> None:
    assert outcome(criterion, **changes).outcome is truth


@pytest.mark.parametrize(("truth", "changes"), CANCERS)
def test_other_cancers(truth: bool | None, changes: dict[str, Any]) -> None:
    cancer = {name: value for name, value in {**CANCER, **changes}.items() if value is not ...}
    assert outcome("E05", other_cancers=[cancer]).outcome is truth
    # among others, in either order
    harmless = {
        "kind": "non_melanoma_skin",
        "last_active": "2026-01-01",
        "curatively_treated": True,
    }
    for cancers in ([harmless, cancer], [cancer, harmless]):
        assert outcome("E05", other_cancers=cancers).outcome is truth


@pytest.mark.parametrize(("truth", "changes"), BRAINS)
def test_brain_metastases(truth: bool | None, changes: dict[str, Any]) -> None:
    assert outcome("E13", **{**BRAIN, **changes}).outcome is truth


def test_leap_day_of_consent() -> None:
    for day, truth in (("2021-02-28", True), ("2021-02-27", False)):
        cancer = {**CANCER, "last_active": day}
        found = outcome("E05", other_cancers=[cancer], informed_consent_date="2024-02-29")
        assert found.outcome is truth


@pytest.mark.parametrize(
    ("size", "stratum"),
    [
        (q("4.0", "cm"), "le4"),
        (q("4.00000000000000000000000000000000001", "cm"), "gt4"),
        (q(40, "mm"), "le4"),
        (q("40.1", "mm"), "gt4"),
        (q("0.04", "m"), "le4"),
    ],
)
def test_stratum(size: dict[str, Any], stratum: str) -> None:
    decision = decide(good(primary_tumour_size=size))
    assert (decision.verdict, decision.stratum) == ("eligible", stratum)
    assert decide(good(primary_tumour_size=size, age=17)).stratum == stratum
    assert decide(good(primary_tumour_size=size, age=None)).stratum == stratum


def test_every_criterion_fails_a_subject_and_can_be_unknown() -> None:
    everyone = {one.id for one in decide(good()).criteria}
    tried = {criterion for criterion, _, _ in CASES} | {"E05", "E13"}
    assert tried == everyone
    for criterion, truth, changes in CASES:
        decision = decide(good(**changes))
        wanted = truth is None or truth is not criterion.startswith("I")
        assert wanted == (criterion in decision.unmet + decision.unknown)
    assert set(decide({}).unknown) == everyone

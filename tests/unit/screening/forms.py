"""Forms for the tests: one of a subject who keeps to every criterion of NCT06903312."""

import copy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.screening.criteria import Outcome
from services.screening.eligibility import Decision, Eligibility
from shared.contracts import protocol_file
from shared.contracts.subjects import SubjectId

PROTOCOLS = Path(__file__).parents[3] / "protocols"
NCT_PROTOCOL = protocol_file.load(PROTOCOLS / "NCT06903312.yaml")
PILOT_PROTOCOL = protocol_file.load(PROTOCOLS / "CDISCPILOT01.yaml")
NCT = Eligibility.of(NCT_PROTOCOL)
PILOT = Eligibility.of(PILOT_PROTOCOL)
SUBJECT = SubjectId("IT001-0001")
PILOT_SUBJECT = SubjectId("701-1015")
TODAY = date(2026, 3, 2)
HEAD = """\
study: {id: T1, version: "1", title: T, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: ctcae}
sites: [{id: AA, time_zone: Europe/Rome}]
arms: [{id: A, title: A}]
strata: {by: site, ratio: {A: 1}}
"""
"""Of a small trial's protocol, all but the eligibility section."""

Form = dict[str, Any]


def quantity(value: str | int, unit: str, uln: str | int | None = None) -> Form:
    """A quantity as ``jsontext.loads`` would give it: text here is a number as written."""
    made: Form = {"value": _number(value), "unit": unit}
    if uln is not None:
        made["uln"] = _number(uln)
    return made


def _number(text: str | int) -> Decimal | int:
    return text if isinstance(text, int) else Decimal(text)


_GOOD: Form = {
    "informed_consent_date": "2026-03-01",
    "consent_signed": True,
    "planned_treatment_start": "2026-03-31",
    "age": 61,
    "sex": "female",
    "childbearing_potential": True,
    "contraception_agreed": True,
    "histology": "clear_cell",
    "primary_tumour_present": True,
    "primary_tumour_size": quantity("4.0", "cm"),
    "metastatic_disease": "measurable",
    "ecog": 1,
    "life_expectancy": quantity(12, "mo"),
    "soc_regimen": "cabozantinib_nivolumab",
    "soc_start_date": "2025-07-15",
    "progressive_disease": False,
    "can_continue_soc": True,
    "liver_involvement": False,
    "labs_date": "2026-03-28",
    "weight": quantity("70.5", "kg"),
    "creatinine": quantity("1.1", "mg/dL"),
    "bilirubin": quantity("0.8", "mg/dL", "1.2"),
    "alt": quantity(40, "U/L", 40),
    "ast": quantity(35, "U/L", 40),
    "alp": quantity(100, "U/L", 120),
    "inr": quantity("1.1", "1", "1.2"),
    "ptt": quantity(30, "s", 35),
    "on_anticoagulant": False,
    "coagulation_abnormality": False,
    "platelets": quantity(250000, "/mm3"),
    "haemoglobin": quantity("12.5", "g/dL"),
    "neutrophils": quantity(4000, "/mm3"),
    "prior_treatments": 1,
    "solitary_kidney": False,
    "local_therapy_contraindicated": False,
    "discontinued_agents": [],
    "other_cancers": [],
    "last_major_surgery_date": "none",
    "pregnant": False,
    "breastfeeding": False,
    "pregnancy_test_date": "2026-03-28",
    "pregnancy_test_result": "negative",
    "nyha_class": 0,
    "unstable_angina": False,
    "angina_onset_date": "none",
    "myocardial_infarction_date": "none",
    "antiarrhythmics": [],
    "blood_pressure": {"systolic": 130, "diastolic": 80},
    "thromboembolic_event_date": "none",
    "infection_grade": 0,
    "hiv": False,
    "chronic_hepatitis_b": False,
    "chronic_hepatitis_c": False,
    "autoimmune_contraindication": False,
    "seizure_disorder_on_medication": False,
    "brain_metastases": "none",
    "brain_definitive_therapy_date": None,
    "brain_negative_imaging_date": None,
    "brain_clinically_stable": None,
    "steroids": "none",
    "organ_allograft": False,
    "bleeding_diathesis": False,
    "last_severe_bleed_date": "none",
    "non_healing_wound": False,
    "dialysis": False,
    "unstable_condition": False,
}


def good(**changes: Any) -> Form:
    """The eligible form with some fields changed; ``...`` leaves a field out."""
    form = copy.deepcopy(_GOOD)
    for name, value in changes.items():
        if value is ...:
            form.pop(name, None)
        else:
            form[name] = value
    return form


def good_pilot() -> Form:
    """A form of CDISCPILOT01 that is eligible."""
    criteria = [one.id for one in PILOT._criteria if one.reads[-1] == "attested"]
    attested = {name: "met" if name.startswith("I") else "not_met" for name in criteria}
    return {
        "informed_consent_date": "2026-03-01",
        "consent_signed": True,
        "age": 71,
        "sex": "female",
        "postmenopausal": True,
        "probable_ad": True,
        "mmse_total": 18,
        "hachinski_total": 1,
        "resting_pulse": quantity(70, "/min"),
        "attested": attested,
    }


def decide(form: Form, today: date = TODAY) -> Decision:
    """The decision of NCT06903312."""
    return NCT.decide(SUBJECT, form, today)


def outcome(criterion: str, **changes: Any) -> Outcome:
    """One criterion of the eligible form with some fields changed."""
    return of(decide(good(**changes)), criterion)


def of(decision: Decision, criterion: str) -> Outcome:
    """One criterion of a decision."""
    return next(one for one in decision.criteria if one.id == criterion)

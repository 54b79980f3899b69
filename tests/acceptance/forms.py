"""Forms as a site sends them: of a tiny trial, and one that keeps to all of NCT06903312."""

from typing import Any

Form = dict[str, Any]


def tiny(age: Any = 40, **changes: Any) -> Form:
    """Eligible in the stratum `young` up to 50 years, above in `old`."""
    return {"age": age, "consent_signed": True, **changes}


def _quantity(value: float, unit: str, uln: float | None = None) -> Form:
    return {"value": value, "unit": unit} | ({} if uln is None else {"uln": uln})


_NCT: Form = {
    "informed_consent_date": "2026-03-01",
    "consent_signed": True,
    "planned_treatment_start": "2026-03-31",
    "age": 61,
    "sex": "male",
    "contraception_agreed": True,
    "histology": "clear_cell",
    "primary_tumour_present": True,
    "primary_tumour_size": _quantity(4.0, "cm"),
    "metastatic_disease": "measurable",
    "ecog": 1,
    "life_expectancy": _quantity(12, "mo"),
    "soc_regimen": "cabozantinib_nivolumab",
    "soc_start_date": "2025-07-15",
    "progressive_disease": False,
    "can_continue_soc": True,
    "liver_involvement": False,
    "labs_date": "2026-03-28",
    "weight": _quantity(70.5, "kg"),
    "creatinine": _quantity(1.1, "mg/dL"),
    "bilirubin": _quantity(0.8, "mg/dL", 1.2),
    "alt": _quantity(40, "U/L", 40),
    "ast": _quantity(35, "U/L", 40),
    "alp": _quantity(100, "U/L", 120),
    "inr": _quantity(1.1, "1", 1.2),
    "ptt": _quantity(30, "s", 35),
    "on_anticoagulant": False,
    "coagulation_abnormality": False,
    "platelets": _quantity(250000, "/mm3"),
    "haemoglobin": _quantity(12.5, "g/dL"),
    "neutrophils": _quantity(4000, "/mm3"),
    "prior_treatments": 1,
    "solitary_kidney": False,
    "local_therapy_contraindicated": False,
    "discontinued_agents": [],
    "other_cancers": [],
    "last_major_surgery_date": "none",
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
    "steroids": "none",
    "organ_allograft": False,
    "bleeding_diathesis": False,
    "last_severe_bleed_date": "none",
    "non_healing_wound": False,
    "dialysis": False,
    "unstable_condition": False,
}


def nct(**changes: Any) -> Form:
    """Eligible for NCT06903312, in the stratum of tumours up to 4 cm."""
    return {**_NCT, **changes}

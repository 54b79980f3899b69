"""For each criterion of NCT06903312 a simulated patient's way to fail it, and it alone."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

from deploy.demo.bloods import Form, quantity

Failing = Callable[[Form], Form]
"""What to change in a form that keeps to every criterion."""


def _says(**changes: object) -> Failing:
    return lambda _: dict(changes)


def _days_before(name: str, day: str, days: int) -> Failing:
    """The date `name` so many days before the form's date `day`."""

    def change(form: Form) -> Form:
        return {name: (date.fromisoformat(form[day]) - timedelta(days=days)).isoformat()}

    return change


def _consent_tomorrow(form: Form) -> Form:
    """Consent after the day of the screening; the windows counted from it are kept."""
    later = date.fromisoformat(form["planned_treatment_start"]) + timedelta(days=20)
    started = later - timedelta(days=200)
    return {"informed_consent_date": later.isoformat(), "soc_start_date": started.isoformat()}


def _still_ill(form: Form) -> Form:
    active = date.fromisoformat(form["informed_consent_date"]) - timedelta(days=365)
    cancer = {"kind": "other", "last_active": active.isoformat(), "curatively_treated": True}
    return {"other_cancers": [cancer]}


_PREGNANT: Final = {
    "sex": "female",
    "age": 38,
    "weight": quantity("66.0", "kg"),
    "creatinine": quantity("0.80", "mg/dL"),
    "childbearing_potential": True,
    "contraception_agreed": True,
    "breastfeeding": False,
    "pregnant": True,
    "pregnancy_test_result": "positive",
}
_MAN: Final = {"sex": "male", "contraception_agreed": False}

FAILINGS: Final[Mapping[str, Failing]] = {
    "I01": _consent_tomorrow,
    "I02": _says(age=17),
    "I03": _says(histology="other"),
    "I04": _says(primary_tumour_present=False),
    "I05": _says(metastatic_disease="none"),
    "I06": _says(ecog=2),
    "I07": _says(life_expectancy=quantity(8, "mo")),
    "I08": _says(progressive_disease=True),
    "I09": _says(can_continue_soc=False),
    "I10": _says(**_MAN),
    "I11.1": _says(creatinine=quantity("2.5", "mg/dL"), weight=quantity("150.0", "kg"), age=50),
    "I11.2": _says(bilirubin=quantity("1.9", "mg/dL", "1.2")),
    "I11.3": _says(alt=quantity(81, "U/L", 40), liver_involvement=False),
    "I11.4": _says(
        inr=quantity("1.9", "1", "1.2"), on_anticoagulant=True, coagulation_abnormality=True
    ),
    "I11.5": _says(haemoglobin=quantity(90, "g/L")),
    "I11.6": _says(alp=quantity(301, "U/L", 120), liver_involvement=False),
    "I11.7": _days_before("labs_date", "planned_treatment_start", 8),
    "E01": _says(prior_treatments=2),
    "E02": _says(solitary_kidney=True),
    "E03": _says(local_therapy_contraindicated=True),
    "E04": _says(soc_regimen="axitinib_pembrolizumab", discontinued_agents=["axitinib"]),
    "E05": _still_ill,
    "E06": _days_before("last_major_surgery_date", "informed_consent_date", 28),
    "E07": lambda form: {**_PREGNANT, "pregnancy_test_date": form["labs_date"]},
    "E08.1": _says(nyha_class=3),
    "E08.2": _days_before("myocardial_infarction_date", "planned_treatment_start", 60),
    "E08.3": _says(antiarrhythmics=["amiodarone"]),
    "E08.4": _says(blood_pressure={"systolic": 151, "diastolic": 90}),
    "E08.5": _days_before("thromboembolic_event_date", "planned_treatment_start", 30),
    "E09": _says(infection_grade=3),
    "E10": _says(chronic_hepatitis_b=True),
    "E11": _says(autoimmune_contraindication=True),
    "E12": _says(seizure_disorder_on_medication=True),
    "E13": _says(
        brain_metastases="symptomatic",
        brain_definitive_therapy_date=None,
        brain_negative_imaging_date=None,
        brain_clinically_stable=False,
        steroids="acute",
    ),
    "E14": _says(organ_allograft=True),
    "E15": _says(bleeding_diathesis=True),
    "E16": _says(non_healing_wound=True),
    "E17": _says(dialysis=True),
    "E18": _says(unstable_condition=True),
}

MENDABLE: Final[Mapping[str, Form]] = {
    "I11.2": {"bilirubin": quantity("1.1", "mg/dL", "1.2")},
    "I11.3": {"alt": quantity(60, "U/L", 40)},
    "I11.5": {"haemoglobin": quantity(101, "g/L")},
    "E08.4": {"blood_pressure": {"systolic": 138, "diastolic": 84}},
    "E09": {"infection_grade": 0},
    "E16": {"non_healing_wound": False},
}
"""What is better some weeks later, when the patient is screened again."""

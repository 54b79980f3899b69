"""Simulated patients of NCT06903312: forms that keep to every criterion, as sites might write them.

Nobody is behind these numbers. They are drawn from a seeded generator with spreads that are usual
in metastatic renal cell carcinoma (mostly men in their sixties, tumours of 2 to 14 cm), and each
laboratory writes in its own units.
"""

from datetime import date, timedelta
from random import Random
from typing import Final

from deploy.demo.bloods import Form, blood, kidneys, quantity

REGIMENS: Final = (
    "axitinib_pembrolizumab",
    "cabozantinib_nivolumab",
    "lenvatinib_pembrolizumab",
    "nivolumab_after_ipilimumab_nivolumab",
)
_WOMEN: Final = 0.3
_SMALL_TUMOURS: Final = 0.45


def eligible(draw: Random, today: date) -> Form:
    """A patient who keeps to every criterion, screened on this day."""
    consent = today - timedelta(days=draw.randint(0, 10))
    treatment = today + timedelta(days=draw.randint(1, 3))
    age, female = _age(draw), draw.random() < _WOMEN
    fertile = female and age < 50
    form: Form = {
        "informed_consent_date": consent.isoformat(),
        "consent_signed": True,
        "planned_treatment_start": treatment.isoformat(),
        "age": age,
        "sex": "female" if female else "male",
        "histology": "clear_cell",
        "primary_tumour_present": True,
        "primary_tumour_size": tumour(draw, small=draw.random() < _SMALL_TUMOURS),
        "metastatic_disease": draw.choice(["measurable"] * 4 + ["non_measurable"]),
        "ecog": draw.choice([0, 0, 1]),
        "life_expectancy": draw.choice(
            [quantity(draw.randint(9, 36), "mo"), quantity(2, "a"), quantity(52, "wk")]
        ),
        "soc_regimen": draw.choice(REGIMENS),
        "soc_start_date": (consent - timedelta(days=draw.randint(168, 350))).isoformat(),
        "progressive_disease": False,
        "can_continue_soc": True,
        "labs_date": (treatment - timedelta(days=draw.randint(1, 7))).isoformat(),
        "prior_treatments": draw.choice([0, 1, 1, 1]),
        "discontinued_agents": [],
        "other_cancers": [],
        "antiarrhythmics": draw.choice([[], [], [], ["bisoprolol"], ["digoxin", "metoprolol"]]),
        "blood_pressure": {"systolic": draw.randint(105, 150), "diastolic": draw.randint(60, 90)},
        "infection_grade": draw.choice([0, 0, 0, 1, 2]),
        "nyha_class": draw.choice([0, 0, 0, 1, 2]),
        "brain_metastases": draw.choice(["none"] * 9 + ["asymptomatic"]),
        "steroids": draw.choice(["none"] * 5 + ["chronic_stable"]),
        **dict.fromkeys(_NEVER, False),
        **dict.fromkeys(_NO_DAY, "none"),
        **blood(draw),
        **kidneys(draw, age, female),
    }
    if not female or fertile:
        form["contraception_agreed"] = True
    if female:
        form |= {"childbearing_potential": fertile, "pregnant": False, "breastfeeding": False}
    if fertile:
        tested = treatment - timedelta(days=draw.randint(1, 7))
        form |= {"pregnancy_test_date": tested.isoformat(), "pregnancy_test_result": "negative"}
    return form | _unusual(draw, consent)


_NEVER: Final = (
    "autoimmune_contraindication",
    "bleeding_diathesis",
    "chronic_hepatitis_b",
    "chronic_hepatitis_c",
    "coagulation_abnormality",
    "dialysis",
    "hiv",
    "liver_involvement",
    "local_therapy_contraindicated",
    "non_healing_wound",
    "on_anticoagulant",
    "organ_allograft",
    "seizure_disorder_on_medication",
    "solitary_kidney",
    "unstable_angina",
    "unstable_condition",
)
_NO_DAY: Final = (
    "angina_onset_date",
    "last_major_surgery_date",
    "last_severe_bleed_date",
    "myocardial_infarction_date",
    "thromboembolic_event_date",
)


def _age(draw: Random) -> int:
    return min(max(round(draw.gauss(63, 10)), 34), 86)


def tumour(draw: Random, *, small: bool) -> Form:
    """A primary tumour of up to 4 cm, now and then exactly 4, or of more; in cm or mm."""
    if small:
        tenths = draw.choice([40, *(draw.randint(18, 40) for _ in range(7))])
    else:
        tenths = draw.choice([41, *(round(draw.triangular(41, 140, 70)) for _ in range(7))])
    if draw.random() < 0.25:
        return quantity(tenths, "mm")
    return quantity(f"{tenths / 10:.1f}", "cm")


def _unusual(draw: Random, consent: date) -> Form:
    """What looks like a reason against a patient, and is none by the exceptions of the criteria."""
    return draw.choice(
        [
            *[{}] * 12,
            {"liver_involvement": True, "alt": quantity(180, "U/L", 40)},
            {"on_anticoagulant": True, "inr": quantity("2.6", "1", "1.2")},
            {
                "soc_regimen": "nivolumab_after_ipilimumab_nivolumab",
                "discontinued_agents": ["ipilimumab"],
            },
            {
                "other_cancers": [
                    {
                        "kind": "non_melanoma_skin",
                        "last_active": (consent - timedelta(days=400)).isoformat(),
                        "curatively_treated": True,
                    }
                ]
            },
            {
                "brain_metastases": "symptomatic",
                "brain_definitive_therapy_date": (consent - timedelta(days=100)).isoformat(),
                "brain_negative_imaging_date": (consent - timedelta(days=9)).isoformat(),
                "brain_clinically_stable": True,
                "steroids": "chronic_stable",
            },
        ]
    )

"""NCT06903312's criteria as one would write them in Python: a function of the validated form.

It says verdict, stratum and each criterion's truth. What the engine does besides: the evidence of
each criterion with its text, what was converted, which fields are missing, doubled keys of the
JSON, any UCUM unit, every place of a form that is wrong, and a protocol that is another tomorrow.
"""

import json
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from bench.loops.form_model import AboveZero, Cancer, Form, Line, Measured, Quantity

Truth = bool | None
Amount = Quantity | AboveZero

UNITS = {
    "cm": {"cm": Decimal(1), "mm": Decimal("0.1")},
    "mo": {"mo": Decimal(1), "a": Decimal(12)},
    "kg": {"kg": Decimal(1), "g": Decimal("0.001")},
    "creatinine": {"mg/dL": Decimal(1), "umol/L": 1 / Decimal("88.42")},
    "cells": {"/mm3": Decimal(1), "10*9/L": Decimal(1000), "10*3/uL": Decimal(1000)},
    "haemoglobin": {"g/dL": Decimal(1), "g/L": Decimal("0.1"), "mmol/L": Decimal("1.6114")},
    "psa": {"ng/mL": Decimal(1), "ug/L": Decimal(1)},
}
REGIMENS = {
    "axitinib_pembrolizumab",
    "cabozantinib_nivolumab",
    "lenvatinib_pembrolizumab",
    "nivolumab_after_ipilimumab_nivolumab",
}
CURED = {"cervical_in_situ", "non_melanoma_skin", "bladder_non_muscle_invasive"}
PERMITTED = frozenset(
    [
        "digoxin",
        "acebutolol",
        "alprenolol",
        "atenolol",
        "befunolol",
        "betaxolol",
        "bevantolol",
        "bisoprolol",
        "bopindolol",
        "bucindolol",
        "bupranolol",
        "carteolol",
        "carvedilol",
        "celiprolol",
        "cloranolol",
        "dilevalol",
        "epanolol",
        "esmolol",
        "indenolol",
        "labetalol",
        "landiolol",
        "levobunolol",
        "mepindolol",
        "metipranolol",
        "metoprolol",
        "nadolol",
        "nebivolol",
        "nipradilol",
        "oxprenolol",
        "penbutolol",
        "pindolol",
        "practolol",
        "propranolol",
        "sotalol",
        "talinolol",
        "tertatolol",
        "tilisolol",
        "timolol",
    ]
)


def both(*truths: Truth) -> Truth:
    """Kleene's and."""
    if False in truths:
        return False
    return None if None in truths else True


def either(*truths: Truth) -> Truth:
    """Kleene's or."""
    if True in truths:
        return True
    return None if None in truths else False


def no(truth: Truth) -> Truth:
    """Kleene's not."""
    return None if truth is None else not truth


def amount(quantity: Amount | None, kind: str) -> Decimal | None:
    """The value in the unit that the criteria use."""
    return None if quantity is None else quantity.value * UNITS[kind][quantity.unit]


def at_most_uln(value: Measured | None, times: Decimal) -> Truth:
    """Up to so many times the upper limit of normal."""
    return None if value is None else value.value <= times * value.uln


def raised(value: Measured | None, times: Decimal, liver: Truth) -> Truth:
    """The same, five times with liver involvement."""
    return either(at_most_uln(value, times), both(liver, at_most_uln(value, Decimal(5))))


def days_before(day: date | str | None, end: date | None, most: int, least: int = 0) -> Truth:
    """So many days before the other, both ends included."""
    if day == "none":
        return False
    if not isinstance(day, date) or end is None:
        return None
    return timedelta(least) <= end - day <= timedelta(most)


def less(day: date, months: int) -> date:
    """The day less calendar months."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_before(
    day: date | str | None, end: date | None, most: int, open_: bool = False
) -> Truth:
    """Up to so many calendar months before the other; `open_`: less than these."""
    if day == "none":
        return False
    if not isinstance(day, date) or end is None:
        return None
    first = less(end, most)
    return (first < day if open_ else first <= day) and day <= end


def clearance(form: Form) -> Truth:
    """More than 30 mL/min by Cockcroft and Gault."""
    weight, creatinine = amount(form.weight, "kg"), amount(form.creatinine, "creatinine")
    if form.age is None or weight is None or creatinine is None:
        return None
    above, limit = (140 - form.age) * weight, 30 * 72 * creatinine
    if form.sex is None:
        return above > limit if (above > limit) is (above * 85 > limit * 100) else None
    return above * 85 > limit * 100 if form.sex == "female" else above > limit


def counts(cancer: Cancer, consent: date | None) -> Truth:
    """Active in the last three years, and none of those that are allowed."""
    active: Truth = None
    if cancer.last_active is None:
        active = True if "last_active" in cancer.model_fields_set else None
    elif consent is not None:
        active = cancer.last_active >= less(consent, 36)
    kind, psa = cancer.kind, amount(cancer.psa, "psa")
    allowed = either(
        None if kind is None else kind in CURED,
        both(
            None if kind is None else kind == "prostate_pt2",
            None if psa is None else psa < Decimal("0.01"),
        ),
    )
    return both(active, no(both(cancer.curatively_treated, allowed)))


def criteria(form: Form, today: date) -> dict[str, Truth]:
    """Each criterion's own truth."""
    f, consent, start = form, form.informed_consent_date, form.planned_treatment_start
    creatinine, months = amount(f.creatinine, "creatinine"), amount(f.life_expectancy, "mo")
    platelets, haemoglobin = amount(f.platelets, "cells"), amount(f.haemoglobin, "haemoglobin")
    neutrophils, pressure = amount(f.neutrophils, "cells"), f.blood_pressure
    female = None if f.sex is None else f.sex == "female"
    after_combination = (
        None if f.soc_regimen is None else f.soc_regimen.startswith("nivolumab_after")
    )
    therapy: Truth = None
    if f.brain_definitive_therapy_date is not None and consent is not None:
        therapy = f.brain_definitive_therapy_date < less(consent, 2)
    test = None if f.pregnancy_test_result is None else f.pregnancy_test_result == "negative"
    return {
        "I01": both(f.consent_signed, None if consent is None else consent <= today),
        "I02": None if f.age is None else f.age >= 18,
        "I03": None if f.histology is None else f.histology == "clear_cell",
        "I04": f.primary_tumour_present,
        "I05": None if f.metastatic_disease is None else f.metastatic_disease != "none",
        "I06": None if f.ecog is None else f.ecog <= 1,
        "I07": None if months is None else months >= 9,
        "I08": both(
            None if f.soc_regimen is None else f.soc_regimen in REGIMENS,
            days_before(f.soc_start_date, consent, 364, 168),
            no(f.progressive_disease),
        ),
        "I09": f.can_continue_soc,
        "I10": either(f.contraception_agreed, both(female, no(f.childbearing_potential))),
        "I11.1": both(None if creatinine is None else creatinine < Decimal("2.5"), clearance(f)),
        "I11.2": at_most_uln(f.bilirubin, Decimal("1.5")),
        "I11.3": both(
            raised(f.alt, Decimal(2), f.liver_involvement),
            raised(f.ast, Decimal(2), f.liver_involvement),
        ),
        "I11.4": either(
            both(at_most_uln(f.inr, Decimal("1.5")), at_most_uln(f.ptt, Decimal("1.5"))),
            both(f.on_anticoagulant, no(f.coagulation_abnormality)),
        ),
        "I11.5": both(
            None if platelets is None else platelets >= 100_000,
            None if haemoglobin is None else haemoglobin > 9,
            None if neutrophils is None else neutrophils > 1500,
        ),
        "I11.6": raised(f.alp, Decimal("2.5"), f.liver_involvement),
        "I11.7": days_before(f.labs_date, start, 7),
        "E01": None if f.prior_treatments is None else f.prior_treatments > 1,
        "E02": f.solitary_kidney,
        "E03": f.local_therapy_contraindicated,
        "E04": None
        if f.discontinued_agents is None
        else either(
            False,
            *(
                True if agent != "ipilimumab" else no(after_combination)
                for agent in f.discontinued_agents
            ),
        ),
        "E05": None
        if f.other_cancers is None
        else either(False, *(counts(cancer, consent) for cancer in f.other_cancers)),
        "E06": days_before(f.last_major_surgery_date, consent, 28),
        "E07": both(
            female,
            either(
                f.pregnant,
                f.breastfeeding,
                both(
                    f.childbearing_potential,
                    no(both(test, days_before(f.pregnancy_test_date, start, 7))),
                ),
            ),
        ),
        "E08.1": None if f.nyha_class is None else f.nyha_class >= 3,
        "E08.2": either(
            f.unstable_angina,
            months_before(f.angina_onset_date, start, 3),
            months_before(f.myocardial_infarction_date, start, 6, open_=True),
        ),
        "E08.3": None if f.antiarrhythmics is None else not PERMITTED.issuperset(f.antiarrhythmics),
        "E08.4": None if pressure is None else pressure.systolic > 150 or pressure.diastolic > 90,
        "E08.5": months_before(f.thromboembolic_event_date, start, 4),
        "E09": None if f.infection_grade is None else f.infection_grade > 2,
        "E10": either(f.hiv, f.chronic_hepatitis_b, f.chronic_hepatitis_c),
        "E11": f.autoimmune_contraindication,
        "E12": f.seizure_disorder_on_medication,
        "E13": both(
            None if f.brain_metastases is None else f.brain_metastases == "symptomatic",
            no(
                both(
                    therapy,
                    days_before(f.brain_negative_imaging_date, consent, 28),
                    f.brain_clinically_stable,
                    None if f.steroids is None else f.steroids in ("none", "chronic_stable"),
                )
            ),
        ),
        "E14": f.organ_allograft,
        "E15": either(f.bleeding_diathesis, days_before(f.last_severe_bleed_date, start, 28)),
        "E16": f.non_healing_wound,
        "E17": f.dialysis,
        "E18": f.unstable_condition,
    }


class Decided(NamedTuple):
    """What is said of one form."""

    subject: str
    verdict: str
    stratum: str | None
    criteria: dict[str, Truth]


def decide(line: bytes, today: date) -> Decided:
    """A line decided; raises where it is not the form that is expected."""
    said = Line.model_validate(json.loads(line, parse_float=Decimal))
    truths = criteria(said.form, today)
    size = amount(said.form.primary_tumour_size, "cm")
    stratum = None if size is None else "le4" if size <= 4 else "gt4"
    met = [truth if name.startswith("I") else no(truth) for name, truth in truths.items()]
    verdict = "eligible"
    if False in met:
        verdict = "ineligible"
    elif None in met or stratum is None:
        verdict = "incomplete"
    return Decided(said.subject, verdict, stratum, truths)


def answer(line: bytes, today: date) -> bytes:
    """The same as JSON."""
    return json.dumps(decide(line, today)._asdict(), separators=(",", ":")).encode()

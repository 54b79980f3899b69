"""NCT06903312's criteria once more, in plain Python from TRIAL.md and apart from the engine.

Nothing of the product is imported: own numbers (fractions), own months, own Kleene logic.
"""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

Form = dict[str, Any]
Truth = bool | None

UNITS = {
    "primary_tumour_size": {"cm": Fraction(1), "mm": Fraction(1, 10)},
    # a week is 7 days, a month the twelfth part of 365.25 days
    "life_expectancy": {"mo": Fraction(1), "a": Fraction(12), "wk": 7 / (Fraction(1461, 4) / 12)},
    "weight": {"kg": Fraction(1), "g": Fraction(1, 1000)},
    "creatinine": {"mg/dL": Fraction(1), "umol/L": Fraction(100, 8842)},
    "platelets": {"/mm3": Fraction(1), "10*9/L": Fraction(1000), "10*3/uL": Fraction(1000)},
    "haemoglobin": {
        "g/dL": Fraction(1),
        "g/L": Fraction(1, 10),
        "mmol/L": Fraction(16114, 10000),
    },
    "neutrophils": {"/mm3": Fraction(1), "10*9/L": Fraction(1000)},
    "psa": {"ng/mL": Fraction(1), "ug/L": Fraction(1)},
}


def both(*truths: Truth) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def either(*truths: Truth) -> Truth:
    if True in truths:
        return True
    return None if None in truths else False


def no(truth: Truth) -> Truth:
    return None if truth is None else not truth


def off(day: date, months: int) -> date:
    """``day`` less calendar months, found by walking back a day until the month has it."""
    count = day.year * 12 + day.month - 1 - months
    for last in range(day.day, 0, -1):
        try:
            return date(count // 12, count % 12 + 1, last)
        except ValueError:
            continue
    raise AssertionError


class Case:
    """One form and the words of TRIAL.md over it."""

    def __init__(self, form: Form, today: date) -> None:
        self.form = {name: value for name, value in form.items() if value is not None}
        self.today = today

    def yes(self, field: str) -> Truth:
        return self.form.get(field)

    def word(self, field: str, *words: str) -> Truth:
        return None if field not in self.form else self.form[field] in words

    def day(self, field: str) -> date | str | None:
        raw = self.form.get(field)
        return raw if raw in (None, "none") else date.fromisoformat(raw)

    def amount(self, field: str) -> Fraction | None:
        raw = self.form.get(field)
        return None if raw is None else Fraction(raw["value"]) * UNITS[field][raw["unit"]]

    def number(self, field: str, test: Callable[[Any], bool]) -> Truth:
        value = self.form.get(field)
        return None if value is None else test(value)

    def measured(self, field: str, test: Callable[[Fraction], bool]) -> Truth:
        value = self.amount(field)
        return None if value is None else test(value)

    def uln(self, field: str, times: str) -> Truth:
        raw = self.form.get(field)
        if raw is None:
            return None
        return Fraction(raw["value"]) / Fraction(raw["uln"]) <= Fraction(times)

    def days(self, field: str, before: str, most: int, least: int = 0) -> Truth:
        day, end = self.day(field), self.day(before)
        if day == "none":
            return False
        if not isinstance(day, date) or not isinstance(end, date):
            return None
        return timedelta(least) <= end - day <= timedelta(most)

    def months(self, field: str, before: str, count: int, include: bool = True) -> Truth:
        day, end = self.day(field), self.day(before)
        if day == "none":
            return False
        if not isinstance(day, date) or not isinstance(end, date):
            return None
        first = off(end, count)
        return day <= end and (day >= first if include else day > first)


def cancer(case: Case, item: Form) -> Truth:
    consent = case.day("informed_consent_date")
    active: Truth = None
    if "last_active" in item:
        last = item["last_active"]
        if last is None:
            active = True
        elif isinstance(consent, date):
            active = date.fromisoformat(last) >= off(consent, 36)
    kind = item.get("kind")
    simple = None
    if kind is not None:
        simple = kind in ("cervical_in_situ", "non_melanoma_skin", "bladder_non_muscle_invasive")
    low = None
    if item.get("psa") is not None:
        low = Fraction(item["psa"]["value"]) * UNITS["psa"][item["psa"]["unit"]] < Fraction(1, 100)
    prostate = both(None if kind is None else kind == "prostate_pt2", low)
    return both(active, no(both(item.get("curatively_treated"), either(simple, prostate))))


def items(case: Case, field: str, test: Callable[[Any], Truth]) -> Truth:
    return None if field not in case.form else either(False, *map(test, case.form[field]))


def clearance(case: Case) -> Truth:
    weight, creatinine, age = case.amount("weight"), case.amount("creatinine"), case.form.get("age")
    if weight is None or creatinine is None or age is None:
        return None
    sexes = [case.form["sex"]] if "sex" in case.form else ["female", "male"]
    found = {
        (140 - age) * weight / (72 * creatinine) * (Fraction(17, 20) if sex == "female" else 1) > 30
        for sex in sexes
    }
    return found.pop() if len(found) == 1 else None


CONSENT, START = "informed_consent_date", "planned_treatment_start"
REGIMENS = (
    "axitinib_pembrolizumab",
    "cabozantinib_nivolumab",
    "lenvatinib_pembrolizumab",
    "nivolumab_after_ipilimumab_nivolumab",
)


def raised(c: Case, field: str, low: str) -> Truth:
    return either(c.uln(field, low), both(c.yes("liver_involvement"), c.uln(field, "5")))


def consented(c: Case) -> Truth:
    day = c.day(CONSENT)
    return both(c.yes("consent_signed"), day <= c.today if isinstance(day, date) else None)


def therapy(c: Case) -> Truth:
    day, consent = c.day("brain_definitive_therapy_date"), c.day(CONSENT)
    if not isinstance(day, date) or not isinstance(consent, date):
        return None
    return day < off(consent, 2)


def discontinued(c: Case, agent: str) -> Truth:
    if agent != "ipilimumab":
        return True
    return no(c.word("soc_regimen", "nivolumab_after_ipilimumab_nivolumab"))


BETA_BLOCKERS = ("metoprolol", "bisoprolol", "atenolol", "carvedilol", "propranolol")


def pressure(c: Case) -> Truth:
    found = c.form.get("blood_pressure")
    return None if found is None else found["systolic"] > 150 or found["diastolic"] > 90


CRITERIA: dict[str, Callable[[Case], Truth]] = {
    "I01": consented,
    "I02": lambda c: c.number("age", lambda age: age >= 18),
    "I03": lambda c: c.word("histology", "clear_cell"),
    "I04": lambda c: c.yes("primary_tumour_present"),
    "I05": lambda c: c.word("metastatic_disease", "measurable", "non_measurable"),
    "I06": lambda c: c.number("ecog", lambda ecog: ecog <= 1),
    "I07": lambda c: c.measured("life_expectancy", lambda months: months >= 9),
    "I08": lambda c: both(
        c.word("soc_regimen", *REGIMENS),
        c.days("soc_start_date", CONSENT, 364, 168),
        no(c.yes("progressive_disease")),
    ),
    "I09": lambda c: c.yes("can_continue_soc"),
    "I10": lambda c: either(
        c.yes("contraception_agreed"),
        both(c.word("sex", "female"), no(c.yes("childbearing_potential"))),
    ),
    "I11.1": lambda c: both(
        c.measured("creatinine", lambda value: value < Fraction(5, 2)), clearance(c)
    ),
    "I11.2": lambda c: c.uln("bilirubin", "1.5"),
    "I11.3": lambda c: both(raised(c, "alt", "2"), raised(c, "ast", "2")),
    "I11.4": lambda c: either(
        both(c.uln("inr", "1.5"), c.uln("ptt", "1.5")),
        both(c.yes("on_anticoagulant"), no(c.yes("coagulation_abnormality"))),
    ),
    "I11.5": lambda c: both(
        c.measured("platelets", lambda value: value >= 100000),
        c.measured("haemoglobin", lambda value: value > 9),
        c.measured("neutrophils", lambda value: value > 1500),
    ),
    "I11.6": lambda c: raised(c, "alp", "2.5"),
    "I11.7": lambda c: c.days("labs_date", START, 7),
    "E01": lambda c: c.number("prior_treatments", lambda count: count > 1),
    "E02": lambda c: c.yes("solitary_kidney"),
    "E03": lambda c: c.yes("local_therapy_contraindicated"),
    "E04": lambda c: items(c, "discontinued_agents", lambda agent: discontinued(c, agent)),
    "E05": lambda c: items(c, "other_cancers", lambda item: cancer(c, item)),
    "E06": lambda c: c.days("last_major_surgery_date", CONSENT, 28),
    "E07": lambda c: both(
        c.word("sex", "female"),
        either(
            c.yes("pregnant"),
            c.yes("breastfeeding"),
            both(
                c.yes("childbearing_potential"),
                no(
                    both(
                        c.word("pregnancy_test_result", "negative"),
                        c.days("pregnancy_test_date", START, 7),
                    )
                ),
            ),
        ),
    ),
    "E08.1": lambda c: c.number("nyha_class", lambda nyha: nyha >= 3),
    "E08.2": lambda c: either(
        c.yes("unstable_angina"),
        c.months("angina_onset_date", START, 3),
        c.months("myocardial_infarction_date", START, 6, include=False),
    ),
    "E08.3": lambda c: items(
        c, "antiarrhythmics", lambda drug: drug not in (*BETA_BLOCKERS, "digoxin")
    ),
    "E08.4": pressure,
    "E08.5": lambda c: c.months("thromboembolic_event_date", START, 4),
    "E09": lambda c: c.number("infection_grade", lambda grade: grade > 2),
    "E10": lambda c: either(
        c.yes("hiv"), c.yes("chronic_hepatitis_b"), c.yes("chronic_hepatitis_c")
    ),
    "E11": lambda c: c.yes("autoimmune_contraindication"),
    "E12": lambda c: c.yes("seizure_disorder_on_medication"),
    "E13": lambda c: both(
        c.word("brain_metastases", "symptomatic"),
        no(
            both(
                therapy(c),
                c.days("brain_negative_imaging_date", CONSENT, 28),
                c.yes("brain_clinically_stable"),
                c.word("steroids", "none", "chronic_stable"),
            )
        ),
    ),
    "E14": lambda c: c.yes("organ_allograft"),
    "E15": lambda c: either(
        c.yes("bleeding_diathesis"), c.days("last_severe_bleed_date", START, 28)
    ),
    "E16": lambda c: c.yes("non_healing_wound"),
    "E17": lambda c: c.yes("dialysis"),
    "E18": lambda c: c.yes("unstable_condition"),
}


def outcomes(form: Form, today: date) -> dict[str, Truth]:
    """Every criterion's own truth."""
    case = Case(form, today)
    return {name: criterion(case) for name, criterion in CRITERIA.items()}


def stratum(form: Form, today: date) -> str | None:
    """By the size of the primary tumour."""
    size = Case(form, today).amount("primary_tumour_size")
    return None if size is None else ("le4" if size <= 4 else "gt4")


def verdict(form: Form, today: date) -> str:
    """As TRIAL.md has it."""
    truths = outcomes(form, today)
    met = [truth if name[0] == "I" else no(truth) for name, truth in truths.items()]
    if False in met:
        return "ineligible"
    return "incomplete" if None in met or stratum(form, today) is None else "eligible"

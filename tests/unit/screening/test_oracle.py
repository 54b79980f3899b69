"""The engine against plain Python, over random forms with values on and about every boundary."""

from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.screening import oracle
from tests.unit.screening.forms import NCT, TODAY, Form, decide, good, quantity

q = quantity
YES_NO = [True, False]
#: What each field may hold in a random form, beside being unknown.
POOL: dict[str, list[Any]] = {
    "informed_consent_date": ["2026-03-01", "2026-03-02", "2026-03-03", "2024-02-29", "2025-12-31"],
    "consent_signed": YES_NO,
    "planned_treatment_start": ["2026-03-31", "2026-03-30", "2026-08-31", "2024-05-31"],
    "age": [17, 18, 50, 75, 139],
    "sex": ["female", "male"],
    "childbearing_potential": YES_NO,
    "contraception_agreed": YES_NO,
    "histology": ["clear_cell", "other"],
    "primary_tumour_present": YES_NO,
    "primary_tumour_size": [q(4, "cm"), q("4.01", "cm"), q("40.0", "mm"), q(41, "mm")],
    "metastatic_disease": ["measurable", "non_measurable", "none"],
    "ecog": [0, 1, 2, 5],
    "life_expectancy": [q(9, "mo"), q("8.9", "mo"), q("0.75", "a"), q(39, "wk"), q(40, "wk")],
    "soc_regimen": [*oracle.REGIMENS, "other"],
    "soc_start_date": ["2025-09-14", "2025-09-15", "2025-03-02", "2025-03-01", "2023-08-01"],
    "progressive_disease": YES_NO,
    "can_continue_soc": YES_NO,
    "liver_involvement": YES_NO,
    "labs_date": ["2026-03-31", "2026-03-24", "2026-03-23", "2026-04-01", "2024-05-28"],
    "weight": [q(48, "kg"), q(54, "kg"), q(54000, "g"), q("30.5", "kg"), q(90, "kg")],
    "creatinine": [
        q("1.7", "mg/dL"),
        q("2.49999999999999999999", "mg/dL"),
        q("2.5", "mg/dL"),
        q("221.05", "umol/L"),
        q("150.314", "umol/L"),
        q("150.313", "umol/L"),
        q("0.8", "mg/dL"),
    ],
    "bilirubin": [q("1.8", "mg/dL", "1.2"), q("1.81", "mg/dL", "1.2"), q("0.3", "mg/dL", "0.2")],
    "alt": [q(80, "U/L", 40), q(81, "U/L", 40), q(200, "U/L", 40), q(201, "U/L", 40)],
    "ast": [q(62, "U/L", 31), q(63, "U/L", 31), q(155, "U/L", 31), q(156, "U/L", 31)],
    "alp": [q(300, "U/L", 120), q(301, "U/L", 120), q(600, "U/L", 120), q(601, "U/L", 120)],
    "inr": [q("1.8", "1", "1.2"), q("1.81", "1", "1.2")],
    "ptt": [q("52.5", "s", 35), q("52.6", "s", 35)],
    "on_anticoagulant": YES_NO,
    "coagulation_abnormality": YES_NO,
    "platelets": [q(100000, "/mm3"), q(99999, "/mm3"), q(100, "10*9/L"), q("99.9", "10*3/uL")],
    "haemoglobin": [q(9, "g/dL"), q("9.1", "g/dL"), q(90, "g/L"), q("5.586", "mmol/L")],
    "neutrophils": [q(1500, "/mm3"), q(1501, "/mm3"), q("1.5", "10*9/L"), q("1.51", "10*9/L")],
    "prior_treatments": [0, 1, 2],
    "solitary_kidney": YES_NO,
    "local_therapy_contraindicated": YES_NO,
    "discontinued_agents": [[], ["ipilimumab"], ["axitinib"], ["ipilimumab", "axitinib"]],
    "last_major_surgery_date": ["none", "2026-02-01", "2026-01-31", "2026-03-01", "2026-03-02"],
    "pregnant": YES_NO,
    "breastfeeding": YES_NO,
    "pregnancy_test_date": ["2026-03-31", "2026-03-24", "2026-03-23", "2026-04-01", "2026-08-25"],
    "pregnancy_test_result": ["negative", "positive"],
    "nyha_class": [0, 2, 3, 4],
    "unstable_angina": YES_NO,
    "angina_onset_date": ["none", "2025-12-31", "2025-12-30", "2024-02-29", "2024-02-28"],
    "myocardial_infarction_date": ["none", "2025-09-30", "2025-10-01", "2026-02-28", "2026-03-31"],
    "antiarrhythmics": [[], ["digoxin"], ["metoprolol", "amiodarone"], ["flecainide"]],
    "blood_pressure": [
        {"systolic": 150, "diastolic": 90},
        {"systolic": 151, "diastolic": 90},
        {"systolic": 150, "diastolic": 91},
    ],
    "thromboembolic_event_date": ["none", "2025-11-30", "2025-11-29", "2026-04-30", "2024-01-31"],
    "infection_grade": [0, 2, 3, 5],
    "hiv": YES_NO,
    "chronic_hepatitis_b": YES_NO,
    "chronic_hepatitis_c": YES_NO,
    "autoimmune_contraindication": YES_NO,
    "seizure_disorder_on_medication": YES_NO,
    "brain_metastases": ["none", "asymptomatic", "symptomatic", "symptomatic", "symptomatic"],
    "brain_definitive_therapy_date": ["2025-12-31", "2026-01-01", "2023-12-28", "2023-12-29"],
    "brain_negative_imaging_date": ["2026-02-01", "2026-01-31", "2026-03-02", "2024-02-01"],
    "brain_clinically_stable": YES_NO,
    "steroids": ["none", "acute", "tapering", "chronic_stable", "chronic_unstable"],
    "organ_allograft": YES_NO,
    "bleeding_diathesis": YES_NO,
    "non_healing_wound": YES_NO,
    "dialysis": YES_NO,
    "unstable_condition": YES_NO,
    "last_severe_bleed_date": ["none", "2026-03-03", "2026-03-02", "2026-03-31", "2026-04-01"],
}
CANCER: dict[str, list[Any]] = {
    "kind": [
        "cervical_in_situ",
        "non_melanoma_skin",
        "prostate_pt2",
        "prostate_pt2",
        "bladder_non_muscle_invasive",
        "other",
        None,
    ],
    "last_active": ["2023-03-01", "2023-02-28", "2021-02-28", "2027-01-01", None],
    "curatively_treated": [True, True, False, None],
    "psa": [q("0.01", "ng/mL"), q("0.009", "ug/L"), q("0.0099", "ng/mL"), None],
}


def cancers(random: Random) -> list[Form]:
    """Up to two entries, members left out at times."""
    found = []
    for _ in range(random.choice([0, 1, 1, 2])):
        item = {name: random.choice(pool) for name, pool in CANCER.items() if random.random() < 0.9}
        if item.get("curatively_treated") and "last_active" in item and item["last_active"] is None:
            item["curatively_treated"] = False
        found.append(item)
    return found


def random_form(seed: int, known: float) -> Form:
    """A form of which a share is known: mostly the eligible one's values, else one of the pool."""
    random = Random(seed)
    base = good()
    form: Form = {}
    names = [*POOL, "other_cancers"]
    random.shuffle(names)
    odd = random.choice([0.03, 0.3, 1.0])
    for name in names:
        if random.random() >= known:
            if random.random() < 0.5:
                form[name] = None
        elif name == "other_cancers":
            form[name] = cancers(random)
        elif random.random() < odd or base[name] is None:
            form[name] = random.choice(POOL[name])
        else:
            form[name] = base[name]
    return form


@pytest.mark.parametrize("known", [1.0, 0.98, 0.8, 0.5])
def test_outcomes_verdict_and_stratum(known: float) -> None:
    seen = set()
    for seed in range(700):
        form = random_form(seed, known)
        decision = decide(form)
        wanted = oracle.outcomes(form, TODAY)
        found = {one.id: one.outcome for one in decision.criteria}
        assert found == wanted, (seed, known)
        assert decision.verdict == oracle.verdict(form, TODAY)
        assert decision.stratum == oracle.stratum(form, TODAY)
        seen.add(decision.verdict)
    assert len(seen) >= (1 if known < 0.9 else 2)


READS = {one.id: one.reads for one in NCT._criteria}


@pytest.mark.parametrize("criterion", list(oracle.CRITERIA))
def test_missing_is_what_can_still_change_the_outcome(criterion: str) -> None:
    """By trying: a field is missing just where two of its values lead to different outcomes, with
    the other unknown fields filled in somehow.

    Where one unknown field stands in two parts of a rule (consent in the windows of E13, creatinine
    in I11.1) each part asks for itself, and more may be asked than turns out to matter.
    """
    asked = 0
    for seed in range(30):
        random = Random(seed)
        form = {
            name: random.choice(POOL[name]) if name in POOL else cancers(random)
            for name in READS[criterion]
        }
        if criterion == "E05":
            form["other_cancers"] = [
                {"kind": "other", "last_active": "2023-03-01", "curatively_treated": True}
            ][: random.choice([0, 1])]
        unknown = random.sample(list(form), min(len(form), random.choice([1, 2, 3])))
        for name in unknown:
            form[name] = None
        found = next(one for one in decide(form).criteria if one.id == criterion)
        if found.outcome is not None:
            assert found.missing == ()
            continue
        asked += 1
        changing = [name for name in unknown if _changes(criterion, form, name, unknown)]
        assert set(changing) <= set(found.missing), (criterion, seed, form)
        if {"E13": "informed_consent_date", "I11.1": "creatinine"}.get(criterion) not in unknown:
            assert set(changing) == set(found.missing), (criterion, seed, form)
    assert asked


REFERENCES = ("informed_consent_date", "planned_treatment_start")
WIDE: dict[str, list[Any]] = {
    "age": [
        -100_000,
        *range(1, 139, 2),
    ],  # a formula is asked for its numbers, whatever ages there are
    # fine enough that of any other values there is a weight where the sexes disagree
    "weight": [q(10 * 112**step // 100**step, "kg") for step in range(35)] + [q(1, "g")],
    "creatinine": [q("0.0001", "mg/dL"), q("1.7", "mg/dL"), q("2.49", "mg/dL"), q(3, "mg/dL")]
    + [q(60 * 112**step // 100**step, "umol/L") for step in range(12)],
    "other_cancers": [
        [],
        [{"kind": "other", "last_active": "1990-01-01", "curatively_treated": True}],
        [{"kind": "other", "last_active": "2023-03-01", "curatively_treated": True}],
        [{"kind": "other", "last_active": "2099-01-01", "curatively_treated": True}],
    ],
}


def _tries(name: str, form: Form) -> list[Any]:
    """Values that lead to every outcome of a field: of days, some around all days of the form."""
    if name in WIDE:
        return WIDE[name]
    if not name.endswith(("_date", "_start")):
        return POOL[name]
    days = [date.fromisoformat(day) for day in form.values() if _is_day(day)]
    days += [date(1990, 1, 1), date(2099, 1, 1)]
    days += [date.fromisoformat(POOL[reference][0]) for reference in REFERENCES]
    sign = 1 if name in REFERENCES else -1
    offsets = (0, 5, 70, 200, 2000)
    return [(day + timedelta(sign * offset)).isoformat() for day in days for offset in offsets]


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and value[:2] == "20"


def _changes(criterion: str, form: Form, name: str, unknown: list[str]) -> bool:
    others = [other for other in unknown if other != name]
    rule = oracle.CRITERIA[criterion]
    for values in product(*(_tries(other, form) for other in others)):
        filled = {**form, **dict(zip(others, values, strict=True))}
        truths = {
            rule(oracle.Case({**filled, name: value}, TODAY)) for value in _tries(name, filled)
        }
        if len(truths) > 1:
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_a_fact_more_never_undecides(seed: int, data: st.DataObject) -> None:
    form = random_form(seed, 0.7)
    unknown = [name for name in POOL if form.get(name) is None]
    name = data.draw(st.sampled_from(unknown))
    value = data.draw(st.sampled_from(POOL[name]))
    before, after = decide(form), decide({**form, name: value})
    for old, new in zip(before.criteria, after.criteria, strict=True):
        if old.outcome is not None:
            assert new.outcome is old.outcome
        if name not in old.missing:
            assert new.outcome is old.outcome
    if before.verdict != "incomplete":
        assert after.verdict == before.verdict
    elif after.verdict != "incomplete":
        assert name in before.missing


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9), random=st.randoms(use_true_random=False))
def test_the_order_of_fields_changes_nothing(seed: int, random: Random) -> None:
    form = random_form(seed, 0.9)
    names = list(form)
    random.shuffle(names)
    assert decide({name: form[name] for name in names}) == decide(form)


SPELLINGS = {
    "mg/dL": [("mg/dL", "1"), ("g/L", "0.01"), ("ug/mL", "10"), ("mg/dl", "1")],
    "cm": [("mm", "10"), ("m", "0.01"), ("dm", "0.1")],
    "kg": [("g", "1000"), ("mg", "1000000")],
    "/mm3": [("/uL", "1"), ("10*3/mm3", "0.001"), ("10*9/L", "0.001"), ("{cells}/uL", "1")],
    "g/dL": [("g/L", "10"), ("mg/mL", "10")],
    "U/L": [("U/L", "1"), ("mU/L", "1000"), ("U/dL", "0.1")],
}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_units_and_spellings_change_nothing(seed: int, data: st.DataObject) -> None:
    form = random_form(seed, 0.95)
    names = [
        name
        for name, value in form.items()
        if isinstance(value, dict) and value.get("unit") in SPELLINGS
    ]
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    unit, times = data.draw(st.sampled_from(SPELLINGS[form[name]["unit"]]))
    other: Form = {"unit": unit}
    for part in ("uln", "value"):
        if part in form[name]:
            number = q(str(form[name][part]), "1")["value"] * q(times, "1")["value"]
            zeros = data.draw(st.integers(0, 3))
            text = f"{number:f}" if "." in f"{number:f}" else f"{number:f}.0"
            other[part] = q(text + "0" * zeros, "1")["value"]
    before, after = decide(form), decide({**form, name: other})
    assert [one.outcome for one in before.criteria] == [one.outcome for one in after.criteria]
    assert [one.missing for one in before.criteria] == [one.missing for one in after.criteria]
    assert (before.verdict, before.stratum) == (after.verdict, after.stratum)

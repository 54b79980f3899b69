"""What must hold whatever the form: more facts, another order, another spelling or unit."""

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.eligibility import Decision
from shared.contracts import jsontext
from tests.unit.screening.byhand.statements import UNITS
from tests.unit.screening.examples import examples
from tests.unit.screening.forms import quantity
from tests.unit.screening.near import (
    NCT_TRIAL,
    PILOT_TRIAL,
    Trial,
    forms,
    near,
    same_number,
    spelled,
    written,
)

TRIALS = pytest.mark.parametrize("trial", [NCT_TRIAL, PILOT_TRIAL], ids=["NCT", "pilot"])


def gist(decision: Decision) -> object:
    """What a decision comes to: all but the values as they were submitted."""
    criteria = [(one.id, one.outcome, one.missing) for one in decision.criteria]
    return decision.verdict, decision.stratum, decision.missing, criteria


@TRIALS
@examples(150)
@given(data=st.data())
def test_a_fact_more_never_undecides(trial: Trial, data: st.DataObject) -> None:
    """And a fact that no criterion lacked changes none of them."""
    form = data.draw(forms(trial))
    unknown = sorted({name for name in trial.fields if form.get(name) is None})
    if not unknown:
        return
    name = data.draw(st.sampled_from(unknown))
    about = [s for one in trial.criteria.values() for s in one.statements if name in s.fields]
    fact = data.draw(near(name, data.draw(st.sampled_from(about)), form))
    before, after = trial.decide(form), trial.decide({**form, name: fact})
    for old, new in zip(before.criteria, after.criteria, strict=True):
        if old.outcome is not None or name not in old.missing:
            assert new.outcome is old.outcome
    if before.verdict != "incomplete" or name not in before.missing:
        assert after.verdict == before.verdict
    if before.stratum is not None:
        assert after.stratum == before.stratum


@TRIALS
@examples(150)
@given(data=st.data())
def test_a_fact_less_never_turns_an_answer_round(trial: Trial, data: st.DataObject) -> None:
    form = data.draw(forms(trial))
    gone = data.draw(st.lists(st.sampled_from(trial.fields), unique=True))
    before = trial.decide(form)
    after = trial.decide({name: value for name, value in form.items() if name not in gone})
    for old, new in zip(before.criteria, after.criteria, strict=True):
        assert new.outcome in (old.outcome, None)
    assert after.verdict in (before.verdict, "incomplete")


@TRIALS
@examples(60)
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_the_order_of_fields_and_members_changes_nothing(
    trial: Trial, data: st.DataObject, random: Random
) -> None:
    form = data.draw(forms(trial))
    assert trial.decide(shuffled(form, random)) == trial.decide(form)


def shuffled(value: Any, random: Random) -> Any:
    """The same with the members of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name], random) for name in names}
    return [shuffled(one, random) for one in value] if isinstance(value, list) else value


@examples(60)
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_the_order_of_a_list_changes_nothing(data: st.DataObject, random: Random) -> None:
    [other_cancers] = NCT_TRIAL.criteria["E05"].statements
    form = data.draw(forms(NCT_TRIAL))
    form["other_cancers"] = data.draw(near("other_cancers", other_cancers, form)) * 2
    form["discontinued_agents"] = ["ipilimumab", "axitinib", "ipilimumab"]
    form["antiarrhythmics"] = ["metoprolol", "amiodarone", "digoxin"]
    other = {**form, **{name: list(form[name]) for name in form if isinstance(form[name], list)}}
    for name in ("other_cancers", "discontinued_agents", "antiarrhythmics"):
        random.shuffle(other[name])
    assert gist(NCT_TRIAL.decide(other)) == gist(NCT_TRIAL.decide(form))


@TRIALS
@examples(150)
@given(data=st.data())
def test_other_units_and_zeros_change_nothing(trial: Trial, data: st.DataObject) -> None:
    form = data.draw(forms(trial))
    quantities = [name for name in trial.fields if name in UNITS and form.get(name) is not None]
    other = {name: data.draw(spelled(name, form[name])) for name in quantities}
    assert gist(trial.decide({**form, **other})) == gist(trial.decide(form))


#: Units of what carries its upper limit of normal: what one of the field's own is in them.
ULN_UNITS = {
    "bilirubin": {
        "mg/dL": "1",
        "umol/L": "17.104",
        "g/L": "0.01",
        "mg/L": "10",
        "nmol/mL": "17.104",
    },
    "alt": {"U/L": "1", "mU/mL": "1", "U/dL": "0.1", "mU/L": "1000", "umol/min/L": "1"},
    "ast": {"U/L": "1", "U/mL": "0.001"},
    "alp": {"U/L": "1", "U/mL": "0.001"},
    "inr": {"1": "1", "{INR}": "1", "%": "100"},
    "ptt": {"s": "1", "ms": "1000"},
}


@pytest.mark.parametrize("name", ULN_UNITS)
@pytest.mark.parametrize("step", ["-0.001", "0", "0.001"])
@pytest.mark.parametrize("times", ["1.5", "2", "2.5", "5"])
@pytest.mark.parametrize("liver", [True, False, None])
def test_the_upper_limit_of_normal_in_other_units(
    name: str, step: str, times: str, liver: bool | None
) -> None:
    value, uln = Decimal(times) * 30 + Decimal(step), Decimal(30)
    own = next(iter(ULN_UNITS[name]))
    seen = set()
    for unit, factor in ULN_UNITS[name].items():
        told = quantity(str(value * Decimal(factor)), unit, str(uln * Decimal(factor)))
        form = {**NCT_TRIAL.good(), name: told, "liver_involvement": liver}
        decision = NCT_TRIAL.decide(form)
        seen.add(str(gist(decision)))
        [one] = [c for c in decision.criteria if name in c.evidence]
        assert (name in one.converted) is (unit != own)
    assert len(seen) == 1


@examples(150)
@given(
    value=st.decimals(min_value="0.01", max_value="40", places=4),
    weight=st.integers(30, 150),
    age=st.integers(18, 100),
)
def test_creatinine_by_mass_and_by_amount(value: Decimal, weight: int, age: int) -> None:
    """1 mg/dL is 88.42 umol/L, so what is written in the one is exact in the other."""
    shown = []
    for number, unit in ((value, "mg/dL"), (value * Decimal("88.42"), "umol/L")):
        form = {"creatinine": {"value": number, "unit": unit}, "weight": quantity(weight, "kg")}
        decision = NCT_TRIAL.decide({**NCT_TRIAL.good(), **form, "age": age, "sex": None})
        shown.append(gist(decision))
        found = next(one for one in decision.criteria if one.id == "I11.1")
        if unit == "umol/L":
            assert found.converted == {"creatinine": {"value": value, "unit": "mg/dL"}}
    assert shown[0] == shown[1]


@examples(100)
@given(number=st.decimals(min_value=0, max_value=10**6, places=3), data=st.data())
def test_equal_numbers_are_equal_however_they_are_written(
    number: Decimal, data: st.DataObject
) -> None:
    """1, 1.0, 1.00, 1e0, 10E-1: as JSON text, on the limit itself."""
    other = data.draw(same_number(number))
    exponent = data.draw(st.integers(-3, 3))
    texts = [str(number), str(other), f"{number.scaleb(-exponent):f}e{exponent}"]
    found = set()
    for text in texts:
        raw = f'{{"alt": {{"value": {text}, "unit": "U/L", "uln": {number / 2 + 1:f}}}}}'
        form: Any = jsontext.loads(raw.encode())
        found.add(str(gist(NCT_TRIAL.decide(form))))
    assert len(found) == 1


def test_written_is_exact_or_nothing() -> None:
    assert written(Fraction(1, 8)) == Decimal("0.125")
    assert written(Fraction(1, 3)) is None


def test_deciding_keeps_nothing_and_changes_no_form() -> None:
    form = NCT_TRIAL.good()
    first = NCT_TRIAL.decide(form)
    assert form == NCT_TRIAL.good()
    NCT_TRIAL.decide({})
    assert NCT_TRIAL.decide(form) == first

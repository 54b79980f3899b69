"""What leaves the engine as JSON: each criterion in its place, values as written and converted."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.eligibility import Decision
from shared.contracts import jsontext
from tests.unit.screening.examples import examples
from tests.unit.screening.forms import NCT_PROTOCOL, PILOT_PROTOCOL, Form, good, of, quantity
from tests.unit.screening.near import NCT_TRIAL, PILOT_TRIAL, Trial, forms

q = quantity
TRIALS = pytest.mark.parametrize(
    ("trial", "protocol"),
    [(NCT_TRIAL, NCT_PROTOCOL), (PILOT_TRIAL, PILOT_PROTOCOL)],
    ids=["NCT", "pilot"],
)


def read(text: bytes) -> Any:
    """JSON as the platform reads it, numbers as they are written."""
    return jsontext.loads(text)


def written(decision: Decision) -> Any:
    """The decision as it leaves."""
    return read(jsontext.dumps(decision.answer()))


def in_order(decision: Decision) -> Form:
    """The same, put together of the decision's own parts."""
    names = ("id", "category", "outcome", "text", "evidence", "converted", "missing")
    criteria = [{name: getattr(one, name) for name in names} for one in decision.criteria]
    return {
        "verdict": decision.verdict,
        "stratum": decision.stratum,
        "missing": decision.missing,
        "criteria": criteria,
    }


@TRIALS
@examples(60)
@given(data=st.data())
def test_the_answer_is_the_decision(trial: Trial, protocol: Any, data: st.DataObject) -> None:
    decision = trial.decide(data.draw(forms(trial)))
    assert written(decision) == read(jsontext.dumps(in_order(decision)))
    assert list(written(decision)) == list(in_order(decision))


@TRIALS
def test_a_criterion_says_what_the_protocol_does(trial: Trial, protocol: Any) -> None:
    words = protocol.sections["eligibility"]["criteria"]
    order = list(protocol.sections["eligibility"]["fields"])
    for form in (trial.good(), {}):
        decision = trial.decide(form)
        for one, said in zip(decision.criteria, words, strict=True):
            assert (one.id, one.category, one.text) == (said["id"], said["category"], said["text"])
            for names in (one.evidence, one.missing):
                assert list(names) == sorted(names, key=order.index)


def test_converted_is_what_came_in_another_unit() -> None:
    form = good(
        creatinine=q("88.420", "umol/L"),
        bilirubin=q("8.552", "umol/L", "17.104"),
        weight=q(70500, "g"),
        haemoglobin=q(125, "g/L"),
        alt=q("0.3", "ukat/L", "0.6"),
    )
    decision = NCT_TRIAL.decide(form)
    assert of(decision, "I11.1").converted == {
        "weight": {"value": Decimal("70.5"), "unit": "kg"},
        "creatinine": {"value": Decimal(1), "unit": "mg/dL"},
    }
    assert written(decision) == read(jsontext.dumps(in_order(decision)))
    assert of(decision, "I11.2").converted == {
        "bilirubin": {"value": Decimal("0.5"), "unit": "mg/dL", "uln": Decimal(1)},
    }
    assert of(decision, "I11.3").converted == {
        "alt": {"value": Decimal(18), "unit": "U/L", "uln": Decimal(36)},
    }
    assert of(decision, "I11.5").converted == {
        "haemoglobin": {"value": Decimal("12.5"), "unit": "g/dL"},
    }
    assert of(decision, "I11.1").evidence["creatinine"] == form["creatinine"]
    assert {one.id for one in decision.criteria if one.converted} == {
        *("I11.1", "I11.2", "I11.3", "I11.5")
    }


def test_what_was_converted_in_a_list() -> None:
    """The whole list, with the entries that came in its own unit, or without the member, as is."""
    own = {"kind": "prostate_pt2", "psa": q("0.005", "ng/mL")}
    other = {"kind": "prostate_pt2", "psa": q("5", "ng/L"), "last_active": None}
    bare = {"kind": "other"}
    decision = NCT_TRIAL.decide(good(other_cancers=[own, other, bare]))
    assert of(decision, "E05").evidence == {
        "informed_consent_date": "2026-03-01",
        "other_cancers": [own, other, bare],
    }
    assert of(decision, "E05").converted == {
        "other_cancers": [
            own,
            {**other, "psa": {"value": Decimal("0.005"), "unit": "ng/mL"}},
            bare,
        ]
    }
    assert of(NCT_TRIAL.decide(good(other_cancers=[own, bare])), "E05").converted == {}
    assert of(NCT_TRIAL.decide(good(other_cancers=[])), "E05").converted == {}

"""The engine against the protocols decided by hand: truth by completion, not by Kleene's tables."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.screening.byhand import cdiscpilot01
from tests.unit.screening.examples import examples
from tests.unit.screening.forms import NCT_PROTOCOL, Form, good, good_pilot
from tests.unit.screening.near import NCT_TRIAL, PILOT_TRIAL, Trial, forms

TRIALS = pytest.mark.parametrize("trial", [NCT_TRIAL, PILOT_TRIAL], ids=["NCT", "pilot"])


def agree(trial: Trial, form: Form) -> None:
    """Outcomes, missing fields, verdict, stratum are those by hand; evidence is what is known."""
    engine, hand = trial.decide(form), trial.by_hand(form)
    assert [one.id for one in engine.criteria] == list(trial.criteria)
    for one in engine.criteria:
        judged = hand.criteria[one.id]
        assert (one.outcome, frozenset(one.missing)) == (judged.outcome, judged.missing), one.id
        known = {name for name in trial.criteria[one.id].fields if form.get(name) is not None}
        assert known <= one.evidence.keys()
        assert all(one.evidence[name] == form[name] for name in known)
    yes, no = trial.strata
    stratum = {True: yes, False: no, None: None}[hand.stratum.outcome]
    assert (engine.verdict, engine.stratum) == (hand.verdict, stratum)
    assert set(engine.missing) == hand.missing


@TRIALS
@examples(300)
@given(data=st.data())
def test_the_engine_decides_as_the_protocol_does_by_hand(trial: Trial, data: st.DataObject) -> None:
    agree(trial, data.draw(forms(trial)))


@TRIALS
def test_of_all_fields_known_and_of_none(trial: Trial) -> None:
    agree(trial, trial.good())
    agree(trial, {})
    assert trial.decide(trial.good()).verdict == "eligible"
    assert trial.decide({}).verdict == "incomplete"


@TRIALS
def test_each_field_alone_unknown_and_alone_known(trial: Trial) -> None:
    for name, value in trial.good().items():
        agree(trial, {**trial.good(), name: None})
        agree(trial, {name: value})


@TRIALS
def test_both_speak_of_the_same_fields(trial: Trial) -> None:
    shown = {"EXCL27", "EXCL28", "EXCL30"} if trial is PILOT_TRIAL else set()
    for one in trial.engine._criteria:
        more = set(one.reads) - trial.criteria[one.id].fields
        assert set(one.reads) >= trial.criteria[one.id].fields
        assert bool(more) is (one.id in shown)


def test_missing_fields_come_in_the_order_of_the_form() -> None:
    section: Any = NCT_PROTOCOL.sections["eligibility"]
    order = list(section["fields"])
    missing = NCT_TRIAL.decide({}).missing
    assert list(missing) == sorted(missing, key=order.index)
    assert len(missing) > 50


def test_the_good_forms_hold_every_field_that_decides() -> None:
    assert set(good()) == {*NCT_TRIAL.fields, "primary_tumour_size"}
    assert set(good_pilot()) == {*PILOT_TRIAL.fields}
    assert set(cdiscpilot01.NAMES) == PILOT_TRIAL.criteria.keys()

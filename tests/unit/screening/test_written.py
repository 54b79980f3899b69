"""Criteria are written as JSON without being built first: the same text as what is built."""

from typing import Any

import pytest

from shared.contracts import jsontext
from tests.unit.screening.forms import PILOT, SUBJECT, TODAY, decide, good, good_pilot

CASES: dict[str, dict[str, Any]] = {
    "whole": {},
    "one field is unknown": {"creatinine": ...},
    "a null": {"creatinine": None},
    "nothing is known": dict.fromkeys(good(), ...),
    "another unit": {"creatinine": {"value": 97, "unit": "umol/L"}},
    "another unit in a list": {
        "other_cancers": [
            {"kind": "prostate_pt2", "psa": {"value": 1, "unit": "ug/L"}, "last_active": None}
        ]
    },
    "another unit, and unknown": {"creatinine": {"value": 97, "unit": "umol/L"}, "weight": ...},
    "letters that need escaping": {"antiarrhythmics": ['a"b', "c\\d", "é"]},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_the_text_is_that_of_the_answers(changes: dict[str, Any]) -> None:
    decision = decide(good(**changes))
    built = jsontext.dumps([one._asdict() for one in decision.criteria])
    assert decision.outcomes.written().json == built


def test_an_attested_form_too() -> None:
    decision = PILOT.decide(SUBJECT, good_pilot(), TODAY)
    built = jsontext.dumps([one._asdict() for one in decision.criteria])
    assert decision.outcomes.written().json == built

"""Criteria are written as JSON without being built first: the same text as what is built."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.screening import commands
from services.screening.domain import Screening
from services.screening.store import Kept, Revision
from shared.contracts import jsontext
from shared.contracts.subjects import SubjectId, TrialId
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


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_the_form_is_written_as_it_was_submitted(changes: dict[str, Any]) -> None:
    form = good(**changes)
    decision = decide(form)
    assert decision.outcomes.read.written(form) == jsontext.dumps(form)
    assert decision.outcomes.read.written(decision.carry) == jsontext.dumps(decision.carry)


def test_numbers_of_a_form_keep_their_places() -> None:
    form = good() | {"creatinine": jsontext.loads('{"value": 1.10, "unit": "mg/dL"}')}
    text = decide(form).outcomes.read.written(form)
    assert text == jsontext.dumps(form)
    assert b'"creatinine":{"value":1.10,"unit":"mg/dL"}' in text


@pytest.mark.parametrize("microsecond", [0, 1, 120000])
@pytest.mark.parametrize("stratum", [None, "le4"])
def test_the_head_of_an_answer_is_what_a_list_shows(microsecond: int, stratum: str | None) -> None:
    one = UUID("01900000-0000-7000-8000-000000000001")
    subject, at = SubjectId("IT001-0001"), datetime(2026, 3, 1, 12, 0, 0, microsecond, UTC)
    screening = Screening(one, TrialId("T"), subject, 1, 2, "incomplete", stratum)
    revision = Revision(one, 2, "{}", "", "[]", (), (), ("age", "é"), "{}", '1 "a"', "anna", at)
    kept = Kept(screening, revision)
    head = jsontext.dumps(commands.brief(kept))
    assert commands.answer(kept) == head[:-1] + b',"criteria":[]}'

"""What is said of a wrong value in a form, and of what the rules forbid now, to the word."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.screening import domain
from services.screening.domain import Conflict, Screening
from services.screening.form import FormErrors
from shared.contracts.subjects import TrialId
from tests.unit.screening.forms import SUBJECT, decide, good, quantity
from tests.unit.screening.near import PILOT_TRIAL

q = quantity
NOT_A_DAY = "must be a day, YYYY-MM-DD"
NAME = "must be a name, with no space around it"
MEASURED = "must have value and unit"
LONG = "0." + "1" * 1001

# (field, what stands there, what is said of it)
SAID: list[tuple[str, Any, str]] = [
    ("consent_signed", 1, "must be true or false"),
    ("age", "18", "must be a whole number"),
    ("age", -1, "must be 0 or more"),
    ("age", 10**15, ""),
    ("age", 10**15 + 1, "is too large"),
    ("ecog", 6, "must be 0 to 5"),
    ("ecog", -1, "must be 0 to 5"),
    ("nyha_class", 5, "must be 0 to 4"),
    ("sex", "x", "must be one of female, male"),
    ("labs_date", "2026-3-1", NOT_A_DAY),
    ("labs_date", "2026-02-30", "there is no such day"),
    ("labs_date", "none", NOT_A_DAY),
    ("angina_onset_date", "never", NOT_A_DAY + ', or "none"'),
    ("weight", 70, MEASURED),
    ("weight", {"value": 70}, "is missing"),
    ("weight", {"unit": "kg"}, "is missing"),
    ("weight", {"value": 70, "unit": "kg", "uln": 1}, "is not a part of this field"),
    ("weight", q(0, "kg"), "must be above 0"),
    ("weight", q("0.0", "kg"), "must be above 0"),
    ("weight", q(-1, "kg"), "must be above 0"),
    ("weight", q("-0.5", "kg"), "must be above 0"),
    ("weight", q(LONG, "kg"), "has too many digits"),
    ("weight", q("1e-1001", "kg"), "has too many digits"),
    ("weight", q("1e-1000", "kg"), ""),
    ("weight", q("1" + "0" * 15, "kg"), ""),
    ("weight", q("1" + "0" * 14 + "1", "kg"), "is too large"),
    ("weight", q(10**15, "kg"), ""),
    ("weight", q(10**15 + 1, "kg"), "is too large"),
    ("weight", {"value": "70", "unit": "kg"}, "must be a number"),
    ("weight", {"value": True, "unit": "kg"}, "must be a number"),
    ("weight", {"value": Decimal("NaN"), "unit": "kg"}, "must be a number"),
    ("weight", {"value": Decimal("Infinity"), "unit": "kg"}, "must be a number"),
    ("weight", {"value": 70, "unit": 5}, "must be text"),
    ("weight", q(70, "kilo"), "is not a UCUM unit; kg is expected"),
    ("weight", q(70, "cm"), "cannot be converted to kg"),
    ("bilirubin", 1, "must have value, unit and uln"),
    ("bilirubin", q(-1, "mg/dL", 1), "must be 0 or more"),
    ("bilirubin", q("-0.1", "mg/dL", 1), "must be 0 or more"),
    ("bilirubin", q(LONG, "mg/dL", 1), "has too many digits"),
    ("bilirubin", q(1, "mg/dL", 0), "must be above 0"),
    ("bilirubin", q(0, "mg/dL", 1), ""),
    ("bilirubin", q("0.0", "mg/dL", 1), ""),
    ("blood_pressure", 120, "must have systolic and diastolic"),
    ("blood_pressure", {"systolic": 120}, "is missing"),
    ("blood_pressure", {"systolic": -1, "diastolic": 80}, "must be 0 or more"),
    ("blood_pressure", {"systolic": 120, "diastolic": 80, "x": 1}, "is not a part of this field"),
    ("antiarrhythmics", "x", "must be a list; [] says that there is none"),
    ("antiarrhythmics", [1], "must be text"),
    ("antiarrhythmics", [""], NAME),
    ("antiarrhythmics", ["a  b"], NAME),
    ("antiarrhythmics", ["Digoxin"], "must be in lower case"),
    ("antiarrhythmics", ["interferon alfa-2b"], ""),
    ("other_cancers", [1], "must have members such as kind"),
    ("other_cancers", [{"stage": None}], "is not a part of this field"),
    ("other_cancers", [{"last_active": "none"}], NOT_A_DAY),
    (
        "other_cancers",
        [{"last_active": None, "curatively_treated": True}],
        "a cancer that is still active was not curatively treated",
    ),
    ("shoe_size", 43, "is not a field of this form"),
]


@pytest.mark.parametrize(("field", "value", "said"), SAID)
def test_what_is_said_of_a_wrong_value(field: str, value: Any, said: str) -> None:
    """Nothing where it is right."""
    form = {**good(), field: value}
    if not said:
        decide(form)
        return
    with pytest.raises(FormErrors) as caught:
        decide(form)
    [(loc, message)] = caught.value.errors
    assert (loc[0], message) == (field, said)
    assert str(caught.value) == "1 errors in the form"


@pytest.mark.parametrize(
    ("attested", "loc", "said"),
    [
        ("met", ("attested",), "must name criteria, each met or not_met"),
        ({"INCL05": "yes"}, ("attested", "INCL05"), "must be met or not_met"),
        ({"INCL05": None}, ("attested", "INCL05"), "must be met or not_met"),
        ({"INCL03": "met"}, ("attested", "INCL03"), "is not a criterion that is attested"),
    ],
)
def test_what_is_said_of_a_wrong_attestation(attested: Any, loc: Any, said: str) -> None:
    with pytest.raises(FormErrors) as caught:
        PILOT_TRIAL.decide({"attested": attested})
    assert caught.value.errors == [(loc, said)]


TRIAL = TrialId("NCT06903312")


def begun(number: int = 1, newest: Screening | None = None, **changes: Any) -> Screening:
    return domain.submit(newest, decide(good(**changes)), UUID(int=number), TRIAL, SUBJECT)


def why(act: Any, *arguments: Any) -> tuple[str, str]:
    """The type and the words of a refusal."""
    with pytest.raises(Conflict) as caught:
        act(*arguments)
    assert str(caught.value) == caught.value.detail
    return caught.value.type, caught.value.detail


def test_what_is_said_of_what_cannot_be() -> None:
    first = begun()
    drawn, failed = replace(first, randomized=True), domain.fail(first, first)
    signed, next_one = domain.sign(first, first), begun(2, failed)
    randomized = "already-randomized", "the subject has been randomized"
    ended = "screening-failed", "the screening was ended as a screen failure"
    newer = "not-newest-attempt", "attempt 2 of the subject is newer"
    assert why(begun, 2, drawn) == randomized
    assert why(begun, 2, first) == (
        "screening-open",
        "the subject has a screening that is eligible",
    )
    assert why(domain.sign, failed, failed) == ended
    assert why(domain.sign, signed, signed) == ("already-signed", "this revision has been signed")
    assert why(domain.sign, first, next_one) == newer
    assert why(domain.fail, drawn, drawn) == randomized
    assert why(domain.fail, failed, failed) == ended
    assert why(domain.fail, first, next_one) == newer
    for changes, verdict in (({"age": 17}, "ineligible"), ({"age": None}, "incomplete")):
        other = begun(**changes)
        assert why(domain.sign, other, other) == ("not-eligible", f"the subject is {verdict}")


def test_what_a_correction_and_an_attempt_carry_on() -> None:
    first = begun()
    assert (first.trial, first.subject, first.stratum) == (TRIAL, SUBJECT, "le4")
    larger = decide(good(primary_tumour_size=q("4.1", "cm")))
    assert domain.correct(first, larger).stratum == "gt4"
    assert domain.correct(first, larger).trial == TRIAL

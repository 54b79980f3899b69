"""What is said of numbers: words may stand for them, two limits with them, an offset moves them."""

from decimal import Decimal
from typing import Any

import pytest

from services.screening.eligibility import Decision, Eligibility
from services.screening.form import FormErrors
from shared.contracts import protocol_file
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import HEAD, TODAY, of, quantity

PROTOCOL = (
    HEAD.encode()
    + b"""\
eligibility:
  fields:
    cycles: {type: int, min: 1, max: 9, or: none}
    dose: {type: quantity, unit: mg, or: not_taken}
    pressure: {type: object, members: {low: {type: number, unit: kPa, above_zero: true}}}
    calcium: {type: quantity, unit: mmol/L, uln: true, lln: true}
    psa: {type: quantity, unit: ng/mL, uln: true, or: not_done}
    ratio: {type: quantity, unit: K, uln: true}
    warm: {type: quantity, unit: Cel}
    warmer: {type: quantity, unit: Cel, above_zero: true}
  criteria:
    - {id: I01, category: inclusion, text: C., rule: {number: {field: cycles, at_most: 6}}}
    - {id: I02, category: inclusion, text: P., rule: {x_uln: {field: psa, at_most: 2}}}
"""
)


def decide(form: dict[str, Any]) -> Decision:
    """Compiled in the test: what was compiled before would hide a mutant of what compiles."""
    protocol = protocol_file.parse(PROTOCOL, "t.yaml")
    return Eligibility.of(protocol).decide(SubjectId("AA-0001"), form, TODAY)


def normal(**parts: Any) -> dict[str, Any]:
    """A calcium within its limits, with some parts changed; ``...`` leaves one out."""
    made = {"value": Decimal("2.3"), "unit": "mmol/L", "uln": Decimal("2.6"), "lln": 2, **parts}
    return {name: part for name, part in made.items() if part is not ...}


# field, what stands there, the place within it and what is said; nothing where it is right
SAID: list[tuple[str, Any, list[tuple[tuple[str, ...], str]]]] = [
    ("cycles", "none", []),
    ("cycles", 6, []),
    ("cycles", "never", [((), 'must be "none", if it is a word')]),
    ("cycles", 10, [((), "must be 1 to 9")]),
    ("dose", "not_taken", []),
    ("dose", quantity(5, "mg"), []),
    ("dose", "none", [((), 'must be "not_taken", if it is a word')]),
    ("dose", quantity("0." + "0" * 1500, "mg"), [(("value",), "has too many digits")]),
    ("pressure", {"low": 1}, []),
    ("pressure", {"low": 0}, [(("low",), "must be above 0")]),
    ("calcium", normal(), []),
    ("calcium", normal(lln=Decimal("2.6")), []),
    ("calcium", normal(lln=...), [(("lln",), "is missing")]),
    ("calcium", normal(uln=...), [(("uln",), "is missing")]),
    ("calcium", normal(lln=0), [(("lln",), "must be above 0")]),
    ("calcium", normal(lln="2"), [(("lln",), "must be a number")]),
    ("calcium", normal(lln=3), [(("lln",), "must not be above the upper limit")]),
    ("calcium", 2, [((), "must have value, unit, uln and lln")]),
    ("ratio", quantity(310, "K", 311), []),
    ("ratio", quantity(37, "Cel", 38), [(("unit",), "cannot be converted to K")]),
    ("warm", quantity("273.15", "K"), []),
    ("warm", quantity("273.14", "K"), [(("value",), "must be 0 or more in Cel")]),
    ("warmer", quantity("273.16", "K"), []),
    ("warmer", quantity("273.15", "K"), [(("value",), "must be above 0 in Cel")]),
]


@pytest.mark.parametrize(("field", "value", "said"), SAID)
def test_what_is_said(field: str, value: Any, said: list[tuple[tuple[str, ...], str]]) -> None:
    form = {field: value}
    if not said:
        decide(form)
        return
    with pytest.raises(FormErrors) as caught:
        decide(form)
    assert caught.value.errors == [((field, *loc), message) for loc, message in said]


# criterion, field, what stands there, the outcome
TRUTHS: list[tuple[str, str, Any, bool | None]] = [
    ("I01", "cycles", 6, True),
    ("I01", "cycles", 7, False),
    ("I01", "cycles", "none", None),
    ("I01", "cycles", None, None),
    ("I02", "psa", quantity(8, "ng/mL", 4), True),
    ("I02", "psa", quantity("8.1", "ng/mL", 4), False),
    ("I02", "psa", "not_done", None),
    ("I02", "psa", None, None),
]


@pytest.mark.parametrize(("criterion", "field", "value", "truth"), TRUTHS)
def test_of_a_word_no_limit_is_known(
    criterion: str, field: str, value: Any, truth: bool | None
) -> None:
    decision = decide({field: value})
    assert of(decision, criterion).outcome is truth

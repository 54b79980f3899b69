"""Forms near the boundaries of a protocol, drawn by hypothesis: a good form or an empty one in
which the fields of a few criteria are unknown, or beside what those criteria say of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from services.screening.eligibility import Decision, Eligibility
from shared.contracts.subjects import SubjectId
from tests.unit.screening.byhand import cdiscpilot01, nct06903312
from tests.unit.screening.byhand.completing import TODAY as TODAY_FIELD
from tests.unit.screening.byhand.completing import Criterion, Told, told
from tests.unit.screening.byhand.statements import UNITS, Statement
from tests.unit.screening.forms import (
    NCT,
    PILOT,
    PILOT_SUBJECT,
    SUBJECT,
    TODAY,
    Form,
    good,
    good_pilot,
    quantity,
)

EXACT = Context(prec=60, traps=[Inexact])

# Days whose months are short, that are a leap day, or that are today and beside it.
DAYS = ["2026-03-01", "2026-03-02", "2026-03-03", "2024-02-29", "2025-08-31", "2026-03-31"]
#: Where the protocol's own words give no values that a form can hold, or too few.
OWN: Mapping[str, list[Any]] = {
    "informed_consent_date": DAYS,
    "planned_treatment_start": DAYS,
    # A woman of 50 with 48 kg and 1.7 mg/dL has a clearance of 30; a man of 60 with 54 kg and 2.
    "age": [17, 18, 49, 50, 60, 139],
    "weight": [quantity(one, "kg") for one in ("48", "48.0001", "54", "53.999", "30.5", "150")],
    "creatinine": [quantity(one, "mg/dL") for one in ("1.7", "2", "2.499999", "2.5", "2.51")],
}


@dataclass(frozen=True)
class Trial:
    """A protocol twice: by the engine, and by hand."""

    engine: Eligibility
    subject: SubjectId
    criteria: Mapping[str, Criterion]
    stratum: Criterion | None
    strata: tuple[str, str]
    good: Callable[[], Form]

    def decide(self, form: Form, today: date = TODAY) -> Decision:
        """By the engine."""
        return self.engine.decide(self.subject, form, today)

    def by_hand(self, form: Form, today: date = TODAY) -> Told:
        """By hand."""
        return told(self.criteria, self.stratum, form, today)

    @property
    def fields(self) -> list[str]:
        """Every field that decides, the days first that others are counted from."""
        names = frozenset[str]().union(*(one.fields for one in self.criteria.values()))
        return sorted(names, key=lambda name: (OWN.get(name) is not DAYS, name))


NCT_TRIAL = Trial(NCT, SUBJECT, nct06903312.CRITERIA, nct06903312.SMALL, ("le4", "gt4"), good)
PILOT_TRIAL = Trial(PILOT, PILOT_SUBJECT, cdiscpilot01.CRITERIA, None, ("701", "701"), good_pilot)


@st.composite
def forms(draw: st.DrawFn, trial: Trial) -> Form:
    """A form of the trial."""
    form: Form = trial.good() if draw(st.integers(0, 2)) else {}
    some = draw(st.lists(st.sampled_from(sorted(trial.criteria)), min_size=1, max_size=3))
    statements = [one for name in some for one in trial.criteria[name].statements]
    if trial.stratum and draw(st.booleans()):
        statements += trial.stratum.statements
    touched = {name for one in statements for name in one.fields}
    for name in (one for one in trial.fields if one in touched):
        about = [one for one in statements if name in one.fields]
        match draw(st.sampled_from(["near", "near", "near", "as is", "null", "left out"])):
            case "near":
                form[name] = draw(near(name, draw(st.sampled_from(about)), form))
            case "null":
                form[name] = None
            case "left out":
                form.pop(name, None)
    return form


def near(name: str, statement: Statement, form: Form) -> st.SearchStrategy[Any]:
    """Values of a field beside what the statement says of it on the rest of the form."""
    if name == "other_cancers":
        return st.lists(cancers(statement, form), max_size=2)
    if name in OWN:
        return st.sampled_from(OWN[name]).flatmap(lambda value: spelled(name, value))
    at = statement.fields.index(name)
    known = {**form, TODAY_FIELD: TODAY.isoformat(), name: None}
    found = statement.tries(*(known.get(one) for one in statement.fields))[at]
    return st.sampled_from(list(found)).flatmap(lambda value: spelled(name, value))


@st.composite
def cancers(draw: st.DrawFn, statement: Statement, form: Form) -> Form:
    """An entry beside the boundaries, of which a member may be unknown, or still active."""
    whole = statement.tries(None, form.get("informed_consent_date"))[0]
    entry = dict(draw(st.sampled_from([one[0] for one in whole if one])))
    for gone in draw(st.lists(st.sampled_from(sorted(entry)), max_size=2, unique=True)):
        entry.pop(gone)
    if draw(st.integers(0, 5)) == 0:
        entry |= {"last_active": None, "curatively_treated": False}
    return entry


@st.composite
def spelled(draw: st.DrawFn, name: str, value: Any) -> Any:
    """A quantity in a unit in which it can be written exactly, with zeros behind it."""
    if not isinstance(value, dict) or name not in UNITS:
        return value
    amount = Fraction(value["value"]) * UNITS[name][value["unit"]]
    ways = {unit: written(amount / factor) for unit, factor in UNITS[name].items()}
    unit = draw(st.sampled_from([unit for unit, number in ways.items() if number is not None]))
    number = ways[unit]
    assert number is not None
    return {"value": draw(same_number(number)), "unit": unit}


def written(number: Fraction) -> Decimal | None:
    """The number in decimal; None where it has no end."""
    try:
        return EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
    except Inexact:
        return None


@st.composite
def same_number(draw: st.DrawFn, number: Decimal) -> Decimal | int:
    """Other spellings of a number, as they stand in JSON: 1, 1.0, 1.00, 1E+0, 10E-1."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if number == number.to_integral_value() and draw(st.booleans()):
        return int(number)
    zeros = draw(st.integers(0, 3))
    return Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))

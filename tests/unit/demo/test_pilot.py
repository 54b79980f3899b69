"""The pilot's stream: what is sent when, and what the data say must come of it."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from deploy.demo import pilot, pilot_tables
from deploy.demo.pilot_figures import CRITERIA, broken, verdict
from shared.contracts import jsontext
from shared.contracts.subjects import SubjectId
from tests.unit.demo.tables import small
from tests.unit.screening.forms import PILOT


def test_records_go_out_by_day_then_screenings_first_then_subject() -> None:
    steps = pilot.stream(pilot_tables.people(small()), small().ti, 16)
    assert [(step.day.isoformat(), step.rank, step.subject) for step in steps] == [
        ("2028-02-28", 0, "702-1003"),
        ("2028-02-29", 0, "701-1001"),
        ("2028-02-29", 0, "702-1002"),
        ("2028-03-08", 2, "702-1002"),
        ("2028-03-09", 2, "701-1001"),
    ]


def test_a_form_holds_what_is_known_on_its_day() -> None:
    _, form, *_, correction = pilot.stream(pilot_tables.people(small()), small().ti, 16)
    assert form.body == {
        "informed_consent_date": "2028-02-28",
        "consent_signed": True,
        "age": 70,
        "sex": "female",
        "probable_ad": True,
        "mmse_total": 11,
        "hachinski_total": 4,
        "resting_pulse": {"value": Decimal(50), "unit": "/min"},
        "creatinine": {"value": Decimal("1.10"), "unit": "mg/dL"},
        "potassium": {"value": Decimal("4.0"), "unit": "meq/L"},
    }
    assert correction.body == {
        "creatinine": {"value": Decimal("1.2"), "unit": "mg/dL"},
        "postmenopausal": True,
        "attested": {"INCL05": "met", "EXCL09": "not_met", "EXCL17": "not_met"},
    }


def test_a_screen_failure_has_no_more_than_the_data_have() -> None:
    failure, *_ = pilot.stream(pilot_tables.people(small()), small().ti, 16)
    assert set(failure.body) == {"informed_consent_date", "consent_signed", "age", "sex"}


def test_the_real_allocations_are_the_list_in_order_of_their_days() -> None:
    assert pilot.allocation_list(pilot_tables.people(small())) == (
        "stratum,arm,subject\n702,Xan_Hi,702-1002\n701,Pbo,701-1001\n"
    )


@pytest.mark.parametrize(
    ("today", "years"), [("2026-11-22", 16), ("2028-07-05", 16), ("2028-07-06", 20)]
)
def test_dates_move_by_a_multiple_of_four_years_that_is_ahead(today: str, years: int) -> None:
    assert pilot.years_ahead(date.fromisoformat(today), date(2012, 7, 6)) == years


def test_values_that_break_a_rule_are_named_whatever_the_trial_did() -> None:
    found = {
        person.id: (verdict(person), broken(person)) for person in pilot_tables.people(small())
    }
    assert found == {
        "701-1001": ("eligible", []),
        "702-1002": ("ineligible", ["INCL03"]),
        "702-1003": ("incomplete", []),
    }


def test_the_package_holds_what_the_trial_page_counts() -> None:
    """The counts are those of the page about the trial, computed apart from this code."""
    tables = pilot_tables.load()
    people = pilot_tables.people(tables)
    steps = pilot.stream(people, tables.ti, 16)
    assert Counter(step.rank for step in steps) == {0: 306, 2: 254}
    assert len({person.site for person in people}) == 17
    outcomes = {name: Counter(holds(one) for one in people) for name, holds in CRITERIA.items()}
    assert outcomes == {
        "INCL01": {True: 270, None: 36},
        "INCL02": {True: 254, None: 52},
        "INCL03": {True: 252, False: 2, None: 52},
        "INCL04": {True: 254, None: 52},
        "INCL06": {True: 306},
        "EXCL17": {False: 254, None: 52},
    }
    assert Counter(person.arm for person in people) == {
        "Pbo": 86,
        "Xan_Lo": 84,
        "Xan_Hi": 84,
        None: 52,
    }
    forms: dict[str, pilot.Form] = {}
    for step in steps:
        forms[step.subject] = {**forms.get(step.subject, {}), **step.body}
        form = jsontext.loads(jsontext.dumps(forms[step.subject]))
        assert isinstance(form, dict)
        PILOT.decide(SubjectId(step.subject), form, step.day)  # every form is well made

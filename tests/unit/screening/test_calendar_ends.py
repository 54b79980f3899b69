"""Months at the ends of the calendar: what lies beyond them is before, or after, every day."""

from datetime import date

from services.screening.windows import less_months
from tests.unit.screening.forms import outcome


def test_months_up_to_the_ends_and_beyond() -> None:
    early, late = date(1, 6, 15).toordinal(), date(9999, 6, 15).toordinal()
    assert less_months(early, 5) == date(1, 1, 15).toordinal()
    assert less_months(early, 6) < date.min.toordinal()
    assert less_months(late, -6) == date(9999, 12, 15).toordinal()
    assert less_months(late, -7) > date.max.toordinal()


def test_the_first_day_is_within_what_began_before_it() -> None:
    start = {"planned_treatment_start": "0001-03-01"}
    first = {"myocardial_infarction_date": "0001-01-01", **start}
    assert outcome("E08.2", **first).outcome is True
    assert outcome("E08.5", thromboembolic_event_date="0001-01-01", **start).outcome is True

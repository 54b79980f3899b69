"""Clocks: day zero, due, the end of a day, warnings."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.safety.clocks import Clock, follow_up, in_days, site_to_sponsor
from tests.unit.safety.forms import at, report


def test_the_example_of_the_page() -> None:
    duty = in_days("expedited_7", "EU-CTR", date(2026, 3, 1))
    assert duty.due == at("2026-03-09 00:00")
    assert duty.last_day == date(2026, 3, 8)


@pytest.mark.parametrize(
    ("zero", "due"),
    [
        ("2026-03-20", "2026-04-05"),  # Europe changes its clocks on 29 March
        ("2026-10-20", "2026-11-05"),
        ("2024-02-20", "2024-03-07"),
        ("2026-02-20", "2026-03-08"),
        ("2026-12-25", "2027-01-10"),
        ("2100-02-20", "2100-03-08"),
    ],
)
def test_days_are_utc_calendar_days(zero: str, due: str) -> None:
    duty = in_days("expedited_15", "EU-CTR", date.fromisoformat(zero))
    assert duty.due == at(f"{due} 00:00")


@given(st.dates(date(1, 1, 1), date(9998, 12, 31)), st.sampled_from([7, 8, 15]))
def test_a_clock_of_n_days_has_n_whole_days_after_day_zero(zero: date, days: int) -> None:
    kind = {7: "expedited_7", 8: "follow_up_8", 15: "expedited_15"}[days]
    duty = in_days(kind, "UK", zero)  # type: ignore[arg-type]
    assert (duty.last_day - zero).days == days
    assert duty.due - datetime.combine(zero, datetime.min.time(), UTC) == timedelta(days + 1)


@pytest.mark.parametrize(
    ("site", "sponsor", "zero", "due", "settled"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", 1, "2026-03-02T10:00:00", "met"),
        ("2026-03-01T10:00:00Z", "2026-03-02T10:00:01Z", 1, "2026-03-02T10:00:00", "late"),
        ("2026-03-01T10:00:00.9Z", "2026-03-02T10:00:00.1Z", 1, "2026-03-02T10:00:00", "met"),
        ("2026-03-01T10:00:00.1Z", "2026-03-02T10:00:00.9Z", 1, "2026-03-02T10:00:00", "met"),
        ("2026-03-01T10:00:00.9Z", "2026-03-02T10:00:01.0Z", 1, "2026-03-02T10:00:00", "late"),
        ("2026-03-29T00:30:00+01:00", "2026-03-29T23:30:00Z", 28, "2026-03-29T23:30:00", "met"),
        ("2026-03-01T23:59:59-02:00", "2026-03-03T01:59:59Z", 2, "2026-03-03T01:59:59", "met"),
    ],
)
def test_the_site_has_24_hours_to_the_second(
    site: str, sponsor: str, zero: int, due: str, settled: str
) -> None:
    told = report(site_aware_at=site, sponsor_aware_at=sponsor)
    duty = site_to_sponsor(told)
    assert duty.day_zero == date(2026, 3, zero)
    assert duty.due.isoformat() == f"{due}+00:00"
    clock = Clock("x", duty, 1, told.sponsor_aware_at, stopped_at=told.sponsor_aware_at)
    assert clock.state(at("2027-01-01 00:00")) == settled


@pytest.mark.parametrize(
    ("kind", "half", "tenth"),
    [
        ("expedited_7", "2026-03-05 12:00", "2026-03-08 07:12"),
        ("follow_up_8", "2026-03-06 00:00", "2026-03-09 04:48"),
        ("expedited_15", "2026-03-09 12:00", "2026-03-15 12:00"),
    ],
)
def test_a_clock_speaks_at_half_at_a_tenth_and_when_due(kind: str, half: str, tenth: str) -> None:
    duty = in_days(kind, "EU-CTR", date(2026, 3, 1))  # type: ignore[arg-type]
    clock = Clock("x", duty, 1, at("2026-03-01 09:00"))
    assert clock.next() == (at(half), "half")
    clock = Clock("x", duty, 1, at("2026-03-01 09:00"), told=("half",))
    assert clock.next() == (at(tenth), "tenth")
    clock = Clock("x", duty, 1, at("2026-03-01 09:00"), told=("half", "tenth"))
    assert clock.next() == (duty.due, "overdue")
    clock = Clock("x", duty, 1, at("2026-03-01 09:00"), told=("half", "tenth", "overdue"))
    assert clock.next() is None


def test_running_until_due_then_overdue() -> None:
    duty = in_days("expedited_7", "EU-CTR", date(2026, 3, 1))
    clock = Clock("x", duty, 1, at("2026-03-01 09:00"))
    assert clock.state(at("2026-03-08 23:59")) == "running"
    assert clock.state(at("2026-03-09 00:00")) == "overdue"
    assert clock.open


@pytest.mark.parametrize(
    ("sent", "zero", "due"),
    [
        ("2026-03-01 10:00", "2026-03-01", "2026-03-10 00:00"),
        ("2026-03-04 23:59", "2026-03-04", "2026-03-13 00:00"),
        ("2026-03-08 10:00", "2026-03-08", "2026-03-17 00:00"),
        ("2026-03-20 10:00", "2026-03-08", "2026-03-17 00:00"),
        (None, "2026-03-08", "2026-03-17 00:00"),
    ],
)
def test_eight_more_days_from_what_was_sent_or_from_the_last_day(
    sent: str | None, zero: str, due: str
) -> None:
    for authority in ("EU-CTR", "UK"):
        seven = in_days("expedited_7", authority, date(2026, 3, 1))
        duty = follow_up(seven, None if sent is None else at(sent))
        assert duty is not None
        assert (duty.kind, duty.authority) == ("follow_up_8", authority)
        assert (duty.day_zero.isoformat(), duty.due) == (zero, at(due))


def test_the_fda_asks_for_no_follow_up_of_8_days() -> None:
    seven = in_days("expedited_7", "FDA-312.32", date(2026, 3, 1))
    assert follow_up(seven, at("2026-03-04 10:00")) is None
    assert follow_up(seven, None) is None

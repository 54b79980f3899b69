"""Windows of days, by hand, at ends of months and leap days, before and after a reference day."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.eligibility import Eligibility
from services.screening.windows import less_months
from shared.contracts import protocol_file
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import HEAD, TODAY

PROTOCOL = (
    HEAD
    + """\
eligibility:
  fields:
    start: {type: date}
    day: {type: date, or: none}
  criteria:
    - {id: I01, category: inclusion, text: A rule., rule: RULE}
"""
)


def outcome(rule: str, **form: Any) -> bool | None:
    protocol = protocol_file.parse(PROTOCOL.replace("RULE", rule).encode(), "t.yaml")
    return Eligibility.of(protocol).decide(SubjectId("AA-0001"), form, TODAY).criteria[0].outcome


def within(span: str, side: str = "before") -> str:
    return f"{{within: {{field: day, {side}: start, {span}}}}}"


def apart(word: str, span: str) -> str:
    return f"{{{word}: {{field: day, before: start, {span}}}}}"


# rule, reference day, (the last day out, the first day in) at each end, in the order of time
EDGES = [
    (within("months: 6"), "2025-08-31", ("2025-02-27", "2025-02-28"), ("2025-08-31", "2025-09-01")),
    (within("months: 6"), "2024-08-31", ("2024-02-28", "2024-02-29"), ("2024-08-31", "2024-09-01")),
    (within("years: 1"), "2024-02-29", ("2023-02-27", "2023-02-28"), ("2024-02-29", "2024-03-01")),
    (within("years: 4"), "2024-02-29", ("2020-02-28", "2020-02-29"), ("2024-02-29", "2024-03-01")),
    (within("weeks: 4"), "2024-03-01", ("2024-02-01", "2024-02-02"), ("2024-03-01", "2024-03-02")),
    (within("days: 28"), "2023-03-01", ("2023-01-31", "2023-02-01"), ("2023-03-01", "2023-03-02")),
    (
        within("weeks: [24, 52]"),
        "2025-08-31",
        ("2024-08-31", "2024-09-01"),
        ("2025-03-16", "2025-03-17"),
    ),
    (
        within("months: [1, 3]"),
        "2025-05-31",
        ("2025-02-27", "2025-02-28"),
        ("2025-04-30", "2025-05-01"),
    ),
    (
        within("less_than_months: 6"),
        "2025-08-31",
        ("2025-02-28", "2025-03-01"),
        ("2025-08-31", "2025-09-01"),
    ),
    (
        within("days: 14", "after"),
        "2024-02-20",
        ("2024-02-19", "2024-02-20"),
        ("2024-03-05", "2024-03-06"),
    ),
    (
        within("months: 1", "after"),
        "2025-01-31",
        ("2025-01-30", "2025-01-31"),
        ("2025-02-28", "2025-03-01"),
    ),
    (
        within("years: 1", "after"),
        "2024-02-29",
        ("2024-02-28", "2024-02-29"),
        ("2025-02-28", "2025-03-01"),
    ),
    (
        within("months: [1, 2]", "after"),
        "2023-12-31",
        ("2024-01-30", "2024-01-31"),
        ("2024-02-29", "2024-03-01"),
    ),
    (
        within("less_than_months: 1", "after"),
        "2024-01-31",
        ("2024-01-30", "2024-01-31"),
        ("2024-02-28", "2024-02-29"),
    ),
]


@pytest.mark.parametrize(("rule", "start", "begin", "end"), EDGES)
def test_both_ends_of_a_window(
    rule: str, start: str, begin: tuple[str, str], end: tuple[str, str]
) -> None:
    assert outcome(rule, start=start, day=begin[0]) is False
    assert outcome(rule, start=start, day=begin[1]) is True
    assert outcome(rule, start=start, day=end[0]) is True
    assert outcome(rule, start=start, day=end[1]) is False
    assert outcome(rule, start=start, day="none") is False
    assert outcome(rule, start=start) is None
    assert outcome(rule, day=begin[1]) is None
    assert outcome(rule, day="none") is False


@pytest.mark.parametrize(
    ("span", "start", "last"),
    [
        ("days: 60", "2025-08-31", "2025-07-02"),
        ("weeks: 4", "2024-03-01", "2024-02-02"),
        ("months: 6", "2025-08-31", "2025-02-28"),
        ("years: 1", "2024-02-29", "2023-02-28"),
    ],
)
def test_at_least_so_long_before(span: str, start: str, last: str) -> None:
    """The last day that is long enough ago, and the day after it; earlier_than
    is a day stricter."""
    after = str(date.fromisoformat(last) + timedelta(days=1))
    before = str(date.fromisoformat(last) - timedelta(days=1))
    assert outcome(apart("no_later_than", span), start=start, day=last) is True
    assert outcome(apart("no_later_than", span), start=start, day=after) is False
    assert outcome(apart("earlier_than", span), start=start, day=last) is False
    assert outcome(apart("earlier_than", span), start=start, day=before) is True
    for word in ("no_later_than", "earlier_than"):
        assert outcome(apart(word, span), start=start, day="none") is False
        assert outcome(apart(word, span), day=last) is None


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(start=DAYS, day=DAYS, months=st.integers(0, 36))
def test_so_many_months_ago_or_less_or_more(start: date, day: date, months: int) -> None:
    """Of every day exactly one holds: in the window, more than so long ago, after the reference."""
    edge = less_months(start.toordinal(), months)
    inside = outcome(within(f"months: {months}"), start=str(start), day=str(day))
    older = outcome(apart("earlier_than", f"months: {months}"), start=str(start), day=str(day))
    assert [inside, older, day > start].count(True) == 1
    assert older is (day.toordinal() < edge)


@given(start=DAYS, months=st.integers(-600, 600))
def test_months_keep_the_day_or_take_the_last_one(start: date, months: int) -> None:
    made = date.fromordinal(less_months(start.toordinal(), months))
    gone = (start.year - made.year) * 12 + start.month - made.month
    assert gone == months
    last_of_month = (made + timedelta(days=1)).month != made.month
    assert made.day == start.day or (made.day < start.day and last_of_month)


def test_the_ends_of_the_calendar() -> None:
    assert outcome(within("years: 900"), start="0500-01-01", day="0001-01-01") is True
    assert outcome(within("years: 900", "after"), start="9900-01-01", day="9999-12-31") is True


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{within: {field: day, days: 3}}", "within: needs a day: before or after"),
        ("{within: {field: day, before: start, after: start, days: 3}}", "within: needs a day"),
        ("{within: {field: day, after: day, days: 3}}", "within.after: day may be no day"),
        ("{no_later_than: {field: day, after: start, days: 3}}", "no_later_than.after: is not for"),
        ("{no_later_than: {field: day, before: start, days: [1, 2]}}", "no_later_than: needs one"),
        (
            "{earlier_than: {field: day, before: start, less_than_months: 2}}",
            "earlier_than: needs one",
        ),
        ("{within: {field: dya, before: strat, days: 3}}", "within.field: dya is not a field of "),
    ],
)
def test_wrong_windows(rule: str, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        outcome(rule)
    assert str(caught.value).startswith(f"t.yaml:11: eligibility.criteria.0.rule.{message}")


def test_two_faults_of_one_window_are_both_told() -> None:
    with pytest.raises(ProtocolError) as caught:
        outcome("{within: {field: dya, before: strat, days: 3}}")
    assert [line.split("; ")[1] for line in caught.value.lines] == [
        "did you mean day?",
        "did you mean start?",
    ]

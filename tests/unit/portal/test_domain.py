"""A subject's state in the site's words, time left, and the enrolment curve."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.portal.chart import steps
from services.portal.domain import Subject, curve, left, span, state_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)


def subject(**facts: Any) -> Subject:
    """Screened once, unless the facts say otherwise."""
    return Subject("T", "S1-001", "S1", attempt=1, revision=1, screening="x", **facts)


@pytest.mark.parametrize(
    ("facts", "words", "step"),
    [
        ({"verdict": "incomplete", "unknown": ("I1",)}, "1 criterion open", "complete"),
        ({"verdict": "incomplete", "unknown": ("I1", "I2")}, "2 criteria open", "complete"),
        ({"verdict": "ineligible"}, "not eligible", "look"),
        ({"verdict": "eligible"}, "waiting for signature", "sign"),
        ({"verdict": "eligible", "signed": True}, "eligible, being randomized", None),
        (
            {"verdict": "eligible", "signed": True, "waiting": True},
            "waiting: no allocation is free yet",
            None,
        ),
        ({"verdict": "eligible", "signed": True, "number": 4}, "randomized", None),
        ({"number": 4, "deviation": True}, "randomized, eligibility deviation", "look"),
        ({"number": 4, "left_treatment": DAY}, "left treatment 2026-03-01", None),
        ({"number": 4, "withdrew": DAY}, "consent withdrawn 2026-03-01", None),
        ({"number": 4, "withdrew": DAY, "died": DAY}, "died 2026-03-01", None),
        ({"verdict": "ineligible", "failed": True}, "screen failure", None),
        ({"refused": "site_closed", "refused_for": (1, 1)}, "refused: the site is closed", "look"),
        ({}, "not screened here yet", "screen"),
    ],
)
def test_the_state_that_matters_most_is_told(
    facts: dict[str, Any], words: str, step: str | None
) -> None:
    state = state_of(subject(**facts), needs_signature=True, paused=False)
    assert (state.words, state.step) == (words, step)


def test_without_a_needed_signature_nobody_waits_for_one() -> None:
    found = state_of(subject(verdict="eligible"), needs_signature=False, paused=False)
    assert found.words == "eligible, being randomized"


def test_who_waits_while_randomization_is_paused_is_told_so() -> None:
    waiting = subject(verdict="eligible", signed=True, waiting=True)
    found = state_of(waiting, needs_signature=True, paused=True)
    assert found.words == "waiting: randomization is paused"


@pytest.mark.parametrize(
    ("about", "told"),
    [((1, 1), False), ((2, 1), False), ((2, 2), True), ((0, 0), True)],
)
def test_a_refusal_of_an_earlier_revision_is_not_the_state(
    about: tuple[int, int], told: bool
) -> None:
    found = Subject("T", "S1-001", "S1", attempt=2, revision=2, refused="x_y", refused_for=about)
    assert (found.refusal == "x y") is told


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "less than a minute"),
        (59, "59 min"),
        (192, "3 h 12 min"),
        (60, "1 h"),
        (1500, "1 d 1 h"),
    ],
)
def test_time_is_told_in_its_two_greatest_units(minutes: int, words: str) -> None:
    length = timedelta(minutes=minutes)
    assert span(length) == words
    assert left(NOON + length, NOON) == f"in {words}"
    assert left(NOON - timedelta(minutes=minutes + 1), NOON).endswith(" ago")


def test_the_curve_is_the_running_total_whatever_the_order_of_days() -> None:
    found = curve([(date(2026, 3, 2), 3), (DAY, 2)])
    assert (found.days, found.totals) == ([DAY, date(2026, 3, 2)], [2, 5])


def test_a_chart_needs_a_draw() -> None:
    assert steps(curve([]), 10, DAY) is None


@pytest.mark.parametrize(
    ("number", "target", "top"), [(1, None, 4), (5, None, 8), (12, 409, 600), (254, 254, 300)]
)
def test_the_chart_ends_at_a_round_number_above_all(
    number: int, target: int | None, top: int
) -> None:
    drawing = steps(curve([(DAY, number)]), target, DAY)
    assert drawing is not None
    labels = [int(mark.label) for mark in drawing.up]
    assert labels[-1] == top
    assert labels == [0, top // 4, top // 2, top * 3 // 4, top]
    assert all(mark.at <= drawing.bottom for mark in drawing.up)


@pytest.mark.parametrize(
    ("number", "target"), [(409, 409), (400, 409), (415, 409), (9, 10), (3, 9)]
)
def test_the_last_figure_and_the_target_never_stand_on_each_other(number: int, target: int) -> None:
    drawing = steps(curve([(DAY, number)]), target, DAY)
    assert drawing is not None
    assert drawing.target is not None
    assert abs(drawing.number[1] - drawing.target) >= 16
    assert (drawing.number[1] > drawing.target) == (number <= target)  # y grows downwards

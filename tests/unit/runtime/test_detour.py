"""Rows that cannot be sent are passed, tried again, and passed ever less often."""

from dataclasses import dataclass

import pytest

from shared.runtime.detour import Detour


@dataclass
class Clock:
    now: float = 100

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def detour(clock: Clock) -> Detour:
    return Detour(lambda attempt: 2.0**attempt, clock)


def test_while_all_is_sent_every_round_begins_with_the_first_row(detour: Detour) -> None:
    for last in (10, 20, 30):
        assert detour.begin() == 0
        detour.end(last, failed=False)


def test_rounds_go_on_behind_what_failed_until_one_is_sent_whole(
    detour: Detour, clock: Clock
) -> None:
    assert detour.begin() == 0
    detour.end(10, failed=True)
    clock.now += 60  # however long it takes: else many stuck rows would never be passed
    assert detour.begin() == 10
    detour.end(20, failed=True)
    assert detour.begin() == 20
    detour.end(30, failed=False)
    assert detour.begin() == 0


def test_the_first_row_comes_again_soon_under_any_load(detour: Detour, clock: Clock) -> None:
    """Kafka was away for a moment: what failed then does not wait for all that came after it."""
    detour.begin()
    detour.end(10, failed=True)
    for last in range(20, 200, 10):
        clock.now += 0.1
        behind = detour.begin()
        if behind == 0:
            break
        detour.end(last, failed=False)
    assert clock.now == pytest.approx(101, abs=0.11)


def test_where_nothing_else_waits_the_first_row_is_tried_ever_less_often(
    detour: Detour, clock: Clock
) -> None:
    tried = []
    while clock.now < 116:
        if detour.begin() == 0:
            tried.append(clock.now)
            detour.end(10, failed=True)
        else:
            detour.nothing()
        clock.now += 0.5
    assert tried == [100, 101, 103, 107, 115]


def test_what_takes_long_to_fail_takes_half_the_time_at_most(detour: Detour, clock: Clock) -> None:
    detour.begin()
    clock.now += 10
    detour.end(10, failed=True)
    assert detour.begin() == 10
    detour.nothing()
    clock.now += 9.9
    assert detour.begin() == 10
    detour.nothing()
    clock.now += 0.1
    assert detour.begin() == 0


def test_a_round_from_the_first_row_that_is_sent_forgets_the_failures(
    detour: Detour, clock: Clock
) -> None:
    for _ in range(3):
        assert detour.begin() == 0
        detour.end(10, failed=True)
        assert detour.begin() == 10
        detour.nothing()
        clock.now += 60
    assert detour.begin() == 0
    detour.nothing()
    assert detour.begin() == 0
    detour.end(10, failed=True)
    detour.begin()
    detour.nothing()
    clock.now += 1
    assert detour.begin() == 0

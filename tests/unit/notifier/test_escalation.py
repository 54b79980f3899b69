"""The life of an alert, without a server and without a clock."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.notifier import domain, escalation
from services.notifier.escalation import Alert, NotNowError
from services.notifier.routing import Position, Raising
from tests.unit.notifier.made import DAY, HOUR, MINUTE, NOON, alert, contact, heard, routes

ALICE, BOB = contact("alice"), contact("bob", 2)


def test_each_contact_in_turn_then_the_first_again_after_a_longer_pause() -> None:
    now, known, called = NOON, alert(), []
    for _ in range(5):
        known, contact_ = escalation.step(known, [ALICE, BOB], now, now)
        assert contact_ and known.next_step_at
        called.append((contact_.id, (known.next_step_at - now) / HOUR))
        now = known.next_step_at
    expected = [("alice", 0.25), ("bob", 4), ("alice", 0.25), ("bob", 8), ("alice", 0.25)]
    assert called == expected


def test_a_missed_step_is_made_up_once() -> None:
    known, _ = escalation.step(alert(), [ALICE, BOB], NOON, NOON + 10 * DAY)
    assert known.next_step_at == NOON + 10 * DAY + 15 * MINUTE
    late, _ = escalation.step(alert(), [ALICE, BOB], NOON, NOON + MINUTE)
    assert late.next_step_at == NOON + 15 * MINUTE


def test_the_list_may_change_between_steps() -> None:
    known, _ = escalation.step(alert(), [ALICE, BOB], NOON, NOON)
    known, nobody = escalation.step(known, [], NOON, NOON)
    assert (nobody, known.called) == (None, ())
    known, first = escalation.step(known, [BOB], NOON, NOON)
    assert first == BOB


def test_one_who_cannot_be_reached_brings_the_next_at_once() -> None:
    known, _ = escalation.step(alert(), [ALICE, BOB], NOON, NOON)
    known, nobody = escalation.missed(known, "alice", [ALICE, BOB], NOON + MINUTE)
    assert (known.next_step_at, nobody) == (NOON + MINUTE, False)
    known, _ = escalation.step(known, [ALICE, BOB], NOON + MINUTE, NOON + MINUTE)
    assert escalation.missed(known, "alice", [ALICE, BOB], NOON + HOUR) == (known, False)
    assert escalation.missed(known, "bob", [ALICE, BOB], NOON + HOUR) == (known, True)
    somebody = replace(known, reached=True)
    assert escalation.missed(somebody, "bob", [ALICE, BOB], NOON + HOUR) == (somebody, False)


def test_acknowledging_settles_what_needs_no_more() -> None:
    known = escalation.acknowledge(alert(), "eva", NOON)
    assert (known.state, known.settled_at, known.next_step_at) == ("settled", NOON, None)
    with pytest.raises(NotNowError, match="already-settled"):
        escalation.acknowledge(known, "tom", NOON)


def test_a_cause_that_stands_lets_the_acknowledgement_lapse() -> None:
    known = escalation.acknowledge(alert(matter="m"), "eva", NOON)
    assert (known.state, known.lapses_at) == ("acknowledged", NOON + DAY)
    with pytest.raises(NotNowError, match="already-acknowledged"):
        escalation.acknowledge(known, "tom", NOON)
    assert escalation.lapse(known, NOON + DAY - MINUTE) is known
    lapsed = escalation.lapse(known, NOON + DAY)
    assert (lapsed.state, lapsed.next_step_at) == ("open", NOON + DAY)
    settled = escalation.settle(known, NOON + HOUR)
    assert (settled.state, settled.lapses_at) == ("settled", None)
    assert escalation.lapse(settled, NOON + DAY) is settled


def test_what_is_settled_can_still_be_seen_and_signed_for_by_one() -> None:
    called, _ = escalation.step(alert(matter="m"), [ALICE], NOON, NOON)
    settled = escalation.settle(called, NOON)
    known = escalation.acknowledge(settled, "eva", NOON)
    assert (known.state, known.acknowledged_by) == ("settled", "eva")
    with pytest.raises(NotNowError, match="already-settled"):
        escalation.acknowledge(known, "tom", NOON)


def _raising(sequence: int, name: str = "RandomizationPaused") -> Raising:
    raising = routes().raised(heard(name, sequence=sequence, letter="x"), NOON)
    assert raising
    return raising


def _settling(sequence: int) -> Position:
    at = heard("RandomizationResumed", sequence=sequence).at
    assert at
    return at


@pytest.mark.parametrize(
    ("known", "settlement", "raised", "was", "state"),
    [
        (None, None, 1, "new", "open"),
        (None, 2, 1, "moot", "settled"),
        (None, 2, 3, "new", "open"),
        ("open", None, 2, "repeat", "open"),
        ("open", 1, 2, "repeat", "open"),
        ("settled", 2, 3, "new", "open"),
        ("settled", 4, 3, "repeat", "settled"),
    ],
)
def test_what_an_event_makes_of_the_alert_of_its_cause(
    known: str | None, settlement: int | None, raised: int, was: str, state: str
) -> None:
    before: Alert | None = None
    if known:
        before = alert(matter="m")
        before = escalation.settle(before, NOON) if known == "settled" else before
    at = _settling(settlement) if settlement else None
    taken = domain.take(before, at, _raising(raised), UUID(int=9), NOON)
    assert (taken.was, taken.alert.state) == (was, state)
    assert taken.alert.repeats == (2 if was == "repeat" else 1)


def test_what_was_settled_by_acknowledging_does_not_call_again() -> None:
    raising = routes().raised(heard("EligibilityDeviation"), NOON)
    assert raising
    done = escalation.acknowledge(alert(), "eva", NOON)
    taken = domain.take(done, None, raising, UUID(int=9), NOON)
    assert (taken.was, taken.alert.state) == ("repeat", "settled")


def test_the_later_of_two_settlements_stays() -> None:
    assert domain.latest(_settling(3), _settling(2)) == _settling(3)
    assert domain.latest(_settling(2), _settling(3)) == _settling(3)
    assert domain.latest(None, _settling(2)) == _settling(2)

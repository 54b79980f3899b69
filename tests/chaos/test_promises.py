"""What is counted as broken, and what is not."""

from collections import Counter

from tests.chaos.promises import Event, of_effects, of_events, of_letters

FACTS = [("a", 1), ("b", 1), ("a", 2)]


def events(*sequences: tuple[str, int]) -> list[Event]:
    return [Event(key, n, n, f"{key}{n}".encode()) for key, n in sequences]


def test_all_is_well() -> None:
    assert of_effects(Counter(FACTS), FACTS) == []
    assert of_events(FACTS, events(*FACTS)) == []
    assert of_events(FACTS, events(("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 1))) == []
    assert of_letters(2, 2) == []


def test_each_promise_is_missed() -> None:
    assert of_effects(Counter(FACTS), FACTS[:2]) == [
        "I1 1 inputs without effect, 0 effects too many"
    ]
    assert of_effects(Counter(FACTS), [*FACTS, ("a", 2)]) == [
        "I1 0 inputs without effect, 1 effects too many"
    ]
    assert of_effects(Counter(FACTS), FACTS[::-1]) == ["I3 effects out of order"]
    assert of_letters(2, 1) == ["I1 1 dead letters for 2 bad inputs"]
    assert of_events(FACTS, events(("a", 1), ("b", 1))) == [
        "I2 1 effects without event, 0 events too many"
    ]
    assert of_events(FACTS[:2], events(*FACTS)) == ["I2 0 effects without event, 1 events too many"]
    assert of_events(FACTS, events(*FACTS[::-1])) == ["I3 sequences with gaps or out of order"]
    assert of_events([("a", 2)], events(("a", 2))) == ["I3 sequences with gaps or out of order"]
    assert of_events(FACTS, [*events(*FACTS), Event("a", 1, 1, b"other")]) == [
        "I3 two events under one sequence"
    ]

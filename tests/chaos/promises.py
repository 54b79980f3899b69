"""What must hold of inputs, effects and events, each known by its key and number. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Fact = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Event:
    """A record of a topic, in the order of its partition."""

    key: str
    number: int
    sequence: int
    ce_id: bytes


def of_effects(given: Counter[Fact], effects: Sequence[Fact]) -> list[str]:
    """I1 and I3: each acknowledged input has exactly one effect, in the order of its key."""
    found = []
    had = Counter(effects)
    if had != given:
        lost, more = (given - had).total(), (had - given).total()
        found.append(f"I1 {lost} inputs without effect, {more} effects too many")
    if any(numbers != sorted(numbers) for numbers in _by_key(effects).values()):
        found.append("I3 effects out of order")
    return found


def of_letters(bad: int, letters: int) -> list[str]:
    """I1 of inputs that cannot be applied: each is one dead letter, and nothing else is."""
    return [f"I1 {letters} dead letters for {bad} bad inputs"] if letters != bad else []


def of_events(effects: Sequence[Fact], events: Sequence[Event]) -> list[str]:
    """I2 and I3: each effect has one event, which may stand there again; sequences count from 1."""
    found = []
    first = {(event.key, event.sequence): event for event in reversed(events)}
    said, had = Counter((event.key, event.number) for event in first.values()), Counter(effects)
    if said != had:
        lost, more = (had - said).total(), (said - had).total()
        found.append(f"I2 {lost} effects without event, {more} events too many")
    came = _by_key(dict.fromkeys((event.key, event.sequence) for event in events))
    if any(numbers != list(range(1, len(numbers) + 1)) for numbers in came.values()):
        found.append("I3 sequences with gaps or out of order")
    if any(first[event.key, event.sequence].ce_id != event.ce_id for event in events):
        found.append("I3 two events under one sequence")
    return found


def _by_key(facts: Iterable[Fact]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key, number in facts:
        found.setdefault(key, []).append(number)
    return found

"""Rules: what a protocol says of a form, as three-valued closures over its facts.

A rule is true, false or unknown (None), by Kleene: one false conjunct makes an *and* false whatever
is unknown, one true disjunct makes an *or* true. ``asks`` names the unknown fields that can still
change an unknown rule: those of its unknown parts, since a part that is decided asks for none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool | None]
Asks = Callable[[Facts], frozenset[str]]

NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; ``asks`` is for facts on which ``test`` gave None."""

    test: Test
    asks: Asks
    reads: frozenset[str]


def leaf(test: Test, operands: Sequence[tuple[str, str]]) -> Rule:
    """A rule over single facts; ``operands`` are their keys, each with the field it is part of,
    which is empty for a fact that no form holds (today)."""

    def asks(facts: Facts) -> frozenset[str]:
        return frozenset(owner for key, owner in operands if owner and facts.get(key) is None)

    return Rule(test, asks, frozenset(owner for _, owner in operands if owner))


def all_of(rules: Sequence[Rule]) -> Rule:
    """True when all are, false when one is."""
    tests = tuple(rule.test for rule in rules)

    def test(facts: Facts) -> bool | None:
        answer: bool | None = True
        for one in tests:
            outcome = one(facts)
            if outcome is False:
                return False
            if outcome is None:
                answer = None
        return answer

    return Rule(test, _unknown_of(rules), _reads(rules))


def any_of(rules: Sequence[Rule]) -> Rule:
    """True when one is, false when none is."""
    tests = tuple(rule.test for rule in rules)

    def test(facts: Facts) -> bool | None:
        answer: bool | None = False
        for one in tests:
            outcome = one(facts)
            if outcome is True:
                return True
            if outcome is None:
                answer = None
        return answer

    return Rule(test, _unknown_of(rules), _reads(rules))


def not_of(rule: Rule) -> Rule:
    """True when the rule is false; unknown stays unknown."""
    inner = rule.test

    def test(facts: Facts) -> bool | None:
        outcome = inner(facts)
        return None if outcome is None else not outcome

    return Rule(test, rule.asks, rule.reads)


def any_item(field: str, where: Rule, bind: Callable[[Facts, Any], Facts]) -> Rule:
    """True when one item of the list meets ``where``, false when none does: ``[]`` is false.

    Of an unknown list it is false only where no item whatever could meet ``where``.
    """
    inner = where.test

    def test(facts: Facts) -> bool | None:
        items = facts.get(field)
        if items is None:
            return False if inner(facts) is False else None
        answer: bool | None = False
        for item in items:
            outcome = inner(bind(facts, item))
            if outcome is True:
                return True
            if outcome is None:
                answer = None
        return answer

    def asks(facts: Facts) -> frozenset[str]:
        items = facts.get(field)
        if items is None:
            rest = where.asks(facts) if inner(facts) is None else NOTHING
            return rest | {field}
        found = NOTHING
        for item in items:
            bound = bind(facts, item)
            if inner(bound) is None:
                found |= where.asks(bound)
        return found

    return Rule(test, asks, where.reads | {field})


def bind_text(facts: Facts, item: Any) -> Facts:
    """The facts with a text of a list as ``item``."""
    return {**facts, "item": item}


def bind_members(facts: Facts, item: Any) -> Facts:
    """The facts with the members of an entry of a list as ``item.member``."""
    return {**facts, **item}


def _unknown_of(rules: Sequence[Rule]) -> Asks:
    def asks(facts: Facts) -> frozenset[str]:
        found = NOTHING
        for rule in rules:
            if rule.test(facts) is None:
                found |= rule.asks(facts)
        return found

    return asks


def _reads(rules: Sequence[Rule]) -> frozenset[str]:
    return NOTHING.union(*(rule.reads for rule in rules))

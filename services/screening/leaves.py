"""The plain statements of a rule: one or two facts compared, exactly and three-valued.

Numbers compare as the decimals or fractions they are, in the canonical unit; a multiple of a limit
of normal compares in the unit that both were given in, so that no conversion is needed. With a word
in place of its number a comparison is unknown: nobody has measured, so nobody knows.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from itertools import product
from operator import attrgetter
from typing import Any, Final

from services.screening.formulas import Formula
from services.screening.powers import Product
from services.screening.rules import Facts, Rule, Test, leaf
from services.screening.statements import Argument, End, Number, Operand, Times

Limit = tuple[str, Number]

#: Wide enough that a product of two submitted numbers is never rounded; it would raise.
EXACT: Final = Context(prec=5000, traps=[Inexact, InvalidOperation])

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "at_most": operator.le,
    "below": operator.lt,
}


def is_true(operand: Operand) -> Rule:
    """The field is true."""
    key = operand[0]
    return leaf(lambda facts: facts.get(key), [operand])


def one_of(operand: Operand, words: frozenset[str]) -> Rule:
    """The field says one of the words."""
    key = operand[0]

    def test(facts: Facts) -> bool | None:
        word = facts.get(key)
        return None if word is None else word in words

    return leaf(test, [operand])


def number(operand: Operand, limits: Sequence[Limit], quantity: bool) -> Rule:
    """The number, in its canonical unit, keeps to all limits."""
    key = operand[0]
    keeps = _keeps(limits)

    def test(facts: Facts) -> bool | None:
        fact = facts.get(key)
        if fact is None or type(fact) is str:
            return None
        return keeps(fact.value if quantity else fact)

    return _compared(test, [operand])


def x_normal(operand: Operand, limits: Sequence[tuple[str, Decimal]], end: End) -> Rule:
    """The value keeps to multiples of its own limit of normal."""
    key = operand[0]
    checks = tuple((COMPARE[word], limit) for word, limit in limits)
    times, normal = EXACT.multiply, attrgetter(end)

    def test(facts: Facts) -> bool | None:
        fact = facts.get(key)
        if fact is None or type(fact) is str:
            return None
        one = normal(fact)
        return False not in [compare(fact.given, times(limit, one)) for compare, limit in checks]

    return _compared(test, [operand])


def x_field(
    operand: Operand, other: Operand, limits: Sequence[Limit], factor: Fraction | None
) -> Rule:
    """The number keeps to multiples of another; ``factor`` brings that one into its unit."""
    key, times = operand[0], other[0]
    checks = tuple((COMPARE[word], Fraction(limit) * (factor or 1)) for word, limit in limits)

    def test(facts: Facts) -> bool | None:
        one, two = facts.get(key), facts.get(times)
        if one is None or two is None or type(one) is str:
            return None
        first, second = _plain(one), _plain(two)
        return all(compare(first, limit * Fraction(second)) for compare, limit in checks)

    return _compared(test, [operand, other])


def formula(
    which: Formula,
    arguments: Sequence[Argument],
    limits: Sequence[Limit],
    times: Times | None = None,
) -> Rule:
    """The formula's result keeps to the limits, or to multiples; an unknown word counts where its
    values agree.
    """
    keys = {one.name: one.operand[0] for one in arguments}
    numbers = [
        (one.name, keys[one.name], one.factor) for one in arguments if one.name in which.numbers
    ]
    words = {name: keys[name] for name in which.words}
    plain = [(word, Fraction(limit)) for word, limit in limits]
    keeps_to = _keeps(plain)
    read = [one.operand for one in arguments]

    def test(facts: Facts) -> bool | None:
        keeps = keeps_to
        if times is not None:
            of_which = facts.get(times.operand[0])
            if of_which is None:
                return None
            one = in_unit(of_which, times)
            keeps = _keeps([(word, limit * one) for word, limit in plain])
        of: dict[str, Any] = {}
        for name, key, factor in numbers:
            fact = facts.get(key)
            if fact is None:
                return None
            value = _plain(fact)
            of[name] = value if factor is None else Fraction(value) * factor
        for name, key in words.items():
            of[name] = facts.get(key)
        unknown = [name for name in words if of[name] is None]
        if not unknown:
            return keeps(which.compute(of))
        answers = set()
        for chosen in product(*(which.words[name] for name in unknown)):
            of.update(zip(unknown, chosen, strict=True))
            answers.add(keeps(which.compute(of)))
        return answers.pop() if len(answers) == 1 else None

    return leaf(test, read if times is None else [*read, times.operand])


def in_unit(fact: Any, times: Times) -> Fraction:
    """What limits are multiples of, in the unit of what is compared with them."""
    number = _plain(fact)
    if times.end is not None:
        given: Decimal = getattr(fact, times.end)
        number = given if fact.line is None else fact.line.of(given)
    return Fraction(number) * (times.factor or 1)


def attested(operand: Operand, criterion: str) -> Rule:
    """What the investigator attested of the criterion; unknown where the map does not name it."""
    key, owner = operand

    def test(facts: Facts) -> bool | None:
        known = facts.get(key)
        return None if known is None else known.get(criterion)

    return Rule(test, lambda _: frozenset((owner,)), frozenset((owner,)))


def _compared(test: Test, operands: Sequence[Operand]) -> Rule:
    """A rule over numbers; where a word stands for one, the field is asked for as if unknown."""

    def asks(facts: Facts) -> frozenset[str]:
        facts_of = ((owner, facts.get(key)) for key, owner in operands)
        return frozenset(owner for owner, fact in facts_of if fact is None or type(fact) is str)

    return Rule(test, asks, frozenset(owner for _, owner in operands))


def _plain(fact: Any) -> Number:
    """The number of a quantity, in its canonical unit, or a number as it is."""
    value: Number = getattr(fact, "value", fact)
    return value


def _keeps(limits: Sequence[Limit]) -> Callable[[Number | Product], bool]:
    """Whether a number keeps to all limits."""
    checks = tuple((COMPARE[word], limit) for word, limit in limits)
    if len(checks) > 1:
        return lambda value: all(compare(value, limit) for compare, limit in checks)
    ((compare, limit),) = checks
    return lambda value: compare(value, limit)

"""Statements made to decide: each becomes a three-valued rule over the facts of a form."""

from decimal import Decimal
from typing import assert_never

from services.screening import leaves, rules, windows
from services.screening.formulas import FORMULAS
from services.screening.rules import Rule
from services.screening.statements import (
    AllOf,
    AnyItem,
    AnyOf,
    Attested,
    Before,
    Computed,
    IsTrue,
    Limit,
    Measured,
    NotAfter,
    NotOf,
    OneOf,
    Says,
    Statement,
    Within,
    XField,
    XNormal,
)


def compiled(said: Statement) -> Rule:
    """The rule that a statement makes."""
    match said:
        case AllOf(parts):
            return rules.all_of([compiled(part) for part in parts])
        case AnyOf(parts):
            return rules.any_of([compiled(part) for part in parts])
        case NotOf(part):
            return rules.not_of(compiled(part))
        case IsTrue(operand):
            return leaves.is_true(operand)
        case OneOf(operand, words):
            return leaves.one_of(operand, frozenset(words))
        case Measured(operand, limits, _, quantity):
            return leaves.number(operand, _limits(limits), quantity)
        case XNormal(operand, limits, end):
            multiples = [(limit.word, Decimal(limit.written)) for limit in limits]
            return leaves.x_normal(operand, multiples, end)
        case XField(operand, other, limits, factor):
            return leaves.x_field(operand, other, _limits(limits), factor)
        case Computed(name, of, limits, times):
            return leaves.formula(FORMULAS[name], of, _limits(limits), times)
        case Within(operand, reference, span, after):
            return windows.within(operand, reference, span, after)
        case Before(operand, reference, span, or_on):
            return windows.earlier_than(operand, reference, span, or_on)
        case NotAfter(operand, day):
            return windows.on_or_before(operand, day)
        case Says(operand, word):
            return windows.says(operand, word)
        case AnyItem(field, where, texts):
            bind = rules.bind_text if texts else rules.bind_members
            return rules.any_item(field, compiled(where), bind)
        case Attested(operand, criterion):
            return leaves.attested(operand, criterion)
    assert_never(said)


def _limits(limits: tuple[Limit, ...]) -> list[leaves.Limit]:
    return [(limit.word, limit.value) for limit in limits]

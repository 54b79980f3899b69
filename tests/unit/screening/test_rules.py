"""Any rule at all against its own completions: Kleene's logic, in both orders of operands."""

from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.screening.compiling import compiled
from services.screening.fields import BoolField
from services.screening.scope import Scope
from services.screening.vocabulary import statement
from tests.unit.screening.examples import examples
from tests.unit.screening.forms import Form

LEAVES = "abcdefgh"
SCOPE = Scope.of({name: BoolField(type="bool") for name in LEAVES})


@st.composite
def trees(draw: st.DrawFn, leaves: str) -> Any:
    """A rule in which every leaf stands once."""
    if len(leaves) == 1:
        leaf = {"is_true": leaves}
        return {"not": leaf} if draw(st.booleans()) else leaf
    cut = draw(st.integers(1, len(leaves) - 1))
    parts = [draw(trees(part)) for part in (leaves[:cut], leaves[cut:])]
    rule = {draw(st.sampled_from(["all", "any"])): parts}
    return {"not": rule} if draw(st.booleans()) else rule


def two_valued(rule: Any, facts: Form) -> bool:
    """A rule whose facts are all known."""
    ((word, said),) = rule.items()
    match word:
        case "is_true":
            return bool(facts[said])
        case "not":
            return not two_valued(said, facts)
        case "all":
            return all(two_valued(one, facts) for one in said)
        case _:
            return any(two_valued(one, facts) for one in said)


def turned(rule: Any) -> Any:
    """The rule with the operands of every word in the other order."""
    ((word, said),) = rule.items()
    if word == "is_true":
        return rule
    return {word: turned(said) if word == "not" else [turned(one) for one in reversed(said)]}


def flipped(truths: tuple[bool, ...], at: int) -> tuple[bool, ...]:
    """The truths with one of them turned."""
    return (*truths[:at], not truths[at], *truths[at + 1 :])


@examples(150)
@given(data=st.data())
def test_any_rule_is_what_all_completions_make_of_it(data: st.DataObject) -> None:
    """Kleene, in both orders of operands; ``asks`` are the facts that turn some completion."""
    leaves = LEAVES[: data.draw(st.integers(2, len(LEAVES)))]
    rule = data.draw(trees(leaves))
    facts = {name: data.draw(st.sampled_from([True, False, None])) for name in leaves}
    unknown = [name for name in leaves if facts[name] is None]
    table = {
        some: two_valued(rule, {**facts, **dict(zip(unknown, some, strict=True))})
        for some in product([True, False], repeat=len(unknown))
    }
    outcome = None if len({*table.values()}) > 1 else next(iter(table.values()))
    turning = {
        name
        for at, name in enumerate(unknown)
        if outcome is None
        and any(
            table[some] is not table[(*some[:at], not some[at], *some[at + 1 :])] for some in table
        )
    }
    known = {name: fact for name, fact in facts.items() if fact is not None}
    for order in (rule, turned(rule)):
        made = compiled(statement(order, SCOPE))
        assert made.test(known) is outcome
        assert made.reads == {*leaves}
        if outcome is None:
            assert made.asks(known) == turning

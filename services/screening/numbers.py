"""Words about numbers, read as statements: limits, multiples and formulas."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from services.screening import limits
from services.screening.fields import ChoiceField, IntField, QuantityField
from services.screening.formulas import FORMULAS, Formula
from services.screening.saying import ENDS
from services.screening.scope import Path, RuleError, Scope, both, each, meant
from services.screening.statements import (
    Argument,
    Computed,
    End,
    Measured,
    Operand,
    Statement,
    Times,
    XField,
    XNormal,
)
from services.screening.words import FormulaWords, NormalWords, NumberWords, XFieldWords

_ENDS: Final[Mapping[str, End]] = {"x_uln": "uln", "x_lln": "lln"}


def number(said: object, scope: Scope, path: Path) -> Statement:
    """The number keeps to limits in its unit."""
    words = NumberWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), *limits.NUMBERS)
    unit = limits.unit_of(spec)
    kept = limits.read(words, partial(limits.in_unit, unit, limits.bridge(spec)), path)
    return Measured(operand, kept, unit, isinstance(spec, QuantityField))


def x_uln(said: object, scope: Scope, path: Path) -> Statement:
    """The value keeps to multiples of its upper limit of normal."""
    return _x_normal(said, scope, path, "uln")


def x_lln(said: object, scope: Scope, path: Path) -> Statement:
    """The value keeps to multiples of its lower limit of normal."""
    return _x_normal(said, scope, path, "lln")


def _x_normal(said: object, scope: Scope, path: Path, end: End) -> Statement:
    words = NormalWords.model_validate(said)
    found, kept = both(
        lambda: _normal(words.field, scope, (*path, "field"), end),
        lambda: limits.read(words, limits.multiple, path),
    )
    return XNormal(found[1], kept, end)


def _normal(key: str, scope: Scope, path: Path, end: End) -> tuple[QuantityField, Operand]:
    """The field with this limit of normal; raises ``RuleError``."""
    spec, operand = scope.find(key, path, QuantityField)
    if not getattr(spec, end):
        raise RuleError(path, f"{key} has no {ENDS[end]} of normal")
    return spec, operand


def x_field(said: object, scope: Scope, path: Path) -> Statement:
    """The number keeps to multiples of another field."""
    words = XFieldWords.model_validate(said)
    (one, other), kept = both(
        lambda: both(
            lambda: scope.find(words.field, (*path, "field"), *limits.NUMBERS),
            lambda: _sure(words.of, scope, (*path, "of")),
        ),
        lambda: limits.read(words, limits.multiple, path),
    )
    factor = limits.factor(
        limits.unit_of(other[0]),
        limits.unit_of(one[0]),
        limits.bridge(one[0]) or limits.bridge(other[0]),
    )
    if isinstance(factor, str):
        raise RuleError((*path, "of"), f"{words.of} {factor}")
    for spec, key in ((one[0], words.field), (other[0], words.of)):
        for limit in kept if not limits.true_zero(spec) else ():
            if limit.value != 1:
                no_zero = f"{key} has no true zero, so that only 1 times it means anything"
                raise RuleError((*path, limit.word), no_zero)
    return XField(one[1], other[1], kept, factor)


def formula(said: object, scope: Scope, path: Path) -> Statement:
    """The result of a named formula keeps to limits."""
    words = FormulaWords.model_validate(said)
    which = FORMULAS.get(words.name)
    if which is None:
        near = meant(words.name, FORMULAS)
        raise RuleError((*path, "name"), "unknown; the formulas are " + ", ".join(FORMULAS) + near)
    needs = {*which.numbers, *which.words}
    if needs != words.of.keys():
        raise RuleError((*path, "of"), f"{words.name} is of " + ", ".join(sorted(needs)))
    named = words.times(path)
    take = limits.multiple if named else partial(limits.in_unit, which.unit, None)
    of, (kept, times) = both(
        lambda: each(
            partial(_argument, which, name, words.of[name], scope, (*path, "of", name))
            for name in (*which.numbers, *which.words)
        ),
        lambda: both(
            lambda: limits.read(words, take, path),
            lambda: None if named is None else _times(which, *named, scope, path),
        ),
    )
    return Computed(which.name, tuple(of), kept, times)


def _times(which: Formula, word: str, key: str, scope: Scope, path: Path) -> Times:
    """What a formula's limits are multiples of; raises ``RuleError``."""
    here = (*path, word)
    end = _ENDS.get(word)
    spec, operand = _sure(key, scope, here)
    if end is not None:
        spec, operand = _normal(key, scope, here, end)
    factor = limits.factor(limits.unit_of(spec), which.unit, limits.bridge(spec))
    if isinstance(factor, str):
        raise RuleError(here, f"{key} {factor}")
    return Times(operand, end, factor)


def _sure(key: str, scope: Scope, path: Path) -> tuple[limits.NumberSpec, Operand]:
    """A field that holds a number and never a word instead; raises ``RuleError``."""
    spec, operand = scope.find(key, path, *limits.NUMBERS)
    if spec.word is not None:
        raise RuleError(path, f"{key} may be no number, so nothing can be worked out from it")
    return spec, operand


def _argument(which: Formula, name: str, key: str, scope: Scope, path: Path) -> Argument:
    choices = which.words.get(name)
    if choices is not None:
        spec, operand = scope.find(key, path, ChoiceField)
        if {*spec.of} != {*choices}:
            raise RuleError(path, f"{which.name} knows {name} as " + ", ".join(choices))
        return Argument(name, operand)
    spec, operand = _sure(key, scope, path)
    unit = which.numbers[name]
    factor = (
        None if isinstance(spec, IntField) else limits.factor(spec.unit, unit, limits.bridge(spec))
    )
    if isinstance(factor, str):
        raise RuleError(path, f"{which.name} needs {name} in {unit}")
    if name in which.above_zero and not limits.above_zero(spec):
        raise RuleError(path, f"{which.name} needs {name} above 0: say so at the field {key}")
    return Argument(name, operand, factor)

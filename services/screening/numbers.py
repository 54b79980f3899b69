"""Words about numbers, read as statements: limits, multiples and formulas."""

from functools import partial

from services.screening import limits
from services.screening.fields import ChoiceField, IntField, QuantityField
from services.screening.formulas import FORMULAS, Formula
from services.screening.scope import Path, RuleError, Scope, both, each, meant
from services.screening.statements import (
    Argument,
    Computed,
    Measured,
    Operand,
    Statement,
    XField,
    XUln,
)
from services.screening.words import FormulaWords, NumberWords, UlnWords, XFieldWords


def number(said: object, scope: Scope, path: Path) -> Statement:
    """The number keeps to limits in its unit."""
    words = NumberWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), *limits.NUMBERS)
    unit = limits.unit_of(spec)
    kept = limits.read(words, partial(limits.in_unit, unit, limits.bridge(spec)), path)
    return Measured(operand, kept, unit, isinstance(spec, QuantityField))


def x_uln(said: object, scope: Scope, path: Path) -> Statement:
    """The value keeps to multiples of its upper limit of normal."""
    words = UlnWords.model_validate(said)

    def found() -> Operand:
        spec, operand = scope.find(words.field, (*path, "field"), QuantityField)
        if not spec.uln:
            raise RuleError((*path, "field"), f"{words.field} has no upper limit of normal")
        return operand

    return XUln(*both(found, lambda: limits.read(words, limits.multiple, path)))


def x_field(said: object, scope: Scope, path: Path) -> Statement:
    """The number keeps to multiples of another field."""
    words = XFieldWords.model_validate(said)
    (one, other), kept = both(
        lambda: both(
            lambda: scope.find(words.field, (*path, "field"), *limits.NUMBERS),
            lambda: scope.find(words.of, (*path, "of"), *limits.NUMBERS),
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
    of, kept = both(
        lambda: each(
            partial(_argument, which, name, words.of[name], scope, (*path, "of", name))
            for name in (*which.numbers, *which.words)
        ),
        lambda: limits.read(words, partial(limits.in_unit, which.unit, None), path),
    )
    return Computed(which.name, tuple(of), kept)


def _argument(which: Formula, name: str, key: str, scope: Scope, path: Path) -> Argument:
    choices = which.words.get(name)
    if choices is not None:
        spec, operand = scope.find(key, path, ChoiceField)
        if {*spec.of} != {*choices}:
            raise RuleError(path, f"{which.name} knows {name} as " + ", ".join(choices))
        return Argument(name, operand)
    spec, operand = scope.find(key, path, *limits.NUMBERS)
    unit = which.numbers[name]
    factor = (
        None if isinstance(spec, IntField) else limits.factor(spec.unit, unit, limits.bridge(spec))
    )
    if isinstance(factor, str):
        raise RuleError(path, f"{which.name} needs {name} in {unit}")
    if name in which.above_zero and not limits.above_zero(spec):
        raise RuleError(path, f"{which.name} needs {name} above 0: say so at the field {key}")
    return Argument(name, operand, factor)

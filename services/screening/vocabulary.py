"""The closed vocabulary of rules: each word of a protocol file, checked against the data dictionary
and compiled.

A rule is a map with one key, the word; docs/protocols.md lists them. What is wrong is raised as
``RuleError`` with its path, which the caller turns into file and line.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from pydantic import ValidationError

from services.screening import leaves, rules, units, windows
from services.screening.fields import (
    BoolField,
    ChoiceField,
    DateField,
    IntField,
    ItemDateField,
    ListField,
    MapField,
    NumberField,
    QuantityField,
    TextField,
)
from services.screening.formulas import FORMULAS
from services.screening.leaves import Operand
from services.screening.rules import Rule
from services.screening.scope import Path, RuleError, Scope, fault_of
from services.screening.words import (
    AnyItemWords,
    DayWords,
    FormulaWords,
    Limited,
    NumberWords,
    OneOfWords,
    Reach,
    SaysWords,
    UlnWords,
)

#: The day at the site: the one fact that is no field.
TODAY: Final = "today"


def compiled(raw: object, scope: Scope, path: Path = ()) -> Rule:
    """The rule that a map with one key says; raises ``RuleError``."""
    if not isinstance(raw, dict) or len(raw) != 1:
        raise RuleError(path, "a rule is a map with one key, one of " + ", ".join(WORDS))
    ((word, said),) = raw.items()
    here = (*path, word)
    if word not in WORDS:
        raise RuleError(here, "unknown; the vocabulary is " + ", ".join(WORDS))
    try:
        return WORDS[word](said, scope, here)
    except ValidationError as error:
        place, msg = fault_of(error, said)
        raise RuleError((*here, *place), msg) from None


def _several(said: object, scope: Scope, path: Path) -> list[Rule]:
    if not isinstance(said, list) or not said:
        raise RuleError(path, "needs a list of rules")
    return [compiled(one, scope, (*path, index)) for index, one in enumerate(said)]


def _all(said: object, scope: Scope, path: Path) -> Rule:
    return rules.all_of(_several(said, scope, path))


def _any(said: object, scope: Scope, path: Path) -> Rule:
    return rules.any_of(_several(said, scope, path))


def _not(said: object, scope: Scope, path: Path) -> Rule:
    return rules.not_of(compiled(said, scope, path))


def _is_true(said: object, scope: Scope, path: Path) -> Rule:
    return leaves.is_true(scope.find(_name(said, path), path, BoolField)[1])


def _one_of(said: object, scope: Scope, path: Path) -> Rule:
    words = OneOfWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), ChoiceField, TextField)
    if isinstance(spec, ChoiceField):
        for index, word in enumerate(words.words):
            if word not in spec.of:
                raise RuleError((*path, "words", index), f"{word} is no choice of {words.field}")
    return leaves.one_of(operand, frozenset(words.words))


def _number(said: object, scope: Scope, path: Path) -> Rule:
    words = NumberWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), IntField, NumberField, QuantityField)
    unit = None if isinstance(spec, IntField) else spec.unit
    limits = [(word, _limit(limit, unit, spec, (*path, word))) for word, limit in words.given(path)]
    return leaves.number(operand, limits, isinstance(spec, QuantityField))


def _x_uln(said: object, scope: Scope, path: Path) -> Rule:
    words = UlnWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), QuantityField)
    if not spec.uln:
        raise RuleError((*path, "field"), f"{words.field} has no upper limit of normal")
    limits: list[tuple[str, Decimal]] = []
    for word, limit in words.given(path):
        if isinstance(limit, str):
            raise RuleError((*path, word), "a multiple has no unit")
        limits.append((word, Decimal(limit)))
    return leaves.x_uln(operand, limits)


def _formula(said: object, scope: Scope, path: Path) -> Rule:
    words = FormulaWords.model_validate(said)
    which = FORMULAS.get(words.name)
    if which is None:
        raise RuleError((*path, "name"), "unknown; the formulas are " + ", ".join(FORMULAS))
    needs = {*which.numbers, *which.words}
    if needs != words.of.keys():
        raise RuleError((*path, "of"), f"{words.name} is of " + ", ".join(sorted(needs)))
    operands: dict[str, Operand] = {}
    for name, unit in which.numbers.items():
        here = (*path, "of", name)
        spec, operands[name] = scope.find(words.of[name], here, IntField, QuantityField)
        if isinstance(spec, QuantityField) and spec.unit != unit:
            raise RuleError(here, f"{words.name} needs {name} in {unit}")
    for name, choices in which.words.items():
        here = (*path, "of", name)
        spec, operands[name] = scope.find(words.of[name], here, ChoiceField)
        if {*spec.of} != {*choices}:
            raise RuleError(here, f"{words.name} knows {name} as " + ", ".join(choices))
    limits = [
        (word, _limit(limit, which.unit, None, (*path, word))) for word, limit in words.given(path)
    ]
    return leaves.formula(which, operands, limits)


def _within(said: object, scope: Scope, path: Path) -> Rule:
    words = Reach.model_validate(said)
    operand, before = _days(words, scope, path)
    least, most, months, open_end = words.reach(path)
    return windows.within(operand, before, (least, most), months, open_end)


def _earlier_than(said: object, scope: Scope, path: Path) -> Rule:
    words = Reach.model_validate(said)
    operand, before = _days(words, scope, path)
    least, most, months, open_end = words.reach(path)
    if least or open_end:
        raise RuleError(path, "needs one number of days, weeks, months or years")
    return windows.earlier_than(operand, before, most, months)


def _on_or_before(said: object, scope: Scope, path: Path) -> Rule:
    words = DayWords.model_validate(said)
    operand = scope.find(words.field, (*path, "field"), DateField, ItemDateField)
    day = (
        (None, (TODAY, "")) if words.day == TODAY else _reference(words.day, scope, (*path, "day"))
    )
    if operand[0].word is not None:
        raise RuleError((*path, "field"), f"{words.field} may be no day")
    return windows.on_or_before(operand[1], day[1])


def _says(said: object, scope: Scope, path: Path) -> Rule:
    words = SaysWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), DateField, ItemDateField)
    if spec.word != words.word:
        raise RuleError((*path, "word"), f"{words.field} never says {words.word}")
    return windows.says(operand, words.word)


def _any_item(said: object, scope: Scope, path: Path) -> Rule:
    words = AnyItemWords.model_validate(said)
    spec, (key, _) = scope.find(words.list, (*path, "list"), ListField)
    where = compiled(words.where, scope.inside(key, spec), (*path, "where"))
    bind = rules.bind_text if isinstance(spec.of, TextField) else rules.bind_members
    return rules.any_item(key, where, bind)


def _attested_in(said: object, scope: Scope, path: Path) -> Rule:
    _, operand = scope.find(_name(said, path), path, MapField)
    if scope.criterion is None:
        raise RuleError(path, "only a criterion is attested")
    return leaves.attested(operand, scope.criterion)


def _name(said: object, path: Path) -> str:
    if not isinstance(said, str):
        raise RuleError(path, "needs the name of a field")
    return said


def _days(words: Reach, scope: Scope, path: Path) -> tuple[Operand, Operand]:
    _, operand = scope.find(words.field, (*path, "field"), DateField, ItemDateField)
    return operand, _reference(words.before, scope, (*path, "before"))[1]


def _reference(key: str, scope: Scope, path: Path) -> tuple[object, Operand]:
    spec, operand = scope.find(key, path, DateField)
    if spec.word is not None:
        raise RuleError(path, f"{key} may be no day, so nothing can be counted from it")
    return spec, operand


def _limit(limit: Limited, unit: str | None, spec: Any, path: Path) -> int | Decimal | Fraction:
    """The limit in the field's unit; raises ``RuleError``."""
    if not isinstance(limit, str):
        if unit not in (None, "1"):
            raise RuleError(path, f"needs its unit, like {limit} {unit}")
        return limit
    if unit is None:
        raise RuleError(path, "is compared with a whole number, which has no unit")
    try:
        value, code = units.measure(limit)
        by = spec.by() if isinstance(spec, QuantityField) else None
        factor = units.factor(code, unit, by)
    except units.UnknownUnit:
        raise RuleError(path, "is not in a UCUM unit") from None
    except units.OtherDimension:
        raise RuleError(path, f"cannot be converted to {unit}") from None
    except ValueError as error:
        raise RuleError(path, str(error)) from None
    return value if factor is None else Fraction(value) * factor


WORDS: Final[Mapping[str, Callable[[object, Scope, Path], Rule]]] = {
    "all": _all,
    "any": _any,
    "not": _not,
    "is_true": _is_true,
    "one_of": _one_of,
    "number": _number,
    "x_uln": _x_uln,
    "formula": _formula,
    "within": _within,
    "earlier_than": _earlier_than,
    "on_or_before": _on_or_before,
    "says": _says,
    "any_item": _any_item,
    "attested_in": _attested_in,
}

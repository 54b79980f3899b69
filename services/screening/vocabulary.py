"""The closed vocabulary of rules: each word of a protocol file, checked against the data dictionary
and read as a statement.

A rule is a map with one key, the word; docs/protocols.md lists them. What is wrong is raised as one
``RuleError`` with the paths of all faults, which the caller turns into file and line.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from pydantic import ValidationError

from services.screening import days, numbers
from services.screening.fields import (
    BoolField,
    ChoiceField,
    ListField,
    MapField,
    TextField,
)
from services.screening.scope import Path, RuleError, Scope, each, faults_of, meant
from services.screening.statements import (
    AllOf,
    AnyItem,
    AnyOf,
    Attested,
    IsTrue,
    NotOf,
    OneOf,
    Statement,
)
from services.screening.words import (
    AnyItemWords,
    OneOfWords,
)


def statement(raw: object, scope: Scope, path: Path = ()) -> Statement:
    """What a map with one key says; raises ``RuleError`` with all faults."""
    if not isinstance(raw, dict) or len(raw) != 1:
        raise RuleError(path, "a rule is a map with one key, one of " + ", ".join(WORDS))
    ((word, said),) = raw.items()
    here = (*path, word)
    if word not in WORDS:
        near = meant(str(word), WORDS)
        raise RuleError(here, "unknown; the vocabulary is " + ", ".join(WORDS) + near)
    try:
        return WORDS[word](said, scope, here)
    except ValidationError as error:
        faults = faults_of(error, said)
        raise RuleError.of(((*here, *place), msg) for place, msg in faults) from None


def _several(said: object, scope: Scope, path: Path) -> tuple[Statement, ...]:
    if not isinstance(said, list) or not said:
        raise RuleError(path, "needs a list of rules")
    return tuple(
        each(partial(statement, one, scope, (*path, index)) for index, one in enumerate(said))
    )


def _all(said: object, scope: Scope, path: Path) -> Statement:
    return AllOf(_several(said, scope, path))


def _any(said: object, scope: Scope, path: Path) -> Statement:
    return AnyOf(_several(said, scope, path))


def _not(said: object, scope: Scope, path: Path) -> Statement:
    return NotOf(statement(said, scope, path))


def _is_true(said: object, scope: Scope, path: Path) -> Statement:
    return IsTrue(scope.find(_name(said, path), path, BoolField)[1])


def _one_of(said: object, scope: Scope, path: Path) -> Statement:
    words = OneOfWords.model_validate(said)
    spec, operand = scope.find(words.field, (*path, "field"), ChoiceField, TextField)
    if isinstance(spec, ChoiceField):
        unknown = [
            ((*path, "words", index), f"{word} is no choice of {words.field}{meant(word, spec.of)}")
            for index, word in enumerate(words.words)
            if word not in spec.of
        ]
        if unknown:
            raise RuleError.of(unknown)
    return OneOf(operand, tuple(words.words))


def _any_item(said: object, scope: Scope, path: Path) -> Statement:
    words = AnyItemWords.model_validate(said)
    spec, (key, _) = scope.find(words.list, (*path, "list"), ListField)
    where = statement(words.where, scope.inside(key, spec), (*path, "where"))
    return AnyItem(key, where, isinstance(spec.of, TextField))


def _attested_in(said: object, scope: Scope, path: Path) -> Statement:
    _, operand = scope.find(_name(said, path), path, MapField)
    if scope.criterion is None:
        raise RuleError(path, "only a criterion is attested")
    return Attested(operand, scope.criterion)


def _name(said: object, path: Path) -> str:
    if not isinstance(said, str):
        raise RuleError(path, "needs the name of a field")
    return said


WORDS: Final[Mapping[str, Callable[[object, Scope, Path], Statement]]] = {
    "all": _all,
    "any": _any,
    "not": _not,
    "is_true": _is_true,
    "one_of": _one_of,
    "number": numbers.number,
    "x_uln": numbers.x_uln,
    "x_lln": numbers.x_lln,
    "x_field": numbers.x_field,
    "formula": numbers.formula,
    "within": days.within,
    "earlier_than": days.earlier_than,
    "no_later_than": days.no_later_than,
    "on_or_before": days.on_or_before,
    "says": days.says,
    "any_item": _any_item,
    "attested_in": _attested_in,
}

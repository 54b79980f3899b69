"""Strict readers of single values of an adverse event form: what JSON gave, against one type.

A reader takes the raw value, its place and the list of errors; it returns the value, or None after
having added an error. Messages are for the person at the site and never repeat what was submitted.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from services.safety.days import Days, NoTime, days, instant
from shared.contracts.jsontext import Loc

Errors = list[tuple[Loc, str]]
T = TypeVar("T")
Reader = Callable[[object, Loc, Errors], T | None]

LONGEST_TERM: Final = 200  # characters


class FormErrors(ValueError):
    """What was submitted breaks its form; ``errors`` are all places with what is wrong there."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(f"{len(errors)} errors in the form")
        self.errors = errors


def term(raw: object, loc: Loc, errors: Errors) -> str | None:
    """A text of 1 to 200 characters, not blank, kept as it was written."""
    if type(raw) is not str:
        errors.append((loc, "must be text"))
    elif blank(raw):
        errors.append((loc, "must not be blank"))
    elif len(raw) > LONGEST_TERM:
        errors.append((loc, f"is longer than {LONGEST_TERM} characters"))
    else:
        return raw
    return None


def blank(text: str) -> bool:
    """Whether nothing in the text can be seen: it has only spaces, controls and format signs."""
    return all(unicodedata.category(letter)[0] in "ZC" for letter in text)


def grade(raw: object, loc: Loc, errors: Errors) -> int | None:
    """A CTCAE grade, a whole number of 1 to 5."""
    if type(raw) is not int:
        errors.append((loc, "must be a whole number"))
    elif not 1 <= raw <= 5:
        errors.append((loc, "must be 1 to 5"))
    else:
        return raw
    return None


def word(of: Sequence[T]) -> Reader[T]:
    """A reader of one of these words."""
    known: Mapping[object, T] = {one: one for one in of}
    wanted = "must be one of " + ", ".join(map(str, of))

    def read(raw: object, loc: Loc, errors: Errors) -> T | None:
        found = known.get(raw) if type(raw) is str else None
        if found is None:
            errors.append((loc, wanted))
        return found

    return read


def truth(raw: object, loc: Loc, errors: Errors) -> bool | None:
    """True or false."""
    if raw is True or raw is False:
        return raw
    errors.append((loc, "must be true or false"))
    return None


def partial_date(raw: object, loc: Loc, errors: Errors) -> Days | None:
    """The days that a date, or a part of one, allows."""
    return _time(days, raw, loc, errors)


def moment(raw: object, loc: Loc, errors: Errors) -> datetime | None:
    """An instant, in UTC."""
    return _time(instant, raw, loc, errors)


def _time(parse: Callable[[str], T], raw: object, loc: Loc, errors: Errors) -> T | None:
    try:
        return parse(raw if type(raw) is str else "")
    except NoTime as why:
        errors.append((loc, str(why)))
    return None


def words(of: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of a list, each entry once however often it is given."""

    def read(raw: object, loc: Loc, errors: Errors) -> tuple[T, ...] | None:
        if type(raw) is not list:
            errors.append((loc, "must be a list; [] says that there is none"))
            return None
        found = [of(item, (*loc, index), errors) for index, item in enumerate(raw)]
        return tuple(dict.fromkeys(item for item in found if item is not None))

    return read


def by_component(
    raw: object, loc: Loc, errors: Errors, of: Reader[T], had: Collection[str] | None, null: bool
) -> Mapping[str, T | None] | None:
    """A value for each component named; None where it is null, if it may be.

    ``had`` are the components that may be named, None: any.
    """
    if type(raw) is not dict:
        errors.append((loc, "must name components"))
        return None
    found: dict[str, T | None] = {}
    for name, value in raw.items():
        at = (*loc, name)
        if had is not None and name not in had:
            errors.append((at, "is not a component that this subject has"))
        elif value is None and null:
            found[name] = None
        else:
            found[name] = of(value, at, errors)
    return found

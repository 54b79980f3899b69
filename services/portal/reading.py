"""What was typed, read into the JSON form that a service takes.

Three states: an answer, "not known" (null), and nothing said, which leaves the field out. What
cannot be read is an error at its place and is left out too; what the values mean is screening's
to check.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.portal import numerals
from services.portal.questions import NONE, UNKNOWN, Asked, Dictionary
from services.portal.typed import Loc, Typed, place

SAYS_TWICE: Final = "has a value and a tick in a box: keep one of them"
_NUMBERS: Final = frozenset({"int", "number"})


class _Unsaid:
    """Nothing was said of it."""


UNSAID: Final = _Unsaid()


@dataclass(frozen=True, slots=True)
class Read:
    """The form as far as it can be read; fields by name that are unknown, or nothing is said of."""

    form: dict[str, object]
    errors: list[tuple[Loc, str]] = field(default_factory=list)
    unknown: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


def read(dictionary: Dictionary, typed: Typed) -> Read:
    """The form that was typed."""
    errors: list[tuple[Loc, str]] = []
    form: dict[str, object] = {}
    for asked in dictionary.fields:
        value = _read(asked, typed, (asked.name,), errors)
        if value is not UNSAID:
            form[asked.name] = value
    wrong = {loc[0] for loc, _ in errors}
    return Read(
        form,
        errors,
        tuple(name for name, value in form.items() if value is None),
        tuple(
            one.name for one in dictionary.fields if one.name not in form and one.name not in wrong
        ),
    )


def _read(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    before = len(errors)
    value = _READERS[asked.kind](asked, typed, loc, errors)
    return UNSAID if len(errors) > before else value


def _word(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    said = typed.one(*loc)
    if said in ("", UNKNOWN):
        return None if said else UNSAID
    return said == "true" if asked.kind == "bool" and said in ("true", "false") else said


def _boxed(typed: Typed, loc: Loc, filled: bool, errors: list[tuple[Loc, str]]) -> str | None:
    """The one box ticked beside a value that is not there."""
    boxes = typed.boxes(*loc)
    if len(boxes) > 1:
        errors.append((loc, "has two boxes ticked: keep one of them"))
    elif boxes and filled:
        errors.append((loc, SAYS_TWICE))
    return boxes[0] if boxes else None


def _line(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    text = typed.one(*loc)
    box = _boxed(typed, loc, bool(text), errors)
    if box is not None:
        return None if box == UNKNOWN else box
    if not text:
        return UNSAID
    if asked.kind == "int" and not text.lstrip("-").isdecimal():
        errors.append((loc, "must be a whole number"))
        return UNSAID
    return _number(text, loc, errors) if asked.kind in _NUMBERS else text


def _number(text: str, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    try:
        return numerals.number(text)
    except numerals.NotANumber as why:
        errors.append((loc, str(why)))
        return UNSAID


def _quantity(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    parts = ("value", *(["uln"] if asked.uln else []), *(["lln"] if asked.lln else []))
    texts = {part: typed.one(*loc, part) for part in parts}
    box = _boxed(typed, loc, any(texts.values()), errors)
    if box is not None:
        return None if box == UNKNOWN else box
    if not any(texts.values()):
        return UNSAID
    made: dict[str, object] = {"unit": typed.one(*loc, "unit") or asked.unit}
    made.update((part, _number(text, (*loc, part), errors)) for part, text in texts.items() if text)
    return made


def _object(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    texts = {part.name: typed.one(*loc, part.name) for part in asked.members}
    if _boxed(typed, loc, any(texts.values()), errors) is not None:
        return None
    if not any(texts.values()):
        return UNSAID
    return {part: _number(text, (*loc, part), errors) for part, text in texts.items() if text}


def _lines(_: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    """One name a line; names of agents are lower case in every protocol."""
    names = [" ".join(line.split()).lower() for line in typed.one(*loc).splitlines()]
    names = [name for name in names if name]
    return _listed(names, typed, loc, errors)


def _items(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    items = [_item(asked, typed, (*loc, row), errors) for row in typed.rows(*loc)]
    return _listed([item for item in items if item is not UNSAID], typed, loc, errors)


def _listed(
    found: list[object] | list[str], typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]
) -> object:
    box = _boxed(typed, loc, bool(found), errors)
    if box is not None:
        return None if box == UNKNOWN else []
    return found or UNSAID


def _item(asked: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    """One entry; a member not known is left out, since null may have a meaning of its own."""
    item: dict[str, object] = {}
    for part in asked.members:
        value = _read(part, typed, (*loc, part.name), errors)
        if part.null_is_word and part.word is not None and value == part.word.value:
            item[part.name] = None
        elif value is not UNSAID and value is not None:
            item[part.name] = value
    said = item or not blank(asked, typed, loc)
    return item if said else UNSAID


def blank(asked: Asked, typed: Typed, loc: Loc) -> bool:
    """Whether nothing at all is said in a row of a list; a unit alone says nothing."""
    return not any(
        typed.one(*loc, part.name)
        or typed.boxes(*loc, part.name)
        or typed.one(*loc, part.name, "value")
        for part in asked.members
    )


def _map(asked: Asked, typed: Typed, loc: Loc, _: list[tuple[Loc, str]]) -> object:
    said = {key.id: typed.one(*loc, key.id) for key in asked.keys}
    if not any(said.values()):
        return UNSAID
    return {key: word for key, word in said.items() if word not in ("", UNKNOWN)}


def _ticks(_: Asked, typed: Typed, loc: Loc, errors: list[tuple[Loc, str]]) -> object:
    """The words ticked; the box "none of these" stands alone."""
    said = typed.chosen(*loc)
    if NONE not in said:
        return list(said) or UNSAID
    if len(said) > 1:
        errors.append((loc, SAYS_TWICE))
    return []


_Reader = Callable[[Asked, Typed, Loc, list[tuple[Loc, str]]], object]
_READERS: Final[Mapping[str, _Reader]] = {
    "bool": _word,
    "choice": _word,
    "int": _line,
    "number": _line,
    "date": _line,
    "quantity": _quantity,
    "object": _object,
    "lines": _lines,
    "items": _items,
    "map": _map,
    "line": _line,
    "part": _line,
    "moment": _line,
    "ticks": _ticks,
}


def compacted(dictionary: Dictionary, typed: Typed) -> Typed:
    """The same without rows of lists in which nothing is said, so that a row's number is the one
    that screening will name.
    """
    stems: dict[str, str] = {}
    for asked in dictionary.fields:
        if asked.kind != "items":
            continue
        rows = typed.rows(asked.name)
        filled = [row for row in rows if not blank(asked, typed, (asked.name, row))]
        for row in rows:
            to = place(asked.name, filled.index(row)) + "/" if row in filled else ""
            stems[place(asked.name, row) + "/"] = to
    return typed.moved(stems)

"""JSON text in and out without losing a digit.

In: a number with a point or an exponent becomes a ``Decimal`` of its text, any other an ``int``;
a doubled key, NaN, Infinity, a lone surrogate, NUL, nesting deeper than 64 and a number that
Python cannot hold are refused with their place. Out: compact UTF-8; a ``Decimal`` is a number
written as its text, so 2.50 stays 2.50 (1e2 becomes 1E+2, 1e-2 becomes 0.01: the same numbers).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from json.encoder import encode_basestring
from typing import Final
from uuid import UUID

DEEPEST: Final = 64
Loc = tuple[str | int, ...]


class BadJson(ValueError):
    """Text that is not the JSON we accept; ``msg`` in plain words, ``loc`` the path where known."""

    def __init__(self, msg: str, loc: Loc = ()) -> None:
        super().__init__(msg)
        self.msg = msg
        self.loc = loc


@dataclass(frozen=True, slots=True)
class Written:
    """JSON that has been written already: `dumps` puts it where this stands."""

    json: bytes


def loads(data: bytes | str) -> object:
    """The value of one JSON text; raises ``BadJson``."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("is not UTF-8 text") from None
    try:
        value: object = _fast.decode(text)
        if text.count(":") != _members((value,)):
            value = _strict.decode(text)
    except json.JSONDecodeError as error:
        raise BadJson(f"is not JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise BadJson("is nested too deeply") from None
    except (_Refused, ValueError, InvalidOperation):
        raise _located(text) from None
    # Both walks are needed only where the text can hold such a thing at all.
    if text.count("[") + text.count("{") > DEEPEST and _too_deep(value):
        raise BadJson("is nested too deeply")
    if "\\u" in text or isinstance(data, str):
        for loc, item in _walk(value):
            if isinstance(item, _Fault) or (isinstance(item, str) and _unstorable(item)):
                raise BadJson(_UNSTORABLE, loc)
    return value


def dumps(value: object) -> bytes:
    """Compact UTF-8 JSON; raises ``ValueError`` for NaN, infinities and texts that cannot be
    stored.

    The encoder written in C cannot emit a raw number for us, so each Decimal is first written as
    the text NUL and then replaced. No text of ours is NUL alone: the count proves it each time.
    """
    numbers: list[str] = []
    written: dict[int, bytes] = {}

    def other(item: object) -> str:
        if type(item) is Decimal:
            numbers.append(_digits(item))
            return "\0"
        if type(item) is Written:
            written[len(numbers)] = item.json
            numbers.append("")
            return "\0"
        return _text(item)

    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=other
    )
    if numbers or _HOLE in text:
        parts = text.split(_HOLE)
        if len(parts) != len(numbers) + 1:
            raise ValueError("a text holds NUL")
        if written:
            return _put_together(parts, numbers, written)
        pieces = [parts[0]]
        for number, part in zip(numbers, parts[1:], strict=True):
            pieces.append(number)
            pieces.append(part)
        text = "".join(pieces)
    return text.encode("utf-8")


def _put_together(
    parts: Sequence[str], numbers: Sequence[str], written: Mapping[int, bytes]
) -> bytes:
    """The parts with a number, or what was written, between each two of them."""
    pieces = [parts[0].encode()]
    for index, (number, part) in enumerate(zip(numbers, parts[1:], strict=True)):
        pieces.append(written[index] if index in written else number.encode())
        pieces.append(part.encode())
    return b"".join(pieces)


def text_of(value: object) -> str:
    """What `dumps` writes, as text: the quicker of the two for a single small value."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return _digits(value)
    if type(value) is int:
        return str(value)
    if type(value) is dict:
        members = [f"{encode_basestring(name)}:{text_of(item)}" for name, item in value.items()]
        return "{" + ",".join(members) + "}"
    if type(value) is list:
        return "[" + ",".join([text_of(item) for item in value]) + "]"
    return dumps(value).decode()


def _digits(number: Decimal) -> str:
    """The number as it was written: `str` would make 0.00000001 of it 1E-8."""
    if not number.is_finite():
        raise ValueError("a number that is not finite has no JSON")
    text = str(number)
    return format(number, "f") if "E-" in text else text


_UNSTORABLE: Final = "has a character that cannot be stored"
_HOLE: Final = '"\\u0000"'


def _text(item: object) -> str:
    if isinstance(item, datetime):
        if item.tzinfo is None:
            raise ValueError("a time without a zone has no place in a record")
        return item.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(item, date):
        return item.isoformat()
    if isinstance(item, UUID) or type(item).__name__ == "UUID":
        return str(item)
    if isinstance(item, Fraction):
        raise TypeError("a fraction must be rounded by its owner first")
    raise TypeError(f"{type(item).__name__} is not JSON")


class _Refused(Exception):
    """Something the fast pass saw and cannot place."""


class _Fault:
    """Stands in the value where the slow pass found something to refuse."""

    def __init__(self, msg: str) -> None:
        self.msg = msg


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused
    return made


def _constant(_: str) -> object:
    raise _Refused


def _members(items: Iterable[object]) -> int:
    """How many members the objects in these have; a text has as many colons, or more of them where
    one is within a string or a key is doubled.
    """
    count = 0
    for item in items:
        if type(item) is dict:
            count += len(item) + _members(item.values())
        elif type(item) is list:
            count += _members(item)
    return count


_fast = json.JSONDecoder(parse_float=Decimal, parse_constant=_constant)
_strict = json.JSONDecoder(parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_object)


def _located(text: str) -> BadJson:
    """Reads again, slowly, to say where the first thing to refuse stands."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        made: dict[str, object] = {}
        for key, value in items:
            made[key] = _Fault("is given twice") if key in made else value
        return made

    def number(text: str) -> object:
        try:
            return int(text) if text.lstrip("-").isdigit() else Decimal(text)
        except (ValueError, InvalidOperation):
            return _Fault("is a number too long to read")

    slow = json.JSONDecoder(
        parse_float=number,
        parse_int=number,
        parse_constant=lambda _: _Fault("is not a number"),
        object_pairs_hook=pairs,
    )
    try:
        faults = [(loc, item) for loc, item in _walk(slow.decode(text)) if isinstance(item, _Fault)]
    except json.JSONDecodeError as error:
        return BadJson(f"is not JSON (line {error.lineno}, column {error.colno})")
    except RecursionError:
        return BadJson("is nested too deeply")
    loc, fault = faults[0]
    return BadJson(fault.msg, loc)


def _walk(value: object) -> Iterator[tuple[Loc, object]]:
    """Every value with its path, in the order of the text; a key that cannot be stored is a
    fault.
    """
    todo: list[tuple[Loc, object]] = [((), value)]
    while todo:
        loc, item = todo.pop()
        yield loc, item
        if isinstance(item, dict):
            for key, member in reversed(item.items()):
                if _unstorable(key):
                    todo.append((loc, _Fault(_UNSTORABLE)))
                else:
                    todo.append(((*loc, key), member))
        elif isinstance(item, list):
            todo.extend(((*loc, index), item[index]) for index in range(len(item) - 1, -1, -1))


def _unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


def _too_deep(value: object) -> bool:
    level: list[dict[str, object] | list[object]]
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            member
            for item in level
            for member in (item.values() if isinstance(item, dict) else item)
            if isinstance(member, dict | list)
        ]
        if not level:
            return False
    return True

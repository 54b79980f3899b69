"""A question in JSON on standard input: its members, typed and with their numbers as written.

Read by hand: loading a validation library would cost more than any answer here.
"""

import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeVar

from deploy.wrong_use import WrongUse

_MOST: Final = 10**9
_PLACES: Final = 20

Value = TypeVar("Value")


class Asked:
    """An object of the question; ``place`` leads to it. All methods raise ``WrongUse``."""

    def __init__(self, value: object, place: str = "") -> None:
        if not isinstance(value, dict):
            raise wrong(place.rstrip(".") or "standard input", "is no object")
        self._members = value
        self._place = place
        self._known: set[str] = set()

    def take(self, name: str, of: Callable[[object, str], Value]) -> Value:
        """A member that must be there, as ``of`` reads it."""
        self._known.add(name)
        if name not in self._members:
            raise wrong(self._place + name, "is missing")
        return of(self._members[name], self._place + name)

    def take_or(self, name: str, of: Callable[[object, str], Value], default: Value) -> Value:
        """A member that may be left out."""
        self._known.add(name)
        return self.take(name, of) if name in self._members else default

    def done(self) -> None:
        """Refuses what nobody asked for: it may be a misspelt option."""
        for name in self._members:
            if name not in self._known:
                raise wrong(self._place + name, "is unknown")


def question() -> Asked:
    """The question on standard input."""
    from shared.contracts.jsontext import BadJson, loads

    try:
        return Asked(loads(sys.stdin.buffer.read()))
    except BadJson as fault:
        raise wrong(".".join(map(str, fault.loc)) or "standard input", fault.msg) from None


def wrong(place: str, what: str) -> WrongUse:
    """The one line of a fault."""
    return WrongUse(" ".join(f"{place}: {what}".split()))


def text(value: object, place: str) -> str:
    """A text."""
    if not isinstance(value, str) or not value:
        raise wrong(place, "is no text")
    return value


def whole(value: object, place: str) -> int:
    """A whole number from 0 on, written as one."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise wrong(place, f"is no whole number from 0 to {_MOST}")
    return value


def number(value: object, place: str) -> Fraction:
    """Exactly the decimal that is written."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise wrong(place, "is no number")
    if value and not -_PLACES <= int(value.as_tuple().exponent) <= value.adjusted() < _PLACES:
        raise wrong(place, "has too many digits")
    if abs(value) > _MOST:
        raise wrong(place, f"is more than {_MOST}")
    return Fraction(value)


def listed(of: Callable[[object, str], Value]) -> Callable[[object, str], tuple[Value, ...]]:
    """A list of such values."""

    def read(value: object, place: str) -> tuple[Value, ...]:
        if not isinstance(value, list):
            raise wrong(place, "is no list")
        return tuple(of(one, f"{place}.{index}") for index, one in enumerate(value))

    return read

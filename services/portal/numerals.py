"""Numbers as people write them, read without guessing.

A decimal keeps its digits: 2.50 is Decimal("2.50"). A comma is a decimal comma only where it cannot
set off thousands; spaces may.
"""

import re
from decimal import Decimal
from typing import Final

_POINT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_COMMA: Final = re.compile(r"(-?[0-9]+),([0-9]+)").fullmatch
_SPACED: Final = re.compile(r"-?[0-9]{1,3}([ \u00a0\u202f\u2009][0-9]{3})+(\.[0-9]+)?").fullmatch
_SPACES: Final = re.compile(r"[ \u00a0\u202f\u2009]")


class NotANumber(ValueError):
    """A text that is no number, or could be two; the message says what to write."""


def number(text: str) -> int | Decimal:
    """The number in a text; raises ``NotANumber``."""
    if len(text) > 100:
        raise NotANumber("is too long for a number")
    if _SPACED(text):
        text = _SPACES.sub("", text)
    comma = _COMMA(text)
    if comma is not None:
        whole, decimals = comma.groups()
        if len(decimals) == 3 and 1 <= len(whole.lstrip("-")) <= 3 and whole.strip("-0"):
            raise NotANumber(
                f"could be {whole}.{decimals} or {whole}{decimals}: write it without the comma"
            )
        text = f"{whole}.{decimals}"
    found = _POINT(text)
    if found is None:
        raise NotANumber("must be a number, such as 1.1")
    return Decimal(text) if found[1] else int(text)

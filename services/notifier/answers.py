"""What the other server answered, and what that means for the next try."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Outcome = Literal["delivered", "later", "never"]
"""The server took it; it may take it later (4xx, no connection, silence); it never will (5xx)."""

LONGEST: Final = 160

_PAUSES: Final = (
    timedelta(minutes=1),
    timedelta(minutes=4),
    timedelta(minutes=15),
    timedelta(hours=1),
)
"""By the platform's clock, after the first, second ... try; after the last one no other follows."""

_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?|https?://\S+")


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one try, and the server's code and words, fit for everybody to read."""

    outcome: Outcome
    text: str


def said(outcome: Outcome, code: int | None, text: str, ours: str = "") -> Answer:
    """An answer without addresses and without anything of our own message in it.

    `ours` is what was sent: a server that quotes a line of it keeps its code alone.
    """
    plain = " ".join(_ADDRESS.sub("(address)", text).split())
    plain = "".join(one for one in plain if one.isprintable())[:LONGEST]
    quoted = any(
        line.casefold() in plain.casefold() for line in ours.splitlines() if len(line.strip()) > 3
    )
    parts = [str(code)] if code is not None else []
    return Answer(outcome, " ".join([*parts, *([plain] if plain and not quoted else [])]) or "-")


def again_at(tries: int, now: datetime) -> datetime | None:
    """When to try again after so many tries, None where it was the last."""
    return now + _PAUSES[tries - 1] if tries <= len(_PAUSES) else None

"""The letters of the embedded run's mail server: each address has a folder of `N.eml` files."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path

_NEWEST = 200
_LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as text; `number` counts those of its address from 1."""

    number: int
    subject: str
    sender: str
    at: datetime | None
    text: str


class Mailbox:
    """The letters of one address."""

    def __init__(self, folder: Path | None, address: str) -> None:
        safe = address and "/" not in address and not address.startswith(".")
        self._folder = folder / address if folder and safe else None

    def newest(self) -> list[Letter]:
        """The newest first."""
        if self._folder is None or not self._folder.is_dir():
            return []
        numbers = [int(f.stem) for f in self._folder.glob("*.eml") if f.stem.isdecimal()]
        found = (self.one(number) for number in sorted(numbers, reverse=True)[:_NEWEST])
        return [letter for letter in found if letter is not None]

    def one(self, number: int) -> Letter | None:
        """One letter, None where there is none."""
        if self._folder is None:
            return None
        try:
            with (self._folder / f"{number}.eml").open("rb") as file:
                raw = file.read(_LARGEST)
        except OSError:
            return None
        return _read(number, raw)


def _read(number: int, raw: bytes) -> Letter:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    body = message.get_body(("plain",))
    try:
        text = body.get_content() if body else ""
    except (LookupError, ValueError):
        text = "This letter cannot be shown."
    try:
        date = message["date"]
        at = date.datetime if date is not None else None
    except (AttributeError, ValueError):
        at = None
    if at is not None and at.tzinfo is None:
        at = None
    return Letter(number, str(message["subject"] or ""), str(message["from"] or ""), at, text)

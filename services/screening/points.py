"""A value just inside, on or just outside a limit."""

from dataclasses import dataclass

from services.screening.examples import Raw


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a limit, in words and as a form holds it; ``on`` the limit itself or beside it."""

    says: str
    form: Raw
    on: bool

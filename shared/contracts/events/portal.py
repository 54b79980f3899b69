"""What the portal says: who signed in and out."""

from typing import ClassVar

from shared.contracts.events.base import Event

_RECORD = "trialops.portal.record"


class SignedIn(Event):
    """A person signed in at the portal."""

    TOPIC: ClassVar[str] = _RECORD

    person: str


class SignedOut(Event):
    """A person signed out."""

    TOPIC: ClassVar[str] = _RECORD

    person: str


class SignInRefused(Event):
    """A sign-in was refused: the name as it was given, where such a person exists."""

    TOPIC: ClassVar[str] = _RECORD

    person: str | None

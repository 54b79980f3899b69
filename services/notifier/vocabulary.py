"""What a rule may name beside the events of all services: dead letters and the notifier's own news.

`DeadLettered` has bytes that nobody could read as its data, so its members are read from headers.
The notifier's own news never leave it; a rule turns them into an alert like any other event.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from shared.contracts.events import EVENTS
from shared.contracts.events.base import Event


class DeadLettered(Event):
    """A record that a consumer could not apply: the letter's id and the record's topic."""

    TOPIC: ClassVar[str] = "trialops.{service}.dead"

    letter: str
    topic: str


class ContactUnreached(Event):
    """No channel of a contact took a message, in a call or in a test."""

    TOPIC: ClassVar[str] = ""

    contact: str


class ContactReached(Event):
    """A channel of the contact took a message, or the contact is no longer on the list."""

    TOPIC: ClassVar[str] = ""

    contact: str


class NobodyOnCall(Event):
    """An alert for these roles found nobody to call, or reached nobody of them."""

    TOPIC: ClassVar[str] = ""

    roles: str


class RolesReached(Event):
    """Somebody of these roles took a message."""

    TOPIC: ClassVar[str] = ""

    roles: str


_MORE: Final = (
    DeadLettered,
    ContactUnreached,
    ContactReached,
    NobodyOnCall,
    RolesReached,
)

_ALL: Final[tuple[type[Event], ...]] = (*EVENTS, *_MORE)

KNOWN: Final[Mapping[str, type[Event]]] = {event.__name__: event for event in _ALL}
"""Every event that a rule may name."""


def members_of(event: type[Event]) -> dict[str, Any]:
    """The members of the event's data by their names in JSON, with their types."""
    return {field.alias or name: field.annotation for name, field in event.model_fields.items()}

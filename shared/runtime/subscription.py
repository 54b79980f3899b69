"""What a service hears: its handlers by event type, or one that takes every record as it is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.contracts.envelope import EnvelopeError, parse_type
from shared.contracts.events.base import Event
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received, Record

Handler = Callable[[Connection, datetime, list[Received[Any]]], Awaitable[Sequence[NewEvent]]]
Halt = Callable[[str, str], Event]
"""The event that says so, of a letter's id and its topic."""
Collect = Callable[[Connection, datetime, list[Record]], Awaitable[Sequence[NewEvent]]]


class DataFault(Exception):
    """a record cannot be applied; the message is the letter's reason and holds no value of it"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic in the order of its keys; a handler never gets two events of a key in one call.

    `waiting` and `resumed` are for a service that tells when a key begins to wait behind a dead
    letter, and when it goes on because that letter was settled.
    """

    topic: str
    handlers: Mapping[type[Event], Handler]
    waiting: Halt | None = None
    resumed: Halt | None = None

    def read(self, record: Record) -> tuple[type[Event], Received[Any]] | None:
        """The typed event of a record, None for a type that nobody here handles.

        DataFault where attributes or data break their rules or the version is not known.
        """
        try:
            envelope = record.envelope()
            name, version = parse_type(envelope.type)
        except EnvelopeError as why:
            raise DataFault(str(why)) from why
        for event in self.handlers:
            if event.__name__ == name:
                break
        else:
            return None
        if version != event.VERSION:
            raise DataFault(f"version {version} of {name} is not known here")
        if record.value is None:
            raise DataFault("the record has no value")
        try:
            return event, Received(envelope, event.decode(record.value))
        except ValidationError as why:
            raise DataFault(f"data breaks the schema at {_places(why)}") from None


@dataclass(frozen=True, slots=True)
class Collection:
    """One topic taken as it comes, whatever is missing before it; it never waits.

    `collect` gets repeats too, so that it can compare them with what it holds.
    """

    topic: str
    collect: Collect


def _places(why: ValidationError) -> str:
    """The fields that are wrong, by the names of the schema alone: a value is never told."""
    errors = why.errors(include_input=False, include_url=False, include_context=False)
    if errors[0]["type"] == "json_invalid":
        return "the JSON text itself"
    return ", ".join(sorted({str(error["loc"][0]) if error["loc"] else "$" for error in errors}))

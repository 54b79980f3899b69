"""Refused access, recorded by the service that refused it."""

from typing import ClassVar

from shared.contracts.events.base import Event


class AccessRefused(Event):
    """A refused sign-in, unblinding, seed or by-arm read: who (if known), which path, what answer.

    Each service writes it to its own `.record` topic.
    """

    TOPIC: ClassVar[str] = "trialops.{service}.record"

    person: str | None
    method: str
    path: str
    status: int


class DeadLetterSettled(Event):
    """A person replayed or dropped a dead letter, and the reason given."""

    TOPIC: ClassVar[str] = "trialops.{service}.record"

    letter: str
    outcome: str
    reason: str | None

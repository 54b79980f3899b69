"""Refused access, recorded by the service that refused it."""

from typing import ClassVar, Literal

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
    outcome: Literal["replayed", "dropped"]
    reason: str | None


class DeadLetterResolved(Event):
    """The letter is settled; for whoever was called about it. The reason is in the other fact."""

    TOPIC: ClassVar[str] = "trialops.{service}.dead"

    letter: str
    outcome: Literal["replayed", "dropped"]

"""What is recorded when a database was restored from a backup."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.events.base import Event


class RestoreAccepted(Event):
    """A person decided that a service goes on with a database older than its own topics.

    `keys` counts the (topic, key) whose sequences were raised to the topics' ends; `taken_back` the
    facts that the service took back from its topics.
    """

    TOPIC: ClassVar[str] = "trialops.{service}.record"

    reason: str
    keys: int = Field(ge=0)
    taken_back: int = Field(ge=0)

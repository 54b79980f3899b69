"""A message on its way: the same for every sender, the same at every try."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.notifier.letters import Letter


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the delivery's and names the message: a receiver that gets it twice can tell.

    `secret` signs a webhook's. `alerts` are those that the letter is about.
    """

    id: UUID
    target: str
    letter: Letter
    alerts: tuple[UUID, ...]
    written_at: datetime
    secret: str | None = field(default=None, repr=False)

"""What audit says of the log itself."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.events.base import Event, Sha256

TOPIC = "trialops.audit"


class CheckpointSigned(Event):
    """The log's size and root at a moment, with the whole signed note (C2SP tlog-checkpoint)."""

    TOPIC: ClassVar[str] = TOPIC

    size: int = Field(ge=0)
    root: Sha256
    note: str


class LogConflictFound(Event):
    """One event id came with two contents; the log keeps the first (leaf hashes, RFC 6962)."""

    TOPIC: ClassVar[str] = TOPIC

    id: str
    index: int = Field(ge=0)
    kept: Sha256
    refused: Sha256


class LogGapFound(Event):
    """Sequence numbers of a key have not come; `first` to `last` are missing, both included."""

    TOPIC: ClassVar[str] = TOPIC

    topic: str
    key: str
    first: int = Field(ge=1)
    last: int = Field(ge=1)

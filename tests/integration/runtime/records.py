"""Kafka records for tests of the runtime, as a producer of ours or a broken one sends them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.contracts.envelope import Envelope
from shared.contracts.events.base import Event
from shared.contracts.events.screening import ScreeningFailed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_offsets = iter(range(1_000_000))


@dataclass(frozen=True)
class Sent:
    """A record as the broker would hand it over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def with_header(self, name: str, value: bytes | None) -> "Sent":
        """The record with one header set to something else."""
        others = [header for header in self.headers if header[0] != name]
        return replace(self, headers=(*others, (name, value)))

    def again(self, offset: int | None = None) -> "Sent":
        """The same record at another offset."""
        return replace(self, offset=next(_offsets) if offset is None else offset)


def failed(subject: str = "IT001-0001", attempt: int = 1) -> ScreeningFailed:
    """Some event."""
    return ScreeningFailed(subject=subject, site=subject[:5], screening="s", attempt=attempt)


def sent(
    sequence: int,
    subject: str = "IT001-0001",
    *,
    data: Event | None = None,
    ce_id: UUID | None = None,
    trial: str = "T1",
) -> Sent:
    """The record number `sequence` of a subject's key."""
    data = data or failed(subject, attempt=sequence)
    envelope = Envelope(
        id=ce_id or uuid4(),
        source="/trialops/screening",
        type=data.ce_type(),
        time=NOON,
        actor="nurse",
        sequence=sequence,
        trial=trial,
        subject=subject,
        site=subject[:5],
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return Sent(
        data.TOPIC,
        0,
        next(_offsets),
        envelope.key.encode(),
        data.encode(),
        tuple((name, value.encode()) for name, value in envelope.headers()),
    )

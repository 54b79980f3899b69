"""A Kafka record as it came, read tolerantly: nothing that a producer sends can break a batch."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from asyncpg.pgproto import pgproto

from shared.contracts.envelope import ATTRIBUTES, Envelope, EnvelopeError, parse_sequence
from shared.contracts.events.base import Event

LONGEST_KEY = 255
"""Bytes of a key that can be read; ours have 56 at most, and an index cannot hold any length."""

RawHeaders = Sequence[tuple[str, bytes | None]]


class KafkaRecord(Protocol):
    """What the runtime reads of a client library's record."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> RawHeaders: ...


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record read back from where it was kept."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: RawHeaders


class Identity(NamedTuple):
    """What the watermark knows a record by."""

    key: str
    sequence: int
    ce_id: UUID


class Record(NamedTuple):
    """One record: where it stood, its bytes, and its identity where that can be read."""

    topic: str
    partition: int
    offset: int
    raw_key: bytes | None
    raw_headers: RawHeaders
    value: bytes | None
    headers: dict[str, str]
    fault: str | None
    identity: Identity | None

    @classmethod
    def of(cls, record: KafkaRecord) -> "Record":
        """The record read; `fault` says which header is null, no text or comes twice."""
        raw, fault = record.headers, None
        headers = _texts(raw)
        if headers is None:
            headers, faulty = _one_by_one(raw)
            fault = _fault(faulty)
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.key,
            raw,
            record.value,
            headers,
            fault,
            _identity(record.key, headers),
        )

    def envelope(self) -> Envelope:
        """The event's attributes; EnvelopeError names the header that is wrong."""
        if self.fault:
            raise EnvelopeError(self.fault)
        if self.identity is None:
            raise EnvelopeError("key, ce_id or ce_sequence cannot be read")
        key, sequence, ce_id = self.identity
        return Envelope.read(self.headers, key, ce_id, sequence)


def _texts(raw: RawHeaders) -> dict[str, str] | None:
    """The headers, as nearly all records have them: all good; None where one may not be."""
    try:
        headers = {name: value.decode() for name, value in raw if value is not None}
    except UnicodeDecodeError:
        return None
    every = "".join(headers)
    if len(headers) < len(raw) or not every.isascii() or "\x00" in "".join(headers.values()):
        return None
    return headers


def _one_by_one(raw: RawHeaders) -> tuple[dict[str, str], set[str]]:
    """The headers that can be read, and the names of the others."""
    headers: dict[str, str] = {}
    faulty: set[str] = set()
    for name, value in raw:
        try:
            if value is None or name in headers:
                raise ValueError
            name.encode()  # what is no text cannot be: see `headernames`
            text = value.decode()
            if "\x00" in text:
                raise ValueError
            headers[name] = text
        except ValueError:
            faulty.add(name)
    for name in faulty:
        headers.pop(name, None)
    return headers, faulty


def _fault(faulty: set[str]) -> str | None:
    """Which of our headers cannot be read; any other name is a producer's own, and not told."""
    if not faulty:
        return None
    ours = sorted(faulty & set(ATTRIBUTES))
    return f"{ours[0] if ours else 'a header'} is null, no text or given twice"


def _identity(key: bytes | None, headers: dict[str, str]) -> Identity | None:
    """`ce_id`: 32 hexadecimal digits, of either case, with or without hyphens, and nothing else."""
    try:
        text = (key or b"").decode()
        if not text or "\x00" in text or len(key or b"") > LONGEST_KEY:
            return None
        # The kind of UUID that rows come with: read, written and sent in a third of the time.
        return Identity(
            text, parse_sequence(headers["ce_sequence"]), pgproto.UUID(headers["ce_id"])
        )
    except (KeyError, ValueError):
        return None


E_co = TypeVar("E_co", bound=Event, covariant=True)


class Received(NamedTuple, Generic[E_co]):
    """One event as a handler gets it: its attributes and its typed data."""

    envelope: Envelope
    data: E_co


def dump_headers(headers: RawHeaders) -> str:
    """A record's headers as they came, as JSON that PostgreSQL keeps: [[name, base64 | null]]."""
    return json.dumps(
        [
            [name, None if value is None else base64.b64encode(value).decode()]
            for name, value in headers
        ]
    )


def load_headers(text: str) -> list[tuple[str, bytes | None]]:
    """The headers that `dump_headers` kept."""
    return [
        (name, None if value is None else base64.b64decode(value))
        for name, value in json.loads(text)
    ]

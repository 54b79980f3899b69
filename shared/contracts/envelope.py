"""The envelope of every event: CloudEvents 1.0 in Kafka's binary mode.

Source: CloudEvents 1.0.2 and its Kafka Protocol Binding, section 3.2 (binary content mode).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar
from uuid import UUID

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
PLATFORM_KEY = "platform"

ATTRIBUTES = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_trial",
    "ce_site",
    "ce_actor",
    "ce_sequence",
    "ce_causationid",
    "ce_traceparent",
    "content-type",
)
"""The headers of an event, these alone."""

T = TypeVar("T")

_SEQUENCE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_TYPE = re.compile(r"trialops\.([A-Z][A-Za-z0-9]{0,63})\.v([1-9][0-9]{0,3})", re.ASCII)
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class EnvelopeError(ValueError):
    """A header is missing or breaks its rule; the message names the header, never its value."""


def key_of(trial: str | None, subject: str | None) -> str:
    """The record key: `TRIAL:SUBJECT`, `TRIAL` for trial-wide facts, else `platform`."""
    if trial is None:
        return PLATFORM_KEY
    return trial if subject is None else f"{trial}:{subject}"


def rfc3339(time: datetime) -> str:
    """An aware time as UTC RFC 3339 text with `Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as an aware UTC time; ValueError where it is none."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or "T" not in text:
        raise ValueError("a time needs a date, a time of day and an offset")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC the time is outside the calendar") from None


def parse_sequence(text: str) -> int:
    """`ce_sequence`: a decimal string from 1; ValueError otherwise."""
    if not _SEQUENCE.fullmatch(text):
        raise ValueError("a sequence is a decimal number from 1")
    return int(text)


def uuid_of(text: str) -> UUID | None:
    """The UUID that a text is, in its one canonical spelling; None for any other."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


@lru_cache(maxsize=256)
def parse_type(text: str) -> tuple[str, int]:
    """`trialops.PatientScreened.v1` as its name and version; EnvelopeError otherwise."""
    if found := _TYPE.fullmatch(text):
        return found[1], int(found[2])
    raise EnvelopeError("ce_type is not trialops.NAME.vN")


class Envelope(NamedTuple):
    """The attributes of one event, as its headers carry them; `None` where there is no header."""

    id: UUID
    source: str
    type: str
    time: datetime
    actor: str
    sequence: int
    trial: str | None = None
    subject: str | None = None
    site: str | None = None
    causation: UUID | None = None
    traceparent: str | None = None

    @property
    def key(self) -> str:
        """The key of the record that carries this event."""
        return key_of(self.trial, self.subject)

    @classmethod
    def read(cls, headers: Mapping[str, str], key: str, id: UUID, sequence: int) -> "Envelope":
        """The envelope in a record's headers; EnvelopeError names the first header that is wrong.

        `id` and `sequence` are what the record is known by, read out of these headers already. A
        traceparent that cannot be read is dropped, as W3C Trace Context asks.
        """
        if headers.get("ce_specversion") != SPEC_VERSION:
            raise EnvelopeError("ce_specversion is not 1.0")
        for name in ("ce_source", "ce_type", "ce_time", "ce_actor"):
            if not headers.get(name):
                raise EnvelopeError(f"{name} is missing")
        parse_type(headers["ce_type"])
        trace = headers.get("ce_traceparent")
        envelope = cls(
            id=id,
            source=headers["ce_source"],
            type=headers["ce_type"],
            time=_read("ce_time", parse_time, headers["ce_time"]),
            actor=headers["ce_actor"],
            sequence=sequence,
            trial=headers.get("ce_trial"),
            subject=headers.get("ce_subject"),
            site=headers.get("ce_site"),
            causation=(
                _read("ce_causationid", UUID, headers["ce_causationid"])
                if "ce_causationid" in headers
                else None
            ),
            traceparent=trace if trace and _TRACEPARENT.fullmatch(trace) else None,
        )
        if envelope.key != key:
            raise EnvelopeError("the record's key is not that of ce_trial and ce_subject")
        return envelope

    def headers(self) -> list[tuple[str, str]]:
        """The headers of the record, each once, without those that have nothing to say."""
        found = attributes(
            id=str(self.id),
            source=self.source,
            type=self.type,
            time=self.time,
            actor=self.actor,
            sequence=self.sequence,
            trial=self.trial,
            subject=self.subject,
            site=self.site,
            causation=self.causation,
            traceparent=self.traceparent,
        )
        return list(found.items())


def attributes(
    *,
    id: str,
    source: str,
    type: str,
    time: datetime,
    actor: str,
    sequence: int | None,
    trial: str | None,
    subject: str | None,
    site: str | None,
    causation: UUID | None,
    traceparent: str | None,
) -> dict[str, str]:
    """The headers by name, without those that have nothing to say; an outbox row has no sequence.

    Every event that is said passes here: one dict, filled as it goes.
    """
    found = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": id,
        "ce_source": source,
        "ce_type": type,
        "ce_time": rfc3339(time),
    }
    if subject is not None:
        found["ce_subject"] = subject
    if trial is not None:
        found["ce_trial"] = trial
    if site is not None:
        found["ce_site"] = site
    found["ce_actor"] = actor
    if sequence is not None:
        found["ce_sequence"] = str(sequence)
    if causation is not None:
        found["ce_causationid"] = str(causation)
    if traceparent is not None:
        found["ce_traceparent"] = traceparent
    found["content-type"] = CONTENT_TYPE
    return found


def _read(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as why:
        raise EnvelopeError(f"{name} cannot be read") from why

"""An entry of the log: one record as one line of CloudEvents JSON (structured mode).

The line is made once, from the record's headers, topic and bytes, and is then stored, hashed and
served as it is. Attributes come first, in alphabetical order, then the data:

- `data`, the record's bytes verbatim, where they are JSON without a newline (LF, CR);
- `data_base64`, where they are not;
- neither, but the attributes `datasha256` (hex) and `datasize` (bytes), for a dead letter and
  where the line would pass 65,535 bytes. A record without a value has none of these.

What counts as JSON must not change with the interpreter or the depth of the call stack, or one
record could give two lines: RFC 8259, UTF-8, no byte order mark, at most 100 levels deep (its
section 9 allows a limit). Doubled keys and lone surrogate escapes are JSON.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NoReturn
from uuid import UUID

from services.audit.merkle import leaf
from services.audit.tiles import MAX_ENTRY_BYTES

Headers = Mapping[str, str | bytes]

MAX_DEPTH = 100
_MAX_SEARCHED_CHARS = 256
_MAX_CLIPPED_CHARS = 256

_FROM_HEADERS = {
    "actor": "ce_actor",
    "causationid": "ce_causationid",
    "datacontenttype": "content-type",
    "id": "ce_id",
    "sequence": "ce_sequence",
    "site": "ce_site",
    "source": "ce_source",
    "specversion": "ce_specversion",
    "subject": "ce_subject",
    "time": "ce_time",
    "traceparent": "ce_traceparent",
    "trial": "ce_trial",
    "type": "ce_type",
}
_FROM_DEAD_HEADERS = {
    "deadoffset": "dead_offset",
    "deadpartition": "dead_partition",
    "deadreason": "dead_reason",
    "deadtopic": "dead_topic",
}
# A string's end is optional, so that an open one is passed over once, not tried from each quote.
_BRACKET_OR_STRING = re.compile(rb'[\[{\]}]|"(?:[^"\\]+|\\.)*"?')
_quote = json.JSONEncoder().encode


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the log keeps it: what it is found by, its line, and its leaf hash."""

    ce_id: UUID
    topic: str
    key: str
    sequence: int
    trial: str | None
    subject: str | None
    type: str | None
    actor: str | None
    time: datetime | None
    line: bytes
    leaf: bytes

    @classmethod
    def of(
        cls, topic: str, identity: tuple[str, int, UUID], headers: Headers, value: bytes | None
    ) -> Entry:
        """The entry of a record, whose key, `ce_sequence` and `ce_id` were read by the runtime.

        Any other header may be odd: it stands in the line, and is not searched by.
        """
        key, sequence, ce_id = identity
        bytes_ = line(topic, headers, value)
        return cls(
            ce_id=ce_id,
            topic=topic,
            key=key,
            sequence=sequence,
            trial=_searched(headers, "ce_trial"),
            subject=_searched(headers, "ce_subject"),
            type=_searched(headers, "ce_type"),
            actor=_searched(headers, "ce_actor"),
            time=_time(headers),
            line=bytes_,
            leaf=leaf(bytes_),
        )


def line(topic: str, headers: Headers, value: bytes | None) -> bytes:
    """The line of a record, at most 65,535 bytes, without a newline; raises nothing.

    Only the headers that the contract names are kept. What is not UTF-8 in one stands as
    backslash escapes.
    """
    attributes = {name: _text(headers[h]) for name, h in _FROM_HEADERS.items() if h in headers}
    attributes["topic"] = topic
    if topic.endswith(".dead"):
        attributes |= {n: _text(headers[h]) for n, h in _FROM_DEAD_HEADERS.items() if h in headers}
        return _hashed(attributes, value)
    if value is None:
        return _hashed(attributes, None)
    head = _object(attributes)[:-1]
    if is_json_line(value):
        whole = b'%s,"data":%s}' % (head, value)
    else:
        whole = b'%s,"data_base64":"%s"}' % (head, base64.b64encode(value))
    return whole if len(whole) <= MAX_ENTRY_BYTES else _hashed(attributes, value)


def is_json_line(value: bytes) -> bool:
    """Whether the bytes are JSON that can stand in a line as they are."""
    if b"\n" in value or b"\r" in value or _too_deep(value):
        return False
    try:
        _JSON.decode(value.decode("utf-8"))
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers are only looked at, never made: no digit is too many.
_JSON = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse)


def _too_deep(value: bytes) -> bool:
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(value):
        token = value[match.start()]
        if token in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in b"]}":
            depth -= 1
    return False


def _hashed(attributes: dict[str, str], value: bytes | None) -> bytes:
    about: dict[str, str | int] = {}
    if value is not None:
        about = {"datasha256": sha256(value).hexdigest(), "datasize": len(value)}
    whole = _object(attributes | about)
    if len(whole) <= MAX_ENTRY_BYTES:
        return whole
    # Only forged headers come here: cut each, and keep the hash of what they were.
    clipped = {name: text[:_MAX_CLIPPED_CHARS] for name, text in attributes.items()}
    return _object(clipped | about | {"headersha256": sha256(whole).hexdigest()})


def _object(attributes: Mapping[str, str | int]) -> bytes:
    members = [f'"{name}":{_quote(attributes[name])}' for name in sorted(attributes)]
    return f"{{{','.join(members)}}}".encode("ascii")


def _text(value: str | bytes) -> str:
    if isinstance(value, str):
        value = value.encode("utf-8", "backslashreplace")
    return value.decode("utf-8", "backslashreplace")


def _searched(headers: Headers, name: str) -> str | None:
    text = _text(headers.get(name, ""))
    return text if 0 < len(text) <= _MAX_SEARCHED_CHARS and "\x00" not in text else None


def _time(headers: Headers) -> datetime | None:
    try:
        time = datetime.fromisoformat(_text(headers.get("ce_time", "")))
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None

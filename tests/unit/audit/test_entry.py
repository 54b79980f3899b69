"""The line of a record: exact for good records, valid and unambiguous for every other one."""

import base64
import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.audit import merkle
from services.audit.entry import MAX_DEPTH, Entry, is_json_line, line
from services.audit.tiles import MAX_ENTRY_BYTES
from services.audit.verify import attributes_of

TOPIC = "trialops.screening"
HEADERS = {
    "content-type": "application/json",
    "ce_type": "trialops.PatientScreened.v1",
    "ce_specversion": "1.0",
    "ce_id": "0195a1b2-0000-7000-8000-000000000001",
    "ce_source": "/trialops/screening",
    "ce_time": "2025-03-01T08:00:00Z",
    "ce_subject": "IT001-0001",
    "ce_trial": "NCT06903312",
    "ce_site": "IT001",
    "ce_actor": "anna",
    "ce_sequence": "1",
    "ce_causationid": "0195a1b2-0000-7000-8000-000000000000",
    "ce_traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
IDENTITY = "NCT06903312:IT001-0001", 1, UUID(HEADERS["ce_id"])
ATTRIBUTES = (
    b'"actor":"anna","causationid":"0195a1b2-0000-7000-8000-000000000000",'
    b'"datacontenttype":"application/json",%b"id":"0195a1b2-0000-7000-8000-000000000001",'
    b'"sequence":"1","site":"IT001","source":"/trialops/screening","specversion":"1.0",'
    b'"subject":"IT001-0001","time":"2025-03-01T08:00:00Z","topic":"%b",'
    b'"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
    b'"trial":"NCT06903312","type":"trialops.PatientScreened.v1"'
)


def parsed(topic: str, headers: Any, value: bytes | None) -> dict[str, Any]:
    """The line's object, once it has passed what the verifier asks of a line."""
    made = line(topic, headers, value)
    assert len(made) <= MAX_ENTRY_BYTES
    if "ce_id" in headers and "ce_sequence" in headers:
        attributes_of(made)
    found: dict[str, Any] = json.loads(made, parse_constant=pytest.fail)
    return found


def test_json_stands_in_the_line_byte_for_byte() -> None:
    value = b'{ "b": 2.49999999999999999999,\t"a": 1e999, "a": "\\u00e9\xc3\xa9" } '
    expected = b"{" + ATTRIBUTES % (b"", TOPIC.encode()) + b',"data":' + value + b"}"
    assert line(TOPIC, HEADERS, value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"null", b"0", b"-0.0e-0", b'""', b"[]", b"{}", b' {"a": 1} ', b"\t1\t",
        b'{"a":1,"a":2}', b'"\\ud800"', b'"\\u0000"', b'"\x7f\xc2\x85\xe2\x80\xa8"',
        b'"},\\"data\\":1"', b'"' + "\N{GRINNING FACE}".encode() + b'"', b"1" * 5000,
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b'["' + b"[" * 5000 + b'"]', b"[[],[],[]" * 1 + b"]",
        b"[" + b"[]," * 500 + b"[]]", b'{"\\"[[[":' * 90 + b"1" + b"}" * 90,
    ],
)  # fmt: skip
def test_this_is_json(value: bytes) -> None:
    assert is_json_line(value)
    made = line(TOPIC, HEADERS, value)
    assert made.endswith(b',"data":' + value + b"}")
    attributes_of(made)


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"NaN", b"-Infinity", b"[NaN]", b"Infinity", b"nul", b"01", b"1.", b".5", b"+1",
        b"'a'", b'{"a":1,}', b"[1,]", b'{"a":1}}', b'{"a":1},"data":2', b'1,"topic":"x"',
        b"1 2", b'{"a" 1}', b'"a', b'"\x01"', b'"\t"', b'"\xff"', b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        b"\x00", b"1\x00", "1".encode("utf-16"), "[]".encode("utf-16-le"), b"\x0c1", b"\xc2\xa01",
        b'{"a":\n1}', b"1\n", b"1\r", b"[\r\n]", b"// x", b"1_000", b"0x1", b"\xd9\xa1", b"True",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b"[" * 30_000, b'{"a":' * 10_000,
        b'"' + b'\\"' * 20_000, b"]" * 20_000 + b"[" * 20_000, b'"\\', b'"\\x"', b'"\\u12"',
    ],
)  # fmt: skip
def test_this_is_kept_as_base64(value: bytes) -> None:
    assert not is_json_line(value)
    event = parsed(TOPIC, HEADERS, value)
    if "datasize" in event:  # base64 takes a third more
        assert len(value) > 48_000
        return
    assert base64.b64decode(event["data_base64"]) == value
    assert "data" not in event


def test_json_is_json_however_deep_the_caller_stands() -> None:
    value = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    def deep(left: int) -> bool:
        return deep(left - 1) if left else is_json_line(value)

    frame: Any = sys._getframe()
    depth = 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    assert deep(sys.getrecursionlimit() - depth - MAX_DEPTH - 100)


@pytest.mark.parametrize("opening", [b'"', b"{"])
def test_what_does_not_fit_goes_in_by_hash_and_size(opening: bytes) -> None:
    room = MAX_ENTRY_BYTES - len(b"{" + ATTRIBUTES % (b"", TOPIC.encode()) + b',"data":}')
    fits = b'"' + b"x" * (room - 2) + b'"'
    assert len(line(TOPIC, HEADERS, fits)) == MAX_ENTRY_BYTES
    over = fits[:-1] + b'x"'
    about = b'"datasha256":"%b","datasize":%d,' % (sha256(over).hexdigest().encode(), len(over))
    assert line(TOPIC, HEADERS, over) == b"{" + ATTRIBUTES % (about, TOPIC.encode()) + b"}"
    odd = opening + b"\xff" * 60_000
    assert parsed(TOPIC, HEADERS, odd)["datasha256"] == sha256(odd).hexdigest()


def test_a_dead_letter_goes_in_by_hash_and_size_with_its_origin() -> None:
    headers = HEADERS | {
        "dead_reason": "bad JSON",
        "dead_topic": TOPIC,
        "dead_partition": "3",
        "dead_offset": "42",
        "dead_ce_id": "x",
    }
    value = b'{"small": 1}'
    about = (
        b'"datasha256":"%b","datasize":12,"deadoffset":"42","deadpartition":"3",'
        b'"deadreason":"bad JSON","deadtopic":"trialops.screening",'
    ) % sha256(value).hexdigest().encode()
    topic = "trialops.randomizer.dead"
    assert line(topic, headers, value) == b"{" + ATTRIBUTES % (about, topic.encode()) + b"}"
    # On another topic these headers are not the log's.
    assert b"dead" not in line(TOPIC, headers, value)


def test_a_record_without_a_value_has_no_data() -> None:
    assert line(TOPIC, HEADERS, None) == b"{" + ATTRIBUTES % (b"", TOPIC.encode()) + b"}"


@given(
    st.dictionaries(
        st.sampled_from([*HEADERS, "dead_reason", "ce_data", "ce_topic", "ce_zzz", "x"]),
        st.text(st.characters(exclude_categories=[])) | st.binary(),
    ),
    st.sampled_from([TOPIC, "trialops.audit.dead"]),
    st.none() | st.binary() | st.sampled_from([b"1", b'{"data":1}']),
)
@example({"ce_id": b"\xff\n\x00", "ce_sequence": "\ud800\udcff\n\u2028"}, TOPIC, b"1")
@example(dict.fromkeys(HEADERS, "\x00" * 60_000), TOPIC, b"1")
@example(dict.fromkeys(HEADERS, "\N{GRINNING FACE}" * 16_000), "trialops.audit.dead", b"1")
def test_any_headers_give_one_valid_line(
    headers: dict[str, str | bytes], topic: str, value: bytes | None
) -> None:
    made = line(topic, headers, value)
    assert len(made.decode().splitlines()) == 1
    event = parsed(topic, headers, value)
    assert event["topic"] == topic
    names = [name for name in event if name not in ("data", "data_base64")]
    assert names == sorted(names)


def test_two_long_forged_headers_give_two_lines() -> None:
    one = line(TOPIC, HEADERS | {"ce_actor": "x" * 70_000}, b"1")
    other = line(TOPIC, HEADERS | {"ce_actor": "x" * 70_001}, b"1")
    assert one != other
    assert json.loads(one)["datasize"] == 1


def test_an_entry_is_found_by_its_headers() -> None:
    entry = Entry.of(TOPIC, IDENTITY, HEADERS, b"1")
    assert entry.line == line(TOPIC, HEADERS, b"1")
    assert entry.leaf == merkle.leaf(entry.line)
    assert (entry.key, entry.sequence, entry.ce_id) == IDENTITY
    assert (entry.trial, entry.subject) == ("NCT06903312", "IT001-0001")
    assert (entry.type, entry.actor) == ("trialops.PatientScreened.v1", "anna")
    assert entry.time == datetime(2025, 3, 1, 8, tzinfo=UTC)


def test_odd_headers_are_not_searched_by() -> None:
    odd = {"ce_trial": "a\x00", "ce_subject": "x" * 257, "ce_actor": "", "ce_time": "yesterday"}
    entry = Entry.of(TOPIC, IDENTITY, HEADERS | odd, b"1")
    assert (entry.trial, entry.subject, entry.actor, entry.time) == (None, None, None, None)
    for time in ("2025-03-01", "2025-03-01T08:00:00", "0001-01-01T00:00:00+14:00"):
        assert Entry.of(TOPIC, IDENTITY, HEADERS | {"ce_time": time}, b"1").time is None

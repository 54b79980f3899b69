"""A record as it came: whatever its headers hold, reading it never fails."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import EnvelopeError
from shared.runtime.record import (
    LONGEST_KEY,
    Identity,
    RawRecord,
    Record,
    dump_headers,
    load_headers,
)
from tests.integration.runtime.records import sent

ID = UUID("0197b0e2-7a4c-7000-8000-000000000001")
NAMES = ["ce_id", "ce_sequence", "ce_type", "ce_actor", "dead_reason", "x", "", "\x00"]
VALUES = [None, b"", b"1", b"\xff", b"\x00", str(ID).encode(), "\u00e9".encode()]


@given(
    key=st.none() | st.binary(max_size=300),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(
            st.sampled_from(NAMES) | st.text(max_size=5),
            st.sampled_from(VALUES) | st.binary(max_size=9),
        )
    ),
)
def test_nothing_that_a_producer_sends_can_break_the_reading(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = Record.of(RawRecord("t", 0, 1, key, value, headers))
    assert all("\x00" not in text for text in record.headers.values())
    try:
        record.envelope()
    except EnvelopeError as why:
        assert str(why)  # noqa: PT017 - that nothing else is raised is what is tested


@given(
    st.lists(
        st.tuples(st.sampled_from([*NAMES, "\u00e9", "\udcff"]), st.sampled_from(VALUES)),
        max_size=4,
    )
)
def test_a_header_is_read_where_it_is_text_and_stands_once(
    headers: list[tuple[str, bytes | None]],
) -> None:
    names = [name for name, _ in headers]
    texts = {b"": "", b"1": "1", str(ID).encode(): str(ID), "\u00e9".encode(): "\u00e9"}
    assert Record.of(RawRecord("t", 0, 1, b"k", b"", headers)).headers == {
        name: texts[value]
        for name, value in headers
        if names.count(name) == 1 and value in texts and name != "\udcff"
    }


@given(st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_headers_are_kept_as_they_came(headers: list[tuple[str, bytes | None]]) -> None:
    assert load_headers(dump_headers(headers)) == headers
    assert "\x00" not in dump_headers(headers)


def test_a_good_record_is_known_by_key_sequence_and_id() -> None:
    record = Record.of(sent(3, ce_id=ID))
    assert record.identity == Identity("T1:IT001-0001", 3, ID)
    assert record.fault is None
    assert record.envelope().sequence == 3


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"\xff",
        b"a\x00b",
        pytest.param(b"k" * (LONGEST_KEY + 1), id="longer than an index holds"),
    ],
)
def test_a_record_without_readable_key_has_no_identity(key: bytes | None) -> None:
    good = sent(1)
    record = Record.of(RawRecord("t", 0, 1, key, good.value, good.headers))
    assert record.identity is None
    with pytest.raises(EnvelopeError, match="cannot be read"):
        record.envelope()


@pytest.mark.parametrize("name", ["ce_id", "ce_sequence"])
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"0", b"nonsense"])
def test_nor_has_one_without_readable_id_or_sequence(name: str, value: bytes | None) -> None:
    assert Record.of(sent(1).with_header(name, value)).identity is None


@pytest.mark.parametrize(
    ("spelling", "read"),
    [
        (str(ID).upper(), True),
        (ID.hex, True),
        (f"{str(ID)[:8]}{str(ID)[9:]}", True),
        (f"{{{ID}}}", False),
        (ID.urn, False),
        (f" {ID}", False),
        (f"{ID}\n", False),
        (str(ID).replace("1", "\u0661"), False),
        (str(ID)[:-1], False),
    ],
)
def test_an_id_may_be_spelled_in_these_ways_alone(spelling: str, read: bool) -> None:
    identity = Record.of(sent(1).with_header("ce_id", spelling.encode())).identity
    assert (identity is not None and identity.ce_id == ID) is read
    assert (identity is None) is not read


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ([("ce_site", None)], "ce_site is null, no text or given twice"),
        ([("ce_actor", b"a"), ("ce_actor", b"a")], "ce_actor is null, no text or given twice"),
        ([("ce_type", b"\xc3\x28")], "ce_type is null, no text or given twice"),
        ([("canary", None)], "a header is null, no text or given twice"),
        ([("canary", None), ("ce_site", b"\x00")], "ce_site is null, no text or given twice"),
    ],
)
def test_a_fault_names_our_headers_alone(
    headers: list[tuple[str, bytes | None]], fault: str
) -> None:
    record = Record.of(RawRecord("t", 0, 1, b"T1", b"", headers))
    assert record.fault == fault
    assert not {name for name, _ in headers} & set(record.headers)

"""Batches with header names of any bytes are read, and others exactly as aiokafka reads them."""

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from shared.runtime.headernames import Batches
from shared.runtime.record import RawRecord, Record, dump_headers, load_headers


class Bytes(str):
    """A name that goes out as bytes that are no text."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return self.encoded()

    @staticmethod
    def encoded() -> bytes:
        return b"\xffna\xfeme"


Headers = list[tuple[str, bytes | None]]


def batch(*records: Headers, compressed: bool) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, int(compressed), 0, -1, -1, -1, 1_000_000)
    for offset, headers in enumerate(records):
        builder.append(offset, 1, b"k\xff", b"v%d" % offset, headers)
    return bytes(builder.build())


def read(batches: "Batches | MemoryRecords") -> list[tuple[int, bytes, bytes, Headers]]:
    """As the fetcher reads them: a record that comes again is passed over."""
    found: list[tuple[int, bytes, bytes, Headers]] = []
    while batches.has_next():
        next_offset = 0
        for record in batches.next_batch():
            if record.offset >= next_offset:
                found.append((record.offset, record.key, record.value, record.headers))
                next_offset = record.offset + 1
    return found


GOOD: Headers = [("ce_id", b"1"), ("na\u00efve", None), ("", b"")]
BAD: Headers = [("ce_id", b"2"), (Bytes("?"), b"\xff"), ("last", None)]
BAD_READ: Headers = [("ce_id", b"2"), ("\udcffna\udcfeme", b"\xff"), ("last", None)]


@pytest.mark.parametrize("compressed", [False, True])
def test_good_batches_are_read_as_they_were(compressed: bool) -> None:
    fetched = batch(GOOD, GOOD, compressed=compressed) + batch(GOOD, compressed=not compressed)
    assert read(Batches(fetched)) == read(MemoryRecords(fetched))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_name_keeps_its_bytes_and_its_neighbours_stay(compressed: bool, place: int) -> None:
    records = [GOOD, GOOD]
    records.insert(place, BAD)
    fetched = batch(GOOD, compressed=False) + batch(*records, compressed=compressed)
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(fetched))
    records[place] = BAD_READ
    expected = [(n, b"k\xff", b"v%d" % n, headers) for n, headers in enumerate(records)]
    assert read(Batches(fetched)) == [(0, b"k\xff", b"v0", GOOD), *expected]


def test_a_fetch_cut_short_ends_with_its_last_whole_batch() -> None:
    whole = batch(BAD, compressed=False)
    assert len(read(Batches(whole + whole[:-1]))) == 1
    assert not Batches(whole[:-1]).has_next()
    assert not Batches(b"").has_next()


def test_the_record_is_at_fault_and_its_identity_known() -> None:
    headers: Headers = [
        ("ce_id", b"00000000-0000-0000-0000-000000000001"),
        ("ce_sequence", b"3"),
        ("\udcff", b"x"),
    ]
    record = Record.of(RawRecord("t", 0, 0, b"T1", b"", load_headers(dump_headers(headers))))
    assert list(record.raw_headers) == headers
    assert record.fault == "a header is null, no text or given twice"
    assert record.identity is not None
    assert record.identity.sequence == 3
    dump_headers(headers).encode("ascii")  # PostgreSQL can keep it

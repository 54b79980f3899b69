"""Header names that are no UTF-8: aiokafka gives up on the batch with one, each time anew.

Kafka takes any bytes as a name, so one record could block its partition for ever. Such a batch is
read once more, by aiokafka's reader in Python, with these bytes as lone surrogates (PEP 383), by
which `record` tells that the name is no text; the same bytes can be written out of them again.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH = struct.Struct(">qi")  # base offset, and the bytes that follow


def tolerate() -> None:
    """Let every consumer of this process read such records; there is no option for it."""
    fetcher.MemoryRecords = Batches


class Batches:
    """A partition's part of a fetch, as aiokafka's own `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = fetched
        self._plain = MemoryRecords(fetched)
        self._at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def next_batch(self) -> "Batch":
        """The batch that is next; there is one where `has_next` says so."""
        _, length = _LENGTH.unpack_from(self._fetched, self._at)
        end = self._at + _LENGTH.size + length
        raw, self._at = memoryview(self._fetched)[self._at : end], end
        return Batch(self._plain.next_batch(), raw)


class Batch:
    """One batch, whose iterator does not raise over a name."""

    def __init__(self, plain: Any, raw: memoryview) -> None:
        self._plain = plain
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def __iter__(self) -> Iterator[Any]:
        """The records; those before a bad name come twice: the fetcher goes by their offsets."""
        try:
            yield from self._plain
        except UnicodeDecodeError:
            patient = iter(_DefaultRecordBatchPy(self._raw))  # decompressed, if need be
            patient._buffer = _Names(patient._buffer)  # noqa: SLF001
            yield from patient


class _Names(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Names(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)

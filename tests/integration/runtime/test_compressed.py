"""Batches that a foreign producer has compressed, with what no reader of ours can unpack."""

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.contracts.topics import TOPICS
from shared.runtime import topics
from tests.integration.runtime.records import Sent, sent
from tests.integration.runtime.running import produce
from tests.integration.runtime.test_consuming import Member

_HEAD = 61
"""Bytes of a batch before its records: offset 8, length 4, epoch 4, magic 1, CRC 4, attributes 2
and so on (Kafka's record batch, version 2). The length counts from after itself, the CRC from the
attributes on.
"""


def snappy(data: bytes) -> bytes:
    """One literal, of a length that 2 bytes hold (Snappy's format description, 1 and 2.1)."""
    length, left = b"", len(data)
    while left > 0x7F:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return length + bytes([left, 61 << 2]) + struct.pack("<H", len(data) - 1) + data


def lz4(data: bytes) -> bytes:
    """A frame of one stored block: version 1, independent blocks, at most 64 KB each."""
    descriptor = b"\x60\x40"
    check = _xxh32_short(descriptor) >> 8 & 0xFF
    block = struct.pack("<I", len(data) | 1 << 31) + data
    return b"\x04\x22\x4d\x18" + descriptor + bytes([check]) + block + bytes(4)


def _xxh32_short(data: bytes) -> int:
    """XXH32 with seed 0 of less than 4 bytes."""
    value, mask = 374761393 + len(data), 0xFFFFFFFF
    for byte in data:
        value = (value + byte * 374761393) & mask
        value = (value << 11 | value >> 21) * 2654435761 & mask
    value = (value ^ value >> 15) * 2246822519 & mask
    value = (value ^ value >> 13) * 3266489917 & mask
    return value ^ value >> 16


def zstd(data: bytes) -> bytes:
    """A frame of one raw block (RFC 8878, 3.1.1): a single segment whose size 4 bytes hold."""
    block = struct.pack("<I", len(data) << 3 | 1)[:3]
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + block + data


CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (1, gzip.compress),
    "snappy": (2, snappy),
    "lz4": (3, lz4),
    "zstd": (4, zstd),
}


def batch(records: list[Sent], codec: int, pack: Callable[[bytes], bytes]) -> bytes:
    """The records as one compressed batch."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for offset, record in enumerate(records):
        builder.append(offset, None, record.key, record.value, list(record.headers))
    plain = bytes(builder.build())
    checked = struct.pack(">h", codec) + plain[23:_HEAD] + pack(plain[_HEAD:])
    length = struct.pack(">i", len(checked) + 21 - 12)
    return plain[:8] + length + plain[12:17] + struct.pack(">I", calc_crc32c(checked)) + checked


async def produce_raw(kafka: str, topic: str, data: bytes) -> None:
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, 0))
        answer = await client.send(leader, ProduceRequest(None, -1, 5000, [(topic, [(0, data)])]))
        [(_, [(_, code, *_)])] = answer.topics
        assert code == 0
    finally:
        await client.close()


async def as_declared(kafka: str) -> str:
    """A topic like ours, of this test alone."""
    name = f"test.{uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([topics._new(replace(TOPICS[0], name=name, partitions=1), 1)])
    finally:
        await admin.close()
    return name


@pytest.mark.parametrize("codec", CODECS)
async def test_a_compressed_batch_is_read_as_any_other(kafka: str, codec: str) -> None:
    member = Member(kafka, await as_declared(kafka))
    await produce(kafka, member.topic, [sent(1)])
    await produce_raw(kafka, member.topic, batch([sent(2), sent(3)], *CODECS[codec]))
    await produce(kafka, member.topic, [sent(4)])
    async with member.consuming():
        await member.hears(4)
    assert member.offsets == [0, 1, 2, 3]
    assert len(member.brokers) == 1

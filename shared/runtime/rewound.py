"""Offsets ahead of the database: a restored one has forgotten records that its group has passed.

Kafka would never give them again, and their keys would wait for ever at the gap. Offsets are
committed after the database, so every record before them is known to a database that is whole. The
last ones are looked at, not the very last alone: it may be an old one that was sent again. Where
one is not known, the group begins at zero again: watermarks make what is known a repeat.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition

from shared.runtime import kafka, logs
from shared.runtime.database import Pool
from shared.runtime.record import Record
from shared.runtime.restored import partitions, tail
from shared.runtime.settings import Settings

_log = logs.logger("rewound")

_LOOKED_AT = 100
"""Records before the offset of each partition."""


async def rewind(service: str, topics: Sequence[str], pool: Pool, settings: Settings) -> bool:
    """Set the group's offsets to zero where the database is older than they are; whether it was.

    KafkaError while another replica is in the group: it must be stopped first.
    """
    consumer = kafka.reader(settings, service, group=service)
    try:
        await consumer.start()
        places = await partitions(consumer, topics)
        offsets = {at: await consumer.committed(at) or 0 for at in places}
        first = await consumer.beginning_offsets(places) if places else {}
        ends = await consumer.end_offsets(places) if places else {}
        passed = {at: offset for at, offset in offsets.items() if first[at] < offset <= ends[at]}
        last = {at: max(0, offset - _LOOKED_AT) for at, offset in passed.items()}
        found: list[Any] = []
        async for records in tail(consumer, last, passed):
            found += records
        forgotten = await _forgotten(pool, [Record.of(one) for one in found])
        if not forgotten:
            return False
        consumer.assign(places)
        await consumer.commit({TopicPartition(*at): 0 for at in places})
        logs.warn(_log, "the database is older than its offsets: all records come again")
        return True
    finally:
        await consumer.stop()


async def _forgotten(pool: Pool, records: Sequence[Record]) -> bool:
    """Whether the database does not know one of these records that it has taken once."""
    known = [(record, record.identity) for record in records if record.identity]
    unnamed = [record for record in records if record.identity is None]
    return bool(
        await pool.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::bigint[])
                    AS r (topic, key, sequence, "partition", "offset")
                LEFT JOIN watermark AS w USING (topic, key)
                WHERE r.sequence > coalesce(w.sequence, 0) + (w.parked IS NOT NULL)::int
                AND NOT EXISTS (SELECT FROM above_watermark AS a
                                WHERE (a.topic, a.key, a.sequence) = (r.topic, r.key, r.sequence))
                AND NOT EXISTS (SELECT FROM dead_letter AS d
                                WHERE (d.topic, d."partition", d."offset")
                                = (r.topic, r."partition", r."offset"))
            ) OR EXISTS (
                SELECT FROM unnest($6::text[], $7::int[], $8::bigint[])
                    AS r (topic, "partition", "offset")
                WHERE NOT EXISTS (SELECT FROM dead_letter AS d
                                  WHERE (d.topic, d."partition", d."offset")
                                  = (r.topic, r."partition", r."offset"))
            )
            """,
            [record.topic for record, _ in known],
            [identity.key for _, identity in known],
            [identity.sequence for _, identity in known],
            [record.partition for record, _ in known],
            [record.offset for record, _ in known],
            [record.topic for record in unnamed],
            [record.partition for record in unnamed],
            [record.offset for record in unnamed],
        )
    )

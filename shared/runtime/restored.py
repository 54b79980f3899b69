"""A database older than its own topics: noticed before the service does anything.

A restored backup would draw sequences, allocations and alerts again that the world has heard of. So
the service's own topics are read from where the database knows them (`sent_up_to`, written by the
relay) to their ends, and the highest `ce_sequence` of each key is held against the last one drawn.
Every sequence is committed before its record is sent: one that is ahead was drawn by a database
that is not this one. Records that were sent and not yet deleted from the outbox are no fault, nor
are those without `ce_traceparent`: no relay of ours sends such, and a forgery is no evidence.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from shared.contracts.envelope import parse_sequence
from shared.contracts.topics import TOPICS
from shared.runtime import kafka
from shared.runtime.database import Connection, Pool
from shared.runtime.record import LONGEST_KEY
from shared.runtime.settings import Settings

_POLL_MS = 500
_PATIENCE_S = 30
_KEYS_AT_ONCE = 10_000

_TRACE = "ce_traceparent"

Place = tuple[str, str]
"""A topic and a key."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What the database does not know of the service's own topics.

    `ahead`: the highest sequence sent of each (topic, key) whose drawn ones are behind it; `drawn`:
    the last drawn of these. `lost`: topics that end before what the broker once acknowledged, so
    that Kafka is the older one.
    """

    service: str
    ahead: dict[Place, int] = field(default_factory=dict)
    drawn: dict[Place, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ahead or self.lost)

    def counts(self) -> list[tuple[str, int]]:
        """The topics that are ahead, each with how many of its keys are."""
        return sorted(Counter(topic for topic, _ in self.ahead).items())

    def line(self) -> str:
        """What a person must know, in one line."""
        parts = [f"{n} keys of {topic} are ahead of its database" for topic, n in self.counts()]
        parts += [f"{topic} ends before what was acknowledged" for topic in self.lost]
        return (
            f"{self.service} refuses to work: {', '.join(parts)}. Restore a newer backup, or decide"
            f" with: trialops restore {self.service}"
        )


class Check:
    """Reads on in the service's own topics at each look; `async with` keeps its consumer."""

    def __init__(
        self, service: str, pool: Pool, settings: Settings, topics: Sequence[str] | None = None
    ) -> None:
        self._service = service
        self._pool = pool
        own = [topic.name for topic in TOPICS if topic.writer == service]
        self._topics = own if topics is None else list(topics)
        self._consumer = kafka.reader(settings, service)
        self.read_to: dict[TopicPartition, int] = {}
        self._highest: dict[Place, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    async def look(self) -> Behind:
        """What is behind now; where nothing is, the next check begins at these ends."""
        places = await partitions(self._consumer, self._topics)
        # Before the ends are asked for: another replica may note meanwhile what it has sent since.
        stored = await stored_ends(self._pool)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        lost = shrunk(stored, ends)
        begin = {at: max(self.read_to.get(at, 0), stored.get(at, 0)) for at in ends}
        async for records in tail(self._consumer, begin, ends):
            self._note(records)
        self.read_to = ends
        # Only after the reading: another replica may send meanwhile what it has just drawn.
        async with self._pool.acquire() as db:
            drawn = await _drawn_before(db, self._highest)
            ahead = {place: self._highest[place] for place in drawn}
            self._highest = ahead.copy()
            behind = Behind(self._service, ahead, drawn, tuple(sorted(lost)))
            if not behind:
                await keep(db, ends)
        return behind

    async def unknown(self, behind: Behind) -> AsyncIterator[Any]:
        """The records that the database does not know, as far as the last look went."""
        stored = await stored_ends(self._pool)
        begin = {at: stored.get(at, 0) for at in self.read_to}
        async for records in tail(self._consumer, begin, self.read_to):
            for record in records:
                drawn = behind.drawn.get((record.topic, _key(record)))
                if drawn is not None and _sequence(record) > drawn:
                    yield record

    def _note(self, records: Sequence[Any]) -> None:
        for record in records:
            place, sequence = (record.topic, _key(record)), _sequence(record)
            if place[1] and sequence > self._highest.get(place, 0):
                self._highest[place] = sequence


async def partitions(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of the topics; KafkaError where the broker does not know one of them."""
    # The consumer's own list is as old as its last need for it, and no public call renews it.
    known = await consumer._client.fetch_all_metadata()  # noqa: SLF001
    found = {topic: sorted(known.partitions_for_topic(topic) or ()) for topic in topics}
    if missing := [topic for topic, numbers in found.items() if not numbers]:
        raise UnknownTopicOrPartitionError(", ".join(missing))
    return [TopicPartition(topic, number) for topic in topics for number in found[topic]]


async def tail(
    consumer: AIOKafkaConsumer,
    begin: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> AsyncIterator[list[Any]]:
    """The records from `begin` up to `ends`, in batches; in the order of each partition.

    KafkaTimeoutError where nothing has come for a while: a partition is out of reach, or was cut
    since its end was asked for and will never get there.
    """
    first = await consumer.beginning_offsets(list(ends)) if ends else {}
    left = {at for at, end in ends.items() if max(begin[at], first[at]) < end}
    consumer.assign(list(left))
    for at in left:
        consumer.seek(at, max(begin[at], first[at]))
    came = time.monotonic()
    while left:
        found = await consumer.getmany(*left, timeout_ms=_POLL_MS)
        if not found and time.monotonic() - came > _PATIENCE_S:
            raise KafkaTimeoutError(", ".join(sorted({at.topic for at in left})))
        for at, records in found.items():
            yield [record for record in records if record.offset < ends[at]]
            came = time.monotonic()  # whoever takes them may take long
        left = {at for at in left if await consumer.position(at) < ends[at]}


async def keep(db: Connection, ends: dict[TopicPartition, int]) -> None:
    """Begin the next check at these offsets, the database being as new as the topics up to them."""
    await db.execute(
        """
        INSERT INTO sent_up_to (topic, "partition", "offset")
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
        ON CONFLICT (topic, "partition") DO UPDATE SET "offset" = EXCLUDED."offset"
        """,
        [at.topic for at in sorted(ends)],
        [at.partition for at in sorted(ends)],
        [ends[at] for at in sorted(ends)],
    )


async def raise_sequences(db: Connection, ahead: dict[Place, int]) -> None:
    """Count on from what the topics hold."""
    places = sorted(ahead)
    await db.execute(
        """
        INSERT INTO sequence AS s (topic, key, last)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT (topic, key) DO UPDATE SET last = greatest(s.last, EXCLUDED.last)
        """,
        [topic for topic, _ in places],
        [key for _, key in places],
        [ahead[place] for place in places],
    )


async def stored_ends(pool: Pool) -> dict[TopicPartition, int]:
    """How far the broker acknowledged, partition by partition, as the relay noted it."""
    rows = await pool.fetch('SELECT topic, "partition", "offset" FROM sent_up_to')
    return {TopicPartition(row["topic"], row["partition"]): row["offset"] for row in rows}


def shrunk(stored: dict[TopicPartition, int], ends: dict[TopicPartition, int]) -> set[str]:
    """The topics that end before what was acknowledged, as far as `stored` has it."""
    return {at.topic for at, offset in stored.items() if offset > ends.get(at, 0)}


async def _drawn_before(db: Connection, highest: dict[Place, int]) -> dict[Place, int]:
    """What was drawn last of those whose highest is above it."""
    places = sorted(highest)
    found: dict[Place, int] = {}
    for start in range(0, len(places), _KEYS_AT_ONCE):
        some = places[start : start + _KEYS_AT_ONCE]
        rows = await db.fetch(
            """
            SELECT sent.topic, sent.key, coalesce(drawn.last, 0) AS last
            FROM unnest($1::text[], $2::text[], $3::bigint[]) AS sent (topic, key, last)
            LEFT JOIN sequence AS drawn USING (topic, key)
            WHERE sent.last > coalesce(drawn.last, 0)
            """,
            [topic for topic, _ in some],
            [key for _, key in some],
            [highest[place] for place in some],
        )
        found |= {(row["topic"], row["key"]): row["last"] for row in rows}
    return found


def _key(record: Any) -> str:
    """The key, "" for one that is none of ours."""
    raw: bytes = record.key or b""
    try:
        return raw.decode() if len(raw) <= LONGEST_KEY and b"\x00" not in raw else ""
    except ValueError:
        return ""


def _sequence(record: Any) -> int:
    """The sequence, 0 of a record that is none of ours or cannot be read: it moves nothing."""
    headers = dict(record.headers)
    try:
        return parse_sequence(headers["ce_sequence"].decode()) if headers[_TRACE] else 0
    except (ValueError, KeyError, AttributeError):
        return 0

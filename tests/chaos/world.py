"""Everything as it lies there: topics to their ends, tables, logs. Read as a stranger would.

Plain aiokafka without a group, plain asyncpg as the superuser, nothing of the runtime.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

SERVICES = ("screening", "randomizer", "safety", "notifier", "audit", "portal")
WRITERS = {
    "trialops.screening": "screening",
    "trialops.randomization": "randomizer",
    "trialops.safety": "safety",
    "trialops.notification": "notifier",
    "trialops.audit": "audit",
    **{f"trialops.{name}.record": name for name in SERVICES},
    **{f"trialops.{name}.dead": name for name in SERVICES},
}

Row: TypeAlias = asyncpg.Record

_TABLES = {
    "screening.screening": "SELECT id::text, trial, subject, attempt, revision, signed, verdict",
    "screening.revision": "SELECT screening::text, revision",
    "screening.signature": "SELECT screening::text, revision",
    "screening.subject": "SELECT trial, subject, randomized",
    "randomizer.subject": (
        "SELECT trial, subject, standing, screening, attempt, revision, signed, verdict, number"
    ),
    "randomizer.allocation": "SELECT *",
    "safety.subject": "SELECT trial, subject, arm",
    "safety.adverse_event": "SELECT id::text, trial, subject, version, serious",
    "safety.fact": "SELECT adverse_event::text AS id, nth, kind",
    "safety.withdrawal": "SELECT trial, subject, withdrawn_from",
    "notifier.alert": "SELECT id::text, trial, subject, rule",
    "notifier.heard": "SELECT ce_id::text, alert::text",
    "portal.adverse_event": 'SELECT trial, "case", version',
    "portal.alert": "SELECT alert",
    "audit.entry": 'SELECT "index", ce_id::text, topic, key, sequence, line, leaf',
    "audit.tile": "SELECT level, n, hashes, root",
    "audit.checkpoint": "SELECT size, root, note",
}
_OF_EACH = {
    "sequence": "SELECT topic, key, last",
    "watermark": "SELECT topic, key, sequence, parked, above",
    "outbox": "SELECT topic, key, sequence",
    "above_watermark": "SELECT topic, key, sequence, value IS NULL AS taken",
    "dead_letter": 'SELECT id::text, topic, "partition", "offset", key, reason, state',
}


@dataclass(frozen=True)
class Record:
    """One record as it lies in Kafka; what cannot be read of it is None."""

    topic: str
    partition: int
    offset: int
    key: str | None
    value: bytes | None
    headers: Mapping[str, str]
    raw_headers: tuple[tuple[str, bytes | None], ...] = field(repr=False)

    @property
    def type(self) -> str:
        """The event's name, without product and version."""
        return self.headers.get("ce_type", "").removeprefix("trialops.").rpartition(".")[0]

    @property
    def id(self) -> str:
        """`ce_id`."""
        return self.headers.get("ce_id", "")

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it stands."""
        return self.topic, self.partition, self.offset

    @cached_property
    def sequence(self) -> int:
        """`ce_sequence`, 0 where it is no number."""
        text = self.headers.get("ce_sequence", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    @cached_property
    def data(self) -> dict[str, Any]:
        """The event's data, empty where they are no JSON object."""
        try:
            read = json.loads(self.value or b"")
        except (ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}


@dataclass(frozen=True)
class World:
    """One look at everything."""

    records: list[Record]
    tables: Mapping[str, list[Row]]
    logs: Mapping[str, str]
    log_key: str
    """The verifier key line of the audit log, "" where audit did not answer."""

    def rows(self, table: str) -> list[Row]:
        """A table's rows, by `service.table`."""
        return self.tables[table]

    @cached_property
    def firsts(self) -> list[Record]:
        """Of every `ce_id` the first record, in each topic's own order."""
        seen: dict[tuple[str, str], Record] = {}
        for record in self.records:
            if record.id and record.sequence:
                seen.setdefault((record.topic, record.id), record)
        return list(seen.values())

    @cached_property
    def by_key(self) -> dict[tuple[str, str], list[Record]]:
        """The readable records of each (topic, key), in the order in which they lie."""
        found: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            if record.key is not None and record.sequence and record.id:
                found[record.topic, record.key].append(record)
        return found

    def said(self, *types: str) -> Iterable[Record]:
        """The events of these types, each once."""
        return (record for record in self.firsts if record.type in types)


async def look(dsn: str, kafka: str, logs: Path, audit: str) -> World:
    """Read it all; meant for a platform at rest."""
    records = await _topics(kafka)
    tables = await _database(dsn)
    texts = _logs(logs)
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        try:
            answer = await http.get(f"{audit}/v1/log/key")
            key = answer.text if answer.is_success else ""
        except httpx.TransportError:
            key = ""
    return World(records, tables, texts, key)


def _logs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(errors="replace") for path in sorted(folder.glob("*.log"))}


async def _topics(kafka: str) -> list[Record]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=100,
    )
    partitions = await _partitions(kafka)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        left = {one for one, end in ends.items() if end > 0}
        found: list[Record] = []
        while left:
            for one, raw in (await consumer.getmany(timeout_ms=200)).items():
                found += [_record(record) for record in raw if record.offset < ends[one]]
                if raw and raw[-1].offset >= ends[one] - 1:
                    left.discard(one)
    finally:
        await consumer.stop()
    return sorted(found, key=lambda record: record.place)


async def _partitions(kafka: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        found = await admin.describe_topics(list(WRITERS))
    finally:
        await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in found
        for partition in topic["partitions"]
    ]


def _record(raw: Any) -> Record:
    headers = {
        name: value.decode(errors="replace") for name, value in raw.headers if value is not None
    }
    key = None if raw.key is None else raw.key.decode(errors="replace")
    return Record(raw.topic, raw.partition, raw.offset, key, raw.value, headers, tuple(raw.headers))


async def _database(dsn: str) -> dict[str, list[Row]]:
    queries = {name: f"{select} FROM {name}" for name, select in _TABLES.items()}
    queries |= {
        f"{service}.{name}": f"{select} FROM {service}.{name}"
        for service in SERVICES
        for name, select in _OF_EACH.items()
    }
    queries["audit.entry"] += ' ORDER BY "index"'
    queries["audit.checkpoint"] += " ORDER BY size, signed_at"
    queries["safety.fact"] += " ORDER BY adverse_event, nth"
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {name: await connection.fetch(text) for name, text in queries.items()}
    finally:
        await connection.close()

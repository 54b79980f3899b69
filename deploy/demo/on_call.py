"""Whoever is called acknowledges: the demo's people look after their alerts when all is at rest."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.demo.doors import Doors
from deploy.embedded.settle import Rest
from deploy.tokens import Bearer
from shared.contracts import jsontext
from shared.contracts.events.notification import AlertLapsed, AlertRaised
from shared.contracts.topics import TOPICS
from shared.runtime.kafka_access import KafkaAccess

_TOPIC: Final = AlertRaised.TOPIC
_CALLS: Final = frozenset({AlertRaised.ce_type().encode(), AlertLapsed.ce_type().encode()})
_NOTE: Final = "seen, and looked after"
_SECONDS: Final = 120.0


class OnCall:
    """One person of each role that alerts call, for all trials.

    They hear the alerts on their topic, as a pager would. Gathered news of a day is read and needs
    no acknowledgement.
    """

    def __init__(self, kafka: KafkaAccess, doors: Doors) -> None:
        self._kafka = kafka
        self._doors = doors
        self._consumer: AIOKafkaConsumer | None = None
        self._read: dict[TopicPartition, int] = {
            TopicPartition(topic.name, number): 0
            for topic in TOPICS
            if topic.name == _TOPIC
            for number in range(topic.partitions)
        }
        self._roles: dict[str, str] = {}
        self._called: set[str] = set()
        self._acknowledged: Counter[str] = Counter()

    async def look(self, rest: Rest) -> bool:
        """Acknowledge what calls; True if there was something. `rest` says how much was said."""
        if sum(self._read.values()) == rest.records.get(_TOPIC, 0):
            return False
        await self._hear(rest.records[_TOPIC])
        called, self._called = self._called, set()
        for alert in sorted(called):
            self._acknowledged[alert] += 1
            role = self._roles[alert]
            bearer = Bearer(role, name=f"{role}-on-call")
            path, key = f"/v1/alerts/{alert}/acknowledge", f"{alert}-{self._acknowledged[alert]}"
            await self._doors.post("notifier", path, bearer, f"demo-{key}", {"note": _NOTE})
        return bool(called)

    async def stop(self) -> None:
        """Hang up."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _hear(self, records: int) -> None:
        """Read the topic up to so many records; from where it was if the broker is lost."""
        deadline = time.monotonic() + _SECONDS
        while sum(self._read.values()) < records and time.monotonic() < deadline:
            try:
                await self._read_on()
            except (KafkaError, OSError):
                with suppress(KafkaError, OSError):
                    await self.stop()
                await asyncio.sleep(0.2)

    async def _read_on(self) -> None:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(**self._kafka.arguments(), enable_auto_commit=False)
            await self._consumer.start()
            self._consumer.assign(list(self._read))
            for partition, offset in self._read.items():
                self._consumer.seek(partition, offset)
        for partition, records in (await self._consumer.getmany(timeout_ms=500)).items():
            for record in records:
                if dict(record.headers)["ce_type"] in _CALLS:
                    self._note(jsontext.loads(record.value))
            self._read[partition] = records[-1].offset + 1

    def _note(self, alert: Any) -> None:
        """An alert calls: for the first time with whom, later without."""
        if alert["severity"] == "info":
            return
        if "roles" in alert:
            self._roles[alert["alert"]] = alert["roles"][0]
        self._called.add(alert["alert"])

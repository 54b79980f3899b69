"""Records that no service wrote, of a trial that is there for them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, cast

import asyncpg
from aiokafka import AIOKafkaProducer

from tests.acceptance.poison import TOPIC, Forger
from tests.acceptance.topics import Header
from tests.chaos.scene import Scene
from tests.chaos.stage import Stage
from tests.chaos.stories import FORGED

_numbers = count(1)


@dataclass(frozen=True)
class Event:
    """A record to be sent."""

    value: bytes | None
    headers: tuple[Header, ...]

    def valued(self, value: bytes | None) -> "Event":
        """The same with another value."""
        return replace(self, value=value)


@dataclass
class Forgery:
    """A subject that nobody screened."""

    stage: Stage
    producer: AIOKafkaProducer = field(repr=False)
    forger: Forger

    @property
    def key(self) -> str:
        """The key of its records."""
        return self.forger.key

    def event(self, *more: Header, version: str = "v1") -> Event:
        """The next one in its sequence, an eligible screening."""
        headers = [(name, text.encode()) for name, text in self.forger.headers(version).items()]
        return Event(self.forger.value(self.forger.sequence), (*headers, *more))

    async def send(self, event: Event, partition: int | None = None) -> tuple[str, int, int]:
        """Where it stands. Without a trace it is no evidence that screening's database is old."""
        kept = await self.producer.send_and_wait(
            TOPIC, event.value, self.key.encode(), partition, headers=list(event.headers)
        )
        return TOPIC, kept.partition, kept.offset

    async def drawn(self) -> int:
        """How many allocations the subject has."""
        query = "SELECT count(*) FROM randomizer.allocation WHERE trial = $1 AND subject = $2"
        return int(await ask(self.stage, query, FORGED, self.forger.subject))


@asynccontextmanager
async def forged(scene: Scene, number: int) -> AsyncIterator[list[Forgery]]:
    """So many subjects of our own; what is sent of them is known as no service's word."""
    producer = AIOKafkaProducer(bootstrap_servers=scene.stage.kafka, acks="all")
    await producer.start()
    try:
        made = []
        for _ in range(number):
            # The forger asks of its platform nothing, as we send for it.
            forger = Forger(cast("Any", None), f"T1-{900_000 + next(_numbers):06}")
            made.append(Forgery(scene.stage, producer, forger))
            scene.ledger.forged.add((TOPIC, forger.key))
        yield made
    finally:
        await producer.stop()


async def ask(stage: Stage, query: str, *values: object) -> Any:
    """One value from the database."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close()


async def watermark(stage: Stage, service: str, key: str) -> int:
    """How far a service is in a key of the screening topic."""
    query = f"SELECT sequence FROM {service}.watermark WHERE topic = $1 AND key = $2"  # noqa: S608 - our own names
    return int(await ask(stage, query, TOPIC, key) or 0)


async def letters(stage: Stage, service: str, places: Sequence[tuple[str, int, int]]) -> list[int]:
    """How many dead letters a service made of the record at each of these places."""
    query = (
        f"SELECT count(*) FROM {service}.dead_letter"  # noqa: S608 - our own names
        ' WHERE topic = $1 AND "partition" = $2 AND "offset" = $3'
    )
    return [int(await ask(stage, query, *place)) for place in places]

"""Faults of records: thrice, from the beginning again, out of order, with a gap, versions."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.forging import Forgery, forged, watermark
from tests.chaos.kills import SESSION_S
from tests.chaos.scene import Scene, fault
from tests.chaos.world import SERVICES, Record, look


@fault("every event produced three times", "no new effect", short=True)
async def thrice(scene: Scene) -> AsyncIterator[None]:
    """All that lies in any topic is sent again, twice, in its order."""
    stage = scene.stage
    world = await look(stage.dsn, stage.kafka, stage.folder / "logs", stage.urls("audit")[0])
    records = [one for one in world.records if (one.topic, one.key) not in scene.ledger.forged]
    for _ in range(2):
        await send_again(stage.kafka, records)
    scene.notes.append(f"{len(records)} events, twice more")
    yield


async def send_again(kafka: str, records: Iterable[Record]) -> None:
    """The very same keys, values and headers, where the first ones stand."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", linger_ms=5, max_request_size=4 * 1024 * 1024
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                one.topic,
                one.value,
                None if one.key is None else one.key.encode(),
                one.partition,
                headers=list(one.raw_headers),
            )
            for one in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@fault("offsets rewound to zero", "no new effect")
async def rewound(scene: Scene) -> AsyncIterator[None]:
    """Every group, while its members stand still past their sessions; then they are killed."""
    stage = scene.stage
    pids = {name: await stage.signal(name, signal.SIGSTOP) for name in SERVICES}
    try:
        await asyncio.sleep(SESSION_S)
        for group in SERVICES:
            await _rewind(stage.kafka, group)
    finally:
        for name in SERVICES:
            await stage.signal(name, signal.SIGKILL)
    for name, pid in pids.items():
        await stage.replaced(name, pid)
    await stage.ready()
    yield


async def _rewind(kafka: str, group: str) -> None:
    """Set a group to the beginning of all that it has read, once it has no member left."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    zero: dict[TopicPartition, int] = dict.fromkeys(committed, 0)
    async with asyncio.timeout(30):
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=kafka, group_id=group, enable_auto_commit=False
            )
            await consumer.start()
            try:
                consumer.assign(list(zero))
                with suppress(KafkaError):  # it has a member yet
                    await consumer.commit(zero)
                    return
            finally:
                await consumer.stop()
            await asyncio.sleep(0.5)


@fault("events of a key reordered", "parked, then taken in order")
async def reordered(scene: Scene) -> AsyncIterator[None]:
    """Six events of each of several subjects, in an order that the seed gives."""
    async with forged(scene, 6) as forgeries:
        for forgery in forgeries:
            events = [forgery.event() for _ in range(6)]
            scene.random.shuffle(events)
            for event in events:
                await forgery.send(event)
    yield
    await _all_taken(scene, forgeries, 6)


@fault("a gap in a key's sequence", "waits at the gap, then resumes", short=True)
async def gap(scene: Scene) -> AsyncIterator[None]:
    """The third event of six is missing until everything else is at rest."""
    async with forged(scene, 4) as forgeries:
        missing = []
        for forgery in forgeries:
            events = [forgery.event() for _ in range(6)]
            missing.append(events.pop(2))
            for event in events:
                await forgery.send(event)
        yield
        for forgery, event in zip(forgeries, missing, strict=True):
            if (at := await watermark(scene.stage, "randomizer", forgery.key)) != 2:
                scene.wrong.append(f"{forgery.key} is at {at} and not at the gap")
            await forgery.send(event)
    await scene.stage.rest()
    await _all_taken(scene, forgeries, 6)


async def _all_taken(scene: Scene, forgeries: list[Forgery], last: int) -> None:
    for forgery in forgeries:
        for service in ("randomizer", "safety", "portal"):
            if (at := await watermark(scene.stage, service, forgery.key)) != last:
                scene.wrong.append(f"{service} is at {at} of {forgery.key}, not at {last}")
        if (drawn := await forgery.drawn()) != 1:
            scene.wrong.append(f"{forgery.key} has {drawn} allocations")


@fault(
    "rolling restart between two versions of an event",
    "an unknown field is passed over; an unknown version waits for its reader",
)
async def two_versions(scene: Scene) -> AsyncIterator[None]:
    """Producers add a field, then speak a version that nobody here knows, while all restart."""
    async with forged(scene, 8) as forgeries:
        newer = forgeries[4:]
        for nth, name in enumerate(SERVICES):
            pid = await scene.stage.signal(name, signal.SIGTERM)
            forgery = forgeries[nth % 4]
            event = forgery.event()
            data = {**json.loads(event.value or b"{}"), "added_in_the_next_release": [1, {"a": 2}]}
            await forgery.send(event.valued(json.dumps(data).encode()))
            await scene.stage.replaced(name, pid)
        for forgery in newer:
            place = await forgery.send(forgery.event(version="v2"))
            scene.ledger.expected_letters.add(place)
            await forgery.send(forgery.event())
        await scene.stage.ready()
    yield
    for forgery in newer:
        if (at := await watermark(scene.stage, "randomizer", forgery.key)) != 0:
            scene.wrong.append(f"{forgery.key} does not wait behind its letter: {at}")
    await scene.work.drop_letters()
    await scene.stage.rest()
    await _all_taken(scene, newer, 2)
    for forgery in forgeries[:4]:
        if (drawn := await forgery.drawn()) != 1:
            scene.wrong.append(f"{forgery.key} has {drawn} allocations")

"""Kafka as we use it: FastStream's defaults settled once, and one idempotent producer a relay."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES
from shared.runtime.record import KafkaRecord
from shared.runtime.settings import Settings

Take = Callable[[Sequence[KafkaRecord]], Awaitable[None]]


def broker(settings: Settings, service: str) -> KafkaBroker:
    """The service's broker: no topic is made by accident, no message converted."""
    return KafkaBroker(
        settings.kafka,
        client_id=f"trialops-{service}",
        allow_auto_create_topics=False,
        apply_types=False,
        logger=None,
        graceful_timeout=settings.shutdown_s,
    )


class InHand(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Knows whether the consumer is in its group, and lets the batch in hand end before it goes."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.joined = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait for the batch in hand: its offsets are then committed by this member."""
        async with self.lock:
            self.joined = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """The group has a place for this member, perhaps with no partition to do."""
        self.joined = True


def subscribe(
    broker: KafkaBroker, settings: Settings, group: str, topics: Sequence[str], take: Take
) -> InHand:
    """Give `take` the topics' records, batch by batch; offsets are committed when it returns.

    Where it raises, the batch comes again. Explicit against FastStream's defaults, which
    acknowledge first, start at the latest offset and lose a batch over one bad header. One
    consumer for all topics: each further member of a group would rebalance all the others.
    """
    in_hand = InHand()
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        group_id=group,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        max_records=settings.batch_records,
        batch_timeout_ms=settings.batch_wait_ms,
        session_timeout_ms=round(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=min(3000, round(settings.session_timeout_s * 300)),
        rebalance_timeout_ms=60_000,
        max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
        listener=in_hand,
        no_reply=True,
    )

    async def parse(records: tuple[Any, ...]) -> KafkaAckableMessage:
        """The batch without a look at its headers: FastStream's own parser would raise on them."""
        if subscriber.consumer is None:
            raise RuntimeError("a batch came after the consumer stopped")
        return KafkaAckableMessage(
            raw_message=records, body=b"", headers={}, consumer=subscriber.consumer
        )

    async def decode(message: KafkaAckableMessage) -> Any:
        return message.raw_message

    async def handle(records: Any) -> None:  # FastStream makes a pydantic model of what stands here
        async with in_hand.lock:
            await take(records)

    subscriber(handle, parser=parse, decoder=decode)
    return in_hand


async def producer(settings: Settings, service: str) -> AIOKafkaProducer:
    """A started idempotent producer; acknowledged means written by every replica in sync."""
    made = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        client_id=f"trialops-{service}-relay",
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        # Of a whole batch the broker asks what the topic asks of a record; one record alone may
        # pass it, as those of `.dead` do.
        max_batch_size=MAX_RECORD_BYTES,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        request_timeout_ms=round(settings.send_timeout_s * 1000),
    )
    try:
        async with asyncio.timeout(settings.send_timeout_s):
            await made.start()
    except BaseException:
        await made.stop()
        raise
    return made


async def discard(producer: AIOKafkaProducer, patience_s: float) -> None:
    """End a producer within the seconds, giving up what it still holds.

    Its own `stop` waits for the broker, and cut short leaves a sender behind that tries for ever:
    so the sender is ended first, for which there is no public way.
    """
    producer._closed = True  # noqa: SLF001
    with suppress(Exception):
        async with asyncio.timeout(patience_s):
            await producer._sender.close()  # noqa: SLF001
    with suppress(Exception):
        await producer.client.close()

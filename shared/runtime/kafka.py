"""Kafka as we use it: FastStream's defaults settled once, and one idempotent producer a relay."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES
from shared.runtime import headernames, resets
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.record import KafkaRecord
from shared.runtime.settings import Settings

_LONGEST_POLL_MS = 1000

Take = Callable[[Sequence[KafkaRecord]], Awaitable[None]]


def broker(settings: Settings, service: str) -> KafkaBroker:
    """The service's broker: it only consumes, as the relay alone sends; nothing is converted."""
    return KafkaBroker(
        settings.kafka.split(","),  # FastStream takes a string as one server
        security=KafkaAccess.of(settings).security(),
        client_id=f"trialops-{service}",
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=None,
        graceful_timeout=settings.shutdown_s,
        request_timeout_ms=_patience_ms(settings),
        # A topic that is made, or made again, after we have joined is heard after so long.
        metadata_max_age_ms=round(settings.metadata_age_s * 1000),
    )


def _patience_ms(settings: Settings) -> int:
    """How long a consumer waits for one answer, no longer than its session.

    A coordinator that went without a word keeps it from its group for so long. To join may take
    longer, while others end their batches: it is asked again then, as the member that it is.
    """
    return round(min(settings.request_timeout_s, settings.session_timeout_s) * 1000)


class InHand(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Knows whether the consumer is in its group, and lets the batch in hand end before it goes.

    `failed` has the fault of a poll that raised, `polled` when one ended last (monotonic seconds).
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.joined = False
        self.polled = time.monotonic()
        self.failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def fail(self, fault: Exception) -> None:
        """Say that a poll raised; the first fault is kept."""
        self.joined = False
        if not self.failed.done():
            self.failed.set_result(fault)

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
    headernames.tolerate()
    resets.tell()
    in_hand = InHand()
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        group_id=group,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        session_timeout_ms=round(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=min(3000, round(settings.session_timeout_s * 300)),
        rebalance_timeout_ms=60_000,
        # A record that is larger comes all the same, alone (KIP-74).
        fetch_max_bytes=settings.fetch_bytes,
        max_partition_fetch_bytes=settings.fetch_partition_bytes,
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

    async def poll(consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """What is there, as soon as something is; FastStream's own sleeps after an empty poll, and
        tells nobody of one that raised.
        """
        try:
            found = await consumer.getmany(
                timeout_ms=_LONGEST_POLL_MS, max_records=settings.batch_records
            )
        except ConsumerStoppedError:
            raise
        except Exception as fault:
            in_hand.fail(fault)
            raise
        in_hand.polled = time.monotonic()
        return tuple(chain.from_iterable(found.values()))

    subscriber(handle, parser=parse, decoder=decode)
    subscriber.get_msg = poll  # type: ignore[method-assign]  # there is no option for it
    return in_hand


def reader(settings: Settings, service: str, group: str | None = None) -> AIOKafkaConsumer:
    """A consumer, not started, that joins no group; with one, it may ask for its offsets."""
    headernames.tolerate()
    resets.tell()
    return AIOKafkaConsumer(
        **KafkaAccess.of(settings).arguments(),
        client_id=f"trialops-{service}-reader",
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
        request_timeout_ms=_patience_ms(settings),
    )


async def producer(settings: Settings, service: str) -> AIOKafkaProducer:
    """A started idempotent producer; acknowledged means written by every replica in sync."""
    made = AIOKafkaProducer(
        **KafkaAccess.of(settings).arguments(),
        client_id=f"trialops-{service}-relay",
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        # Of a whole batch the broker asks what the topic asks of a record; one record alone may
        # pass it, as those of `.dead` do.
        max_batch_size=MAX_RECORD_BYTES,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        request_timeout_ms=round(min(settings.request_timeout_s, settings.send_timeout_s) * 1000),
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

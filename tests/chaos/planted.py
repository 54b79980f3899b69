"""Known bugs, each planted by wrapping the runtime in one process: the suite has to catch them all.

They are mistakes that such systems are known for. `TRIALOPS_CHAOS_BUG` names one to the launcher;
nothing in the product knows of them.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.runtime import kafka, watermark
from shared.runtime.batch import Batch
from shared.runtime.consumer import Consumer
from shared.runtime.consuming import Consuming
from shared.runtime.database import Connection
from shared.runtime.kafka import InHand, Take
from shared.runtime.lines import Fate, Line
from shared.runtime.record import Identity, KafkaRecord, Record
from shared.runtime.settings import Settings
from shared.runtime.watermark import Kept, Watermark
from tests.chaos import planted_sending
from tests.chaos.replacing import replace


def plant(name: str) -> None:
    """Plant the bug of this name; KeyError where there is none."""
    (BUGS | UNFORESEEN)[name]()


# ---- acknowledgements


def ack_before_commit() -> None:
    """The offsets are committed before the batch is: what is in hand is lost with the process."""

    def around(acknowledge: Callable[[], Awaitable[None]], take: Take) -> Take:
        async def taken(records: Sequence[KafkaRecord]) -> None:
            await acknowledge()
            await take(records)

        return taken

    _take_is(around)


def manual_ack() -> None:
    """MANUAL: the library swallows a batch's fault, and the next batch's offsets pass it."""

    def around(acknowledge: Callable[[], Awaitable[None]], take: Take) -> Take:
        async def taken(records: Sequence[KafkaRecord]) -> None:
            await take(records)
            await acknowledge()

        return taken

    _policy_is(AckPolicy.MANUAL)
    _take_is(around)


def ack_on_error() -> None:
    """A batch is acknowledged whatever became of it."""
    _policy_is(AckPolicy.ACK)


def latest_offset() -> None:
    """A new group begins with what comes next, not with what is there."""
    subscriber = KafkaBroker.subscriber

    def subscribed(self: KafkaBroker, *topics: str, **options: Any) -> Any:
        return subscriber(self, *topics, **{**options, "auto_offset_reset": "latest"})

    replace(KafkaBroker, "subscriber", subscribed)


def _take_is(around: Callable[[Callable[[], Awaitable[None]], Take], Take]) -> None:
    subscribe = kafka.subscribe

    def subscribed(
        broker: KafkaBroker, settings: Settings, group: str, topics: Sequence[str], take: Take
    ) -> InHand:
        async def acknowledge() -> None:
            [subscriber] = broker.subscribers
            await subscriber.consumer.commit()  # type: ignore[attr-defined]

        return subscribe(broker, settings, group, topics, around(acknowledge, take))

    replace(kafka, "subscribe", subscribed)


def _policy_is(policy: AckPolicy) -> None:
    replace(kafka, "AckPolicy", SimpleNamespace(NACK_ON_ERROR=policy))


# ---- watermarks


def repeats_applied() -> None:
    """What comes again is applied again."""
    offer = Line.offer

    def offered(self: Line, record: Record, identity: Identity) -> Fate:
        if identity.sequence <= self.mark.sequence:
            self.mark.sequence = identity.sequence - 1
        return offer(self, record, identity)

    replace(Line, "offer", offered)


def gaps_ignored() -> None:
    """What comes is taken, whatever is missing before it."""

    def next_of(self: Line) -> Kept | None:
        return self.waiting[min(self.waiting)] if self.waiting else None

    replace(Line, "next", next_of)


def watermark_outside() -> None:
    """Watermarks are raised in a transaction of their own, after the one that did the work."""
    save, transaction = watermark.save, Consumer._transaction
    later: list[tuple[str, list[Watermark]]] = []

    async def saved(db: Connection, topic: str, marks: Iterable[Watermark]) -> None:
        later.append((topic, list(marks)))

    async def transacted(self: Consumer, records: list[Record], *, careful: bool) -> dict[str, int]:
        later.clear()
        fates = await transaction(self, records, careful=careful)
        async with self._work.pool.acquire() as db:
            for topic, marks in later:
                await save(db, topic, marks)
        return fates

    replace(watermark, "save", saved)
    replace(Consumer, "_transaction", transacted)


# ---- dead letters


def dead_letter_swallows() -> None:
    """The whole call goes with the record that it failed on."""
    guarded = Batch._guarded

    async def swallowed(
        self: Batch,
        items: list[Any],
        call: Callable[[list[Any]], Awaitable[Any]],
        refuse: Callable[[Any, Exception], None],
    ) -> list[Any]:
        if not self.careful:
            return await guarded(self, items, call, refuse)
        try:
            async with self.db.transaction():
                self.said += await self._said(call, items)
        except Exception as fault:
            refuse(items[0], fault)
            return items[1:]
        return items

    replace(Batch, "_guarded", swallowed)


# ---- no bug of ours: what a process has to survive, or to end by


def consumer_ends() -> None:
    """The client library raises what nobody foresaw."""

    async def confused(_: Consuming) -> NoReturn:
        raise RuntimeError

    replace(Consuming, "run", confused)


UNFORESEEN: dict[str, Callable[[], None]] = {consumer_ends.__name__: consumer_ends}

BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        ack_before_commit,
        manual_ack,
        ack_on_error,
        latest_offset,
        repeats_applied,
        gaps_ignored,
        watermark_outside,
        dead_letter_swallows,
        planted_sending.sequence_outside,
        planted_sending.outbox_outside,
        planted_sending.relay_by_last_id,
        planted_sending.relays_skip_locked,
        planted_sending.delete_before_ack,
    )
}

"""The consumer's life: it begins when Kafka answers, and begins anew when a poll has failed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from shared.runtime import database, logs
from shared.runtime.kafka import InHand
from shared.runtime.kafka_access import refusal
from shared.runtime.settings import Settings

_log = logs.logger("consuming")


class Consuming:
    """Keeps a consumer in its group; `make` gives a new one, not yet started.

    aiokafka gets over most faults by itself, but not over all: the answer to a heartbeat that a
    coordinator gives while it loads its groups ends the heartbeats for ever, and each poll after it
    raises. A new consumer is right after any such fault, as what was committed is known by Kafka.
    """

    def __init__(self, make: Callable[[], tuple[KafkaBroker, InHand]], settings: Settings) -> None:
        self._make = make
        self._settings = settings
        self._in_hand: InHand | None = None

    @property
    def joined(self) -> bool:
        """Whether the consumer is in its group."""
        return self._in_hand is not None and self._in_hand.joined

    @property
    def poll_age_s(self) -> float | None:
        """Seconds since a poll ended last; None before there is a consumer."""
        return None if self._in_hand is None else time.monotonic() - self._in_hand.polled

    async def run(self) -> NoReturn:
        """Consume until cancelled; the batch in hand then ends within the settings' grace."""
        pause = database.pauses(self._settings)
        failures = 0
        while True:
            broker = None
            try:
                broker, self._in_hand = self._make()
                await broker.start()
                failures = 0
                fault = await self._in_hand.failed
                logs.warn(_log, "consumer starts anew", fault)
            except (KafkaError, OSError) as fault:
                why = await refusal(self._settings) or "consumer could not start"
                logs.warn(_log, why, fault, attempt=failures)
            finally:
                if broker is not None:
                    await self._stop(broker)
            await asyncio.sleep(pause(failures))
            failures += 1

    async def _stop(self, broker: KafkaBroker) -> None:
        """End the consumer; one that has failed may raise its fault once more."""
        with suppress(KafkaError):
            await broker.stop()

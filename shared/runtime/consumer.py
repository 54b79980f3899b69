"""The batch consumer: records -> watermarks -> handlers -> outbox -> commit -> acknowledge."""

import asyncio
import time
from collections.abc import Sequence

from shared.runtime import database, logs, telemetry
from shared.runtime.batch import Batch
from shared.runtime.desk import Desk
from shared.runtime.record import KafkaRecord, Record
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection, Subscription

_log = logs.logger("consumer")


class Consumer:
    """One topic's consumer of one service; `take` is called with each batch.

    One PostgreSQL transaction a batch. A fault of the database is retried with backoff and then
    raised, so that the batch comes again; a fault of the data is found carefully and buried.
    """

    def __init__(
        self,
        service: str,
        subscription: Subscription | Collection,
        desk: Desk,
        settings: Settings,
    ) -> None:
        self._service = service
        self._subscription = subscription
        self._desk = desk
        self._settings = settings
        self._pause = database.pauses(settings)
        self._raised = 0

    @property
    def topic(self) -> str:
        """The topic it consumes."""
        return self._subscription.topic

    async def take(self, raw: Sequence[KafkaRecord]) -> None:
        """Apply one batch; when this returns, its effects are committed."""
        records = [Record.of(record) for record in raw]
        started = time.perf_counter()
        parents = (record.headers.get("ce_traceparent") for record in records)
        with telemetry.batch_span(self.topic, len(records), parents):
            try:
                fates = await database.retried(
                    lambda: self._once(records),
                    self._settings,
                    lambda fault: database.passing(fault) or database.conflicting(fault),
                )
            except Exception as fault:
                logs.warn(_log, "batch will come again", fault, topic=self.topic)
                await asyncio.sleep(self._pause(self._raised))
                self._raised += 1
                raise
        self._raised = 0
        telemetry.batch_duration.record(time.perf_counter() - started, {"topic": self.topic})
        for fate, count in fates.items():
            if count:
                telemetry.records_consumed.add(count, {"topic": self.topic, "fate": fate})
        self._desk.committed()

    async def _once(self, records: list[Record]) -> dict[str, int]:
        """One try: as if nothing were wrong, and where a record is, once more with savepoints."""
        try:
            return await self._transaction(records, careful=False)
        except Exception as fault:
            if database.passing(fault) or database.conflicting(fault):
                raise
            logs.warn(_log, "batch has a faulty record", fault, topic=self.topic)
        return await self._transaction(records, careful=True)

    async def _transaction(self, records: list[Record], *, careful: bool) -> dict[str, int]:
        async with self._desk.pool.acquire() as db, db.transaction():
            batch = Batch(db, self._service, self._desk.now(), careful)
            if isinstance(self._subscription, Subscription):
                await batch.apply(self._subscription, records)
            else:
                await batch.collect(self._subscription, records)
            return batch.fates

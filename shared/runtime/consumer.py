"""The batch consumer: records -> watermarks -> handlers -> outbox -> commit -> acknowledge."""

import asyncio
import time
from collections.abc import Sequence

from shared.runtime import database, logs, telemetry
from shared.runtime.batch import Batch
from shared.runtime.record import KafkaRecord, Record
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection, Subscription
from shared.runtime.work import Work

_log = logs.logger("consumer")


class Consumer:
    """A service's consumer of all its topics; `take` is called with each batch.

    One PostgreSQL transaction a batch. A fault of the database is retried with backoff and then
    raised, so that the batch comes again; a fault of the data is found carefully and buried.
    """

    def __init__(
        self,
        service: str,
        subscriptions: Sequence[Subscription | Collection],
        work: Work,
        settings: Settings,
    ) -> None:
        self._service = service
        self._heard = {heard.topic: heard for heard in subscriptions}
        self._work = work
        self._settings = settings
        self._pause = database.pauses(settings)
        self._raised = 0

    async def take(self, raw: Sequence[KafkaRecord]) -> None:
        """Apply one batch; when this returns, its effects are committed."""
        records = [Record.of(record) for record in raw]
        started = time.perf_counter()
        parents = (record.headers.get("ce_traceparent") for record in records)
        with telemetry.batch_span(self._service, len(records), parents):
            try:
                fates = await database.retried(
                    lambda: self._once(records),
                    self._settings,
                    lambda fault: database.passing(fault) or database.conflicting(fault),
                )
            except Exception as fault:
                logs.warn(_log, "batch will come again", fault, count=len(records))
                await asyncio.sleep(self._pause(self._raised))
                self._raised += 1
                raise
        self._raised = 0
        telemetry.batch_duration.record(time.perf_counter() - started)
        for fate, count in fates.items():
            if count:
                telemetry.records_consumed.add(count, {"fate": fate})
        self._work.committed()

    async def _once(self, records: list[Record]) -> dict[str, int]:
        """One try: as if nothing were wrong, and where a record is, once more with savepoints."""
        try:
            return await self._transaction(records, careful=False)
        except Exception as fault:
            if database.passing(fault) or database.conflicting(fault):
                raise
            logs.warn(_log, "batch has a faulty record", fault, count=len(records))
        return await self._transaction(records, careful=True)

    async def _transaction(self, records: list[Record], *, careful: bool) -> dict[str, int]:
        by_topic: dict[str, list[Record]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        async with self._work.pool.acquire() as db, db.transaction():
            batch = Batch(db, self._service, self._work.now(), careful)
            for topic in sorted(by_topic):  # watermarks are locked in one order everywhere
                heard = self._heard[topic]
                if isinstance(heard, Subscription):
                    await batch.apply(heard, by_topic[topic])
                else:
                    await batch.collect(heard, by_topic[topic])
            await batch.finish()
            return batch.fates

"""Faults of one tiny service, each of which shows a bug of the runtime that a platform may hide.

What a platform does is mostly said once by its own facts: a subject is drawn once whatever comes
twice. Nothing but the runtime keeps this service from noting an input twice or not at all.
Each fault leaves the service running and itself healed.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.bent import Bent
from tests.chaos.proxy import proxied
from tests.chaos.small import Small, asked, owner
from tests.waiting import until


async def history(service: Small, _: Bent) -> None:
    """There are events before the service's first start."""
    await service.produce(asked(range(1, 6)))
    service.start()
    await service.works()
    await service.produce(asked(range(6, 11)))


async def killed_before_commit(service: Small, _: Bent) -> None:
    await killed_at("before_commit", service)


async def killed_after_commit(service: Small, _: Bent) -> None:
    await killed_at("after_commit", service)


async def killed_at(step: str, service: Small) -> None:
    """kill -9 at a step of the second batch."""
    service.start(batch_records=10)
    await service.works()
    service.kill_at(step, nth=2)
    await service.produce(asked(range(1, 11)))
    await service.killed()
    service.start()
    await service.works()


async def database_away(service: Small, _: Bent) -> None:
    """The link to the database is cut for longer than the retries take."""
    line, near = await service.open.enter_async_context(proxied(service.database.service))
    service.start(database=near)
    await service.works()
    await service.produce(asked(range(1, 6)))
    await until(service.at_rest, 60)
    await line.cut()
    await service.produce(asked(range(6, 11)))
    await service.says_in_log("batch will come again")
    await line.mend()
    await service.produce(asked(range(11, 16)))


async def answer_lost(service: Small, _: Bent) -> None:
    """A batch is committed, and who did it cannot know."""
    line, near = await service.open.enter_async_context(proxied(service.database.service))
    service.start(database=near)
    await service.works()
    line.lose_answer_to(b"COMMIT")
    await service.produce(asked(range(1, 6)))
    await asyncio.wait_for(line.robbed.wait(), 30)


async def kafka_away(service: Small, bent: Bent) -> None:
    """The link to Kafka is cut while there is something to send; then the process is killed."""
    async with bent.turn:
        service.start(kafka=bent.near, send_timeout_s=0.5)
        await service.works()
        await bent.line.cut()
        async with service.command(asked([1])):
            pass

        async def tried() -> bool:
            async with owner(service.database) as db:
                empty = not await db.fetchval("SELECT EXISTS (SELECT FROM outbox)")
            return empty or "relay starts again" in service.log.read_text()

        await until(tried, 60)
        await service.kill()
        await bent.line.mend()
    service.start()
    await service.works()


async def late_commit(service: Small, _: Bent) -> None:
    """A transaction has drawn its ids and commits after others that drew theirs later."""
    service.start()
    await service.works()
    async with service.command(asked([1], subjects=1)):
        await service.produce(asked(range(1, 6))[1:4])
        await until(service.at_rest, 60)


async def two_replicas(service: Small, _: Bent) -> None:
    """There is a backlog of one key before both, which they take in rounds of few rows."""
    service.start(replicas=2, relay_rows=2)
    await service.works(members=2)
    async with service.command(asked(range(1, 201), subjects=1)):
        pass


async def poison(service: Small, _: Bent) -> None:
    """Two records cannot be applied, among others of the same batch."""
    await service.produce(asked([1], subjects=12, bad=("IT001-0003", "IT001-0007")))
    service.start()
    await service.works()


async def repeated(service: Small, _: Bent) -> None:
    """Every event comes twice."""
    records = asked(range(1, 6))
    await service.produce(records)
    service.start()
    await service.works()
    await until(service.at_rest, 60)
    await service.produce(records, again=True)


async def reordered(service: Small, _: Bent) -> None:
    """The events of each key come last first."""
    await service.produce(asked(range(5, 0, -1)))
    service.start(batch_records=4)
    await service.works()


Fault = Callable[[Small, Bent], Awaitable[None]]
REVEALED_BY: dict[str, Fault] = {
    "ack_before_commit": killed_before_commit,
    "manual_ack": database_away,
    "ack_on_error": database_away,
    "latest_offset": history,
    "repeats_applied": repeated,
    "gaps_ignored": reordered,
    "watermark_outside": killed_after_commit,
    "dead_letter_swallows": poison,
    "sequence_outside": killed_before_commit,
    "outbox_outside": killed_before_commit,
    "relay_by_last_id": late_commit,
    "relays_skip_locked": two_replicas,
    "delete_before_ack": kafka_away,
}
"""For each known bug the fault that shows it."""

FAULTS = {fault.__name__: fault for fault in (*REVEALED_BY.values(), answer_lost)}

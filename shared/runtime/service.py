"""A service's process: pool, consumers, relay and HTTP, started in order and stopped in order."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import uvicorn
import uvloop
from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from shared.contracts.study import ProtocolError
from shared.contracts.versions import Versions
from shared.runtime import (
    database,
    health,
    http,
    kafka,
    logs,
    outbox,
    protocols,
    restoring,
    stopping,
    telemetry,
    topicwatch,
)
from shared.runtime.clock import PlatformClock
from shared.runtime.consumer import Consumer
from shared.runtime.consuming import Consuming
from shared.runtime.database import Pool
from shared.runtime.deadroutes import DeadLetters
from shared.runtime.kafka import InHand
from shared.runtime.opening import Doorway, Opening
from shared.runtime.protocols import Refused
from shared.runtime.relay import Relay
from shared.runtime.restoring import TakeBack
from shared.runtime.routes import Route
from shared.runtime.security import Tokens
from shared.runtime.settings import Settings
from shared.runtime.stopping import Stopping
from shared.runtime.subscription import Collection, Subscription
from shared.runtime.timers import Due, Timers
from shared.runtime.work import Work

_log = logs.logger("service")

_COLLECT_AFTER = 50_000
"""Objects made beyond those that went, before the collector looks at the young ones."""

Job = Callable[[Work], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """What a service is made of; `app.py` builds it and nothing else does.

    `at_start` runs before the first record is consumed, `jobs` run as long as the process, `timers`
    by kind when they are due. `mount` adds what is no route, such as pages. `take_back` restores
    from the service's own topics what a restored database has forgotten, and `not_taken_back` tells
    a person what is left to do by hand. `protocols` are those that
    it works by: another file under a version that it knows stops it.
    """

    name: str
    routes: Sequence[Route]
    subscriptions: Sequence[Subscription | Collection]
    at_start: Sequence[Job] = ()
    jobs: Sequence[Job] = ()
    timers: Mapping[str, Due] = field(default_factory=dict)
    mount: Callable[[FastAPI, Work], None] | None = None
    take_back: TakeBack | None = None
    not_taken_back: str = ""
    protocols: Sequence[Versions] = ()
    version: str = "1"

    def all_routes(self) -> list[Route]:
        """The service's own routes and those of its dead letters."""
        dead = DeadLetters({heard.topic: heard for heard in self.subscriptions})
        return [*self.routes, *dead.routes()]


@dataclass
class Running:
    """The parts of a running service that its readiness is made of."""

    settings: Settings
    pool: Pool
    relay: Relay
    consuming: Consuming
    opening: Opening = field(default_factory=Opening)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    outbox_age_s: float | None = None

    def checks(self) -> dict[str, health.Check]:
        """What must hold, each by its name."""
        return {
            "database": self.database,
            "history": self.opening.history,
            "consumer": self.joined,
            "relay": self.working,
        }

    def told(self) -> dict[str, object]:
        """The ages that the checks look at, and why the service is not at work."""
        ages = {"last_poll_s": self.consuming.poll_age_s, "oldest_outbox_row_s": self.outbox_age_s}
        known = {name: age if age is None else round(age, 3) for name, age in ages.items()}
        return {"ages": known, **self.opening.told()}

    async def database(self) -> bool:
        """PostgreSQL answers."""
        return bool(await self.pool.fetchval("SELECT true"))

    async def joined(self) -> bool:
        """The consumer is in its group, and polls."""
        age = self.consuming.poll_age_s
        return self.consuming.joined and age is not None and age <= self.settings.poll_age_s

    async def working(self) -> bool:
        """The relay and the jobs are alive, and what was committed goes out."""
        self.outbox_age_s = await outbox.oldest_s(self.pool)
        if (self.outbox_age_s or 0) > self.settings.outbox_age_s:
            return False
        return bool(self.tasks) and not any(task.done() for task in self.tasks)


def run(build: Callable[[Settings], Service]) -> None:
    """Run a service until SIGTERM. What is under way then ends within the settings' grace.

    With `restore` on the command line: compare its database with its topics, and end.
    """
    settings = Settings()  # the environment fills it
    if sys.argv[1:2] == ["restore"]:
        wish = restoring.read(sys.argv[1:])
        service = build(settings)
        able = restoring.Able(service.name, service.take_back, service.not_taken_back)
        sys.exit(uvloop.run(restoring.main(able, settings, wish)))
    try:
        uvloop.run(_main(build, settings))
    except (ProtocolError, Refused) as why:
        sys.exit(f"stopped: {why}")


async def _main(build: Callable[[Settings], Service], settings: Settings) -> None:
    service = build(settings)
    logs.set_up(service.name)
    telemetry.set_up(service.name)
    clock = PlatformClock(settings.clock_file)
    stop = Stopping(settings.shutdown_s)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: telemetry.shut_down(stop.left()))
        pool = await stack.enter_async_context(database.pool(settings, service.name))
        relay = Relay(service.name, pool, settings, str(uuid4()))
        work = Work(service.name, pool, settings, clock.now, relay.wake)
        jobs = list(service.jobs)
        if service.timers:
            timers = Timers(work, service.timers)
            work.when_committed(timers.wake)
            jobs.append(lambda _: timers.run())
        running = Running(settings, pool, relay, _consuming(service, work, settings))
        app = _application(service, work, settings, running)
        server = _Server(_config(app, settings, running.opening), stop)
        working = asyncio.create_task(_at_work(service, jobs, work, running, stop))
        working.add_done_callback(lambda _: setattr(server, "should_exit", True))
        try:
            await server.serve()
        finally:
            stop.begin()
            working.cancel()
            ended = asyncio.gather(working, return_exceptions=True)
            await stop.within(stopping.WORK, "work", ended)
            if not await stop.within(stopping.DATABASE, "database", pool.close()):
                pool.terminate()
        if working.done() and not working.cancelled():
            working.result()  # its fault, which ended the process


async def _at_work(
    service: Service, jobs: Sequence[Job], work: Work, running: Running, stop: Stopping
) -> None:
    """Once the database is known to be the right one, everything that the service does unasked.

    Ends by a fault in `at_start` or one that cannot be waited out, and with it the process: Kafka
    has lost records, as the relay finds or who watches the topics, or the consumer has ended.
    """
    heard = [subscription.topic for subscription in service.subscriptions]
    await running.opening.check(service.name, heard, work.pool, running.settings)
    await protocols.hold(work, service.protocols)
    for job in service.at_start:
        await job(work)
    _settle_memory()
    async with (
        _tasks(jobs, work, running, stop) as (relay, topics),
        _in_group(running.consuming, stop) as consumer,
    ):
        running.opening.done = True
        vital = [relay, topics, consumer]
        ended, _ = await asyncio.wait(vital, return_when=asyncio.FIRST_COMPLETED)
        if topics in ended:
            relay.cancel()  # what it sent on might hide from the next start what is lost
        for task in ended:
            task.result()


def _settle_memory() -> None:
    """What lives as long as the process is not looked at again by the garbage collector.

    A batch makes tens of thousands of objects that go by their count; to look through them for
    cycles every 700 was a tenth of a service's CPU (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


@asynccontextmanager
async def _tasks(
    jobs: Sequence[Job], work: Work, running: Running, stop: Stopping
) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    """The relay, who watches its topics, and the service's jobs.

    The last to stop, so that what is committed goes out.
    """
    watch = topicwatch.watch(work.service, work.pool, running.settings)
    relay: asyncio.Task[None] = asyncio.create_task(running.relay.run(), name="relay")
    topics: asyncio.Task[None] = asyncio.create_task(watch, name="topics")
    running.tasks = [relay, topics]
    running.tasks += [asyncio.create_task(_job(job, work)) for job in jobs]
    try:
        yield relay, topics
    finally:
        await stop.within(stopping.OUTBOX, "outbox", running.relay.settled())
        for task in running.tasks:
            task.cancel()
        ended = asyncio.gather(*running.tasks, return_exceptions=True)
        await stop.within(stopping.RELAY, "relay and jobs", ended)


async def _job(job: Job, work: Work) -> None:
    """Run a job for ever; a fault is logged and the job starts again."""
    while True:
        try:
            await job(work)
        except Exception as fault:
            logs.warn(_log, "job starts again", fault)
        await asyncio.sleep(1)


def _consuming(service: Service, work: Work, settings: Settings) -> Consuming:
    consumer = Consumer(service.name, service.subscriptions, work, settings)
    topics = [heard.topic for heard in service.subscriptions]

    def make() -> tuple[KafkaBroker, InHand]:
        broker = kafka.broker(settings, service.name)
        return broker, kafka.subscribe(broker, settings, service.name, topics, consumer.take)

    return Consuming(make, settings)


@asynccontextmanager
async def _in_group(consuming: Consuming, stop: Stopping) -> AsyncIterator[asyncio.Task[None]]:
    """The consumer, beside what is served: a request is taken while Kafka is away."""
    task: asyncio.Task[None] = asyncio.create_task(consuming.run(), name="consumer")
    try:
        yield task
    finally:
        task.cancel()
        ended = asyncio.gather(task, return_exceptions=True)
        await stop.within(stopping.CONSUMER, "consumer", ended)


def _application(service: Service, work: Work, settings: Settings, running: Running) -> FastAPI:
    tokens = Tokens(settings.jwks_file, settings.issuer, settings.audience)
    gate = http.Gate(work, tokens)
    app = http.application(service.name, service.version, service.all_routes(), gate)
    health.add(app, running.checks(), running.told)
    if service.mount:
        service.mount(app, work)
    return app


def _config(app: FastAPI, settings: Settings, opening: Opening) -> uvicorn.Config:
    return uvicorn.Config(
        Doorway(app, opening),
        host=settings.service_host,
        port=settings.service_port,
        http="httptools",
        lifespan="off",
        access_log=False,
        server_header=False,
        date_header=False,
        log_config=None,
        timeout_graceful_shutdown=round(settings.shutdown_s * stopping.REQUESTS),
        limit_concurrency=settings.http_concurrency,
    )


class _Server(uvicorn.Server):
    """The HTTP server, whose end is the beginning of everything's."""

    def __init__(self, config: uvicorn.Config, stop: Stopping) -> None:
        super().__init__(config)
        self._stop = stop
        # uvicorn raises the signal that ended it once more: it must not cut off what stops after.
        signal.signal(signal.SIGTERM, lambda *_: None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End requests under way within their share."""
        self._stop.begin()
        await super().shutdown(sockets)

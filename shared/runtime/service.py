"""A service's process: pool, consumers, relay and HTTP, started in order and stopped in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import uvicorn
import uvloop
from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from shared.runtime import database, health, http, kafka, logs, telemetry
from shared.runtime.clock import PlatformClock
from shared.runtime.consumer import Consumer
from shared.runtime.consuming import Consuming
from shared.runtime.database import Pool
from shared.runtime.deadroutes import DeadLetters
from shared.runtime.kafka import InHand
from shared.runtime.relay import Relay
from shared.runtime.routes import Route
from shared.runtime.security import Tokens
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection, Subscription
from shared.runtime.timers import Due, Timers
from shared.runtime.work import Work

_log = logs.logger("service")

Job = Callable[[Work], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """What a service is made of; `app.py` builds it and nothing else does.

    `at_start` runs before the first record is consumed, `jobs` run as long as the process, `timers`
    by kind when they are due. `mount` adds what is no route, such as pages.
    """

    name: str
    routes: Sequence[Route]
    subscriptions: Sequence[Subscription | Collection]
    at_start: Sequence[Job] = ()
    jobs: Sequence[Job] = ()
    timers: Mapping[str, Due] = field(default_factory=dict)
    mount: Callable[[FastAPI, Work], None] | None = None
    version: str = "1"

    def all_routes(self) -> list[Route]:
        """The service's own routes and those of its dead letters."""
        dead = DeadLetters({heard.topic: heard for heard in self.subscriptions})
        return [*self.routes, *dead.routes()]


@dataclass
class Running:
    """The parts of a running service that its readiness is made of."""

    pool: Pool
    relay: Relay
    consuming: Consuming
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def database(self) -> bool:
        """PostgreSQL answers."""
        return bool(await self.pool.fetchval("SELECT true"))

    async def joined(self) -> bool:
        """The consumer is in its group."""
        return self.consuming.joined

    async def working(self) -> bool:
        """The relay and the jobs are alive."""
        return not any(task.done() for task in self.tasks)


def run(build: Callable[[Settings], Service]) -> None:
    """Run a service until SIGTERM. What is under way then ends within the settings' grace."""
    settings = Settings()  # the environment fills it
    uvloop.run(_main(build, settings))


async def _main(build: Callable[[Settings], Service], settings: Settings) -> None:
    service = build(settings)
    logs.set_up(service.name)
    telemetry.set_up(service.name)
    clock = PlatformClock(settings.clock_file)
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.shut_down)
        pool = await stack.enter_async_context(database.pool(settings, service.name))
        relay = Relay(service.name, pool, settings, str(uuid4()))
        work = Work(service.name, pool, settings, clock.now, relay.wake)
        jobs = list(service.jobs)
        if service.timers:
            timers = Timers(work, service.timers)
            work.when_committed(timers.wake)
            jobs.append(lambda _: timers.run())
        for job in service.at_start:
            await job(work)
        running = Running(pool, relay, _consuming(service, work, settings))
        await stack.enter_async_context(_tasks(jobs, work, relay, running))
        await stack.enter_async_context(_in_group(running.consuming))
        await _serve(_application(service, work, settings, running), settings)


@asynccontextmanager
async def _tasks(
    jobs: Sequence[Job], work: Work, relay: Relay, running: Running
) -> AsyncIterator[None]:
    """The relay and the service's jobs; the last to stop, so that what is committed goes out."""
    running.tasks = [asyncio.create_task(relay.run(), name="relay")]
    running.tasks += [asyncio.create_task(_job(job, work)) for job in jobs]
    try:
        yield
    finally:
        await relay.settled()
        for task in running.tasks:
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)


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
async def _in_group(consuming: Consuming) -> AsyncIterator[None]:
    """The consumer, beside what is served: a request is taken while Kafka is away."""
    task = asyncio.create_task(consuming.run(), name="consumer")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _application(service: Service, work: Work, settings: Settings, running: Running) -> FastAPI:
    tokens = Tokens(settings.jwks_file, settings.issuer, settings.audience)
    gate = http.Gate(work, tokens)
    app = http.application(service.name, service.version, service.all_routes(), gate)
    checks = {
        "database": running.database,
        "consumer": running.joined,
        "relay": running.working,
    }
    health.add(app, checks)
    if service.mount:
        service.mount(app, work)
    return app


async def _serve(app: FastAPI, settings: Settings) -> None:
    config = uvicorn.Config(
        app,
        host=settings.service_host,
        port=settings.service_port,
        http="httptools",
        lifespan="off",
        access_log=False,
        server_header=False,
        date_header=False,
        log_config=None,
        timeout_graceful_shutdown=round(settings.shutdown_s),
        limit_concurrency=settings.http_concurrency,
    )
    # uvicorn raises the signal that ended it once more: it must not cut off what stops after it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    await uvicorn.Server(config).serve()

"""The servers of a run, in a folder that goes with it, and the processes that run on them."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import asyncpg

from bench import cpu
from bench.topics import OUT, PATIENCE_S, Begin, Topics, topics
from bench.workload import write_protocols
from deploy.embedded import database
from deploy.embedded.kafka import Kafka
from deploy.embedded.keys import Keys
from deploy.embedded.ports import take
from deploy.embedded.postgres import Postgres
from deploy.embedded.probes import Probe, http_answers, kafka_answers, postgres_answers, until
from deploy.embedded.process import Child, Program, tail
from deploy.embedded.services import Backing, Replica, ServiceProcess
from deploy.embedded.state import State
from shared.runtime import migrate
from shared.runtime.topics import declare

CHECKOUT = Path(__file__).resolve().parents[1]
SERVICES = ("screening", "randomizer")
_PORTS = (
    *("kafka", "controller", "postgres", "collector", "route", "screening"),
    *(f"randomizer{number}" for number in range(4)),
)


class Stuck(RuntimeError):
    """a run did not get to its end; the message says which, with the end of its log"""


@dataclass
class Ground:
    """Servers that run, and the state folder that services are started from."""

    state: State
    keys: Keys
    ports: Mapping[str, int]
    server: str
    topics: Topics
    postmaster: int
    children: list[Child] = field(default_factory=list)

    def address(self, name: str) -> str:
        """A database of the server, as the superuser."""
        return urlsplit(self.server)._replace(path=f"/{name}").geturl()

    def login(self, service: str, name: str) -> str:
        """The same in a service's own role."""
        password = self.keys.database_password(service)
        return database.with_login(self.address(name), f"trialops_{service}", password)

    async def sql(self, name: str, *statements: str) -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        db = await asyncpg.connect(self.address(name))
        try:
            for statement in statements:
                await db.execute(statement, timeout=5 * PATIENCE_S)
        finally:
            await db.close()

    async def fresh(self, name: str) -> str:
        """A database just migrated, with its trials activated; any of this name goes."""
        await self.sql(
            "postgres",
            f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
            f'CREATE DATABASE "{name}" TEMPLATE "{database.DATABASE}"',
        )
        return name

    async def there(self, name: str) -> bool:
        """Whether the server has this database."""
        db = await asyncpg.connect(self.server)
        try:
            asked = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
            return bool(await db.fetchval(asked, name))
        finally:
            await db.close()

    # processes

    async def start(self, program: Program, probe: Probe) -> Child:
        """Start a process and wait until it answers."""
        child = await start(program, probe)
        self.children.append(child)
        return child

    async def stop(self, *children: Child) -> None:
        """End processes within their grace."""
        for child in children:
            child.ask_to_stop()
        for child in children:
            await asyncio.to_thread(child.wait, child.program.grace)
            self.children.remove(child)

    async def clear(self) -> None:
        """End whatever a measurement that failed has left; the servers stay."""
        for child in self.children:
            child.kill()
        await self.stop(*self.children)

    def cpu_s(self, *children: Child) -> float:
        """Seconds of CPU that these processes and PostgreSQL have used."""
        return cpu.used_s([child.pid for child in children], self.postmaster)

    async def serving(
        self,
        name: str,
        into: str,
        number: int = 0,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Child:
        """A service's own process on a database, ready; `settings` are of its environment."""
        port = self.ports["screening" if name == "screening" else f"randomizer{number}"]
        backing = Backing(self.topics.bootstrap, self.address(into), "")
        replica = Replica(name, number + 1)
        program = ServiceProcess(replica, port, {}, self.state, backing, self.keys).program()
        ours = {"TRIALOPS_PROTOCOLS": str(self.state.folder / "protocols")}
        silent = {k: v for k, v in program.environment.items() if not k.startswith("OTEL_")}
        told = replace(program, environment=silent | ours | dict(settings))
        return await self.start(told, partial(http_answers, port))

    def loop(self, module: str, into: str, *arguments: object) -> Program:
        """One of the bench's own loops as a process, on the randomizer's schema and role."""
        dsn = self.login("randomizer", into)
        where = ("--kafka", self.topics.bootstrap, "--database", dsn)
        return self.tool(module, *where, *arguments)

    def tool(self, module: str, *arguments: object) -> Program:
        """A process of the bench that needs no servers."""
        command = (sys.executable, "-m", f"bench.loops.{module}", *map(str, arguments))
        return Program(module, command, CHECKOUT, self.state.log(module))

    async def said(self, program: Program) -> dict[str, float]:
        """What a loop that ends by itself prints as its last line, JSON."""
        child = Child(program)
        self.children.append(child)
        code = await asyncio.to_thread(child.wait, PATIENCE_S)
        self.children.remove(child)
        if code != 0:
            raise Stuck(f"{program.name} ended with {code}: {tail(program.log)}")
        answer: dict[str, float] = json.loads(tail(program.log, 1))
        return answer

    async def grown(self, begin: Begin, by: int, what: Child) -> None:
        """Wait until the output topic has so many more records."""
        deadline = time.monotonic() + PATIENCE_S
        wanted = sum(begin.values()) + by
        while (at := sum((await self.topics.ends(OUT)).values())) < wanted:
            if what.exit_code() is not None or time.monotonic() > deadline:
                short = f"{what.program.name} came to {at - wanted + by} of {by}"
                raise Stuck(f"{short}: {tail(what.program.log)}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Servers up, topics declared, a database migrated and its trials activated."""
    state = State(folder)
    keys = Keys(state.keys)
    keys.prepare()
    state.clock.write_text('{"offset_seconds": 0}')
    write_protocols(folder / "protocols")
    ports = take(_PORTS, state.ports)
    broker = Kafka(folder / "kafka", ports["kafka"], ports["controller"], state.log("kafka"))
    server = Postgres(
        folder / "postgres", ports["postgres"], keys.superuser_password_file, state.log("postgres")
    )
    running: list[Child] = []
    try:
        running.append(await start(server.prepare(), partial(postgres_answers, server.dsn())))
        running.append(await start(broker.prepare(), partial(kafka_answers, broker.bootstrap)))
        await declare(broker.bootstrap)
        template = await database.make(server.dsn())
        for service in SERVICES:
            await migrate.prepare(template, service, keys.database_password(service))
        async with topics(broker.bootstrap) as log:
            made = Ground(state, keys, ports, server.dsn(), log, running[0].pid)
            try:
                await _activate(made)
                yield made
            finally:
                await made.clear()
    finally:
        for child in reversed(running):
            child.stop()


async def start(program: Program, probe: Probe) -> Child:
    """Start a process and wait until it answers."""
    child = Child(program)

    async def answers_or_ended() -> bool:
        return child.exit_code() is not None or await probe()

    if not await until(answers_or_ended, PATIENCE_S, 0.02) or child.exit_code() is not None:
        child.kill()
        raise Stuck(f"{program.name} did not start: {tail(program.log)}")
    return child


async def _activate(made: Ground) -> None:
    """The randomizer's first start commits the seeds; the template then says nothing more."""
    child = await made.serving("randomizer", database.DATABASE)
    await made.stop(child)
    await made.sql(database.DATABASE, "DELETE FROM randomizer.outbox")

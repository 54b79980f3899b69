"""The platform is at rest only when outboxes are empty, all is consumed and no timer is due."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded import clock, database, passage
from deploy.embedded.files import write_private
from deploy.embedded.process import stands_still, started_at
from deploy.embedded.settle import Settler, Unsettled
from deploy.embedded.state import Endpoints, State
from shared.runtime.database import Connection
from tests.waiting import until

SERVICES = ("north", "south")
TOPIC = "settle-facts"
DAY = timedelta(days=1)

_PUT = {
    "north": "insert into north.timer values ('test', $1, $2)",
    "south": "insert into south.timer values ('test', $1, $2)",
}
_TAKE = """
delete from timer where id = (select id from timer where due <= $1 order by due limit 1)
returning id
"""


class Ready(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Loading(Ready):
    """A service that runs and is not ready until the test says so."""

    status = 503
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        super().do_GET()


@contextmanager
def serving(handler: type[Ready]) -> Iterator[str]:
    """The address of a service that answers so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Scene:
    """Two services: both have an outbox and timers, `south` consumes what is sent."""

    state: State
    endpoints: Endpoints
    connection: Connection
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer

    async def put(self, service: str, name: str, due: datetime) -> None:
        """Set a timer."""
        await self.connection.execute(_PUT[service], name, due)

    async def work_off(self, service: str, log: list[tuple[str, timedelta]]) -> None:
        """Do what a service does: one due timer after the other, and what one leads to."""
        start = clock.now(self.state)
        connection = await asyncpg.connect(
            self.endpoints["postgres"], server_settings={"search_path": service}
        )
        try:
            while True:
                now = clock.now(self.state)
                async with connection.transaction():
                    name = await connection.fetchval(_TAKE, now)
                    if name == "first":
                        await connection.execute(_PUT[service], "after first", start + 2 * DAY)
                if name is not None:
                    log.append((name, now - start))
                await asyncio.sleep(0.01)
        finally:
            await connection.close()


@pytest.fixture
async def scene(kafka: str, postgres: str, tmp_path: Path) -> AsyncIterator[Scene]:
    state = State(tmp_path)
    write_private(state.clock, '{"offset_seconds": 0}')
    dsn = await database.make(postgres)
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "create schema north create table outbox (row int)"
        " create table timer (kind text, id text, due timestamptz);"
        "create schema south create table outbox (row int)"
        " create table timer (kind text, id text, due timestamptz);"
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=3, replication_factor=1)])
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=kafka,
        group_id="south",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    with serving(Ready) as url:
        endpoints = Endpoints(
            services=dict.fromkeys(SERVICES, url), kafka=kafka, postgres=dsn, state=str(tmp_path)
        )
        yield Scene(state, endpoints, connection, consumer, producer)
    await producer.stop()
    await consumer.stop()
    await admin.delete_topics([TOPIC])
    await admin.close()
    await connection.execute("drop schema north cascade; drop schema south cascade")
    await connection.close()


async def test_it_waits_for_a_chain_of_effects(scene: Scene) -> None:
    """A row is sent and consumed, which leaves another row, which is sent in its turn."""
    await scene.connection.execute("insert into north.outbox values (1)")
    done: list[str] = []

    async def work() -> None:
        await scene.producer.send_and_wait(TOPIC, b"first")
        await scene.connection.execute("delete from north.outbox")
        done.append("sent")
        await scene.consumer.getone()
        await scene.connection.execute("insert into south.outbox values (1)")
        await scene.consumer.commit()
        done.append("consumed")
        await scene.producer.send_and_wait(TOPIC, b"second")
        await scene.connection.execute("delete from south.outbox")
        done.append("sent again")
        await scene.consumer.getone()
        await scene.consumer.commit()
        done.append("at rest")

    async with Settler(scene.endpoints, seconds=20) as settler:
        working = asyncio.create_task(work())
        assert (await settler.settle()).down == set()
        assert done == ["sent", "consumed", "sent again", "at rest"]
        await working


async def test_it_says_what_is_left(scene: Scene) -> None:
    async with Settler(scene.endpoints, seconds=0.5) as settler:
        await scene.producer.send_and_wait(TOPIC, b"never consumed")
        with pytest.raises(Unsettled, match="records not consumed by south"):
            await settler.settle()
        await scene.connection.execute("insert into north.outbox values (1)")
        with pytest.raises(Unsettled, match="rows in the outbox of north"):
            await settler.settle()
        await scene.connection.execute("delete from north.outbox")
        await scene.put("south", "late", datetime.now(UTC))
        with pytest.raises(Unsettled, match="timers that are due in south"):
            await settler.settle()


async def test_a_service_that_is_down_is_named_and_not_waited_for(
    scene: Scene, unused_tcp_port: int
) -> None:
    scene.endpoints["services"]["south"] = f"http://127.0.0.1:{unused_tcp_port}"
    await scene.producer.send_and_wait(TOPIC, b"waits for south")
    await scene.connection.execute("insert into south.outbox values (1)")
    await scene.put("south", "overdue", datetime.now(UTC) - DAY)
    await scene.put("south", "tomorrow", datetime.now(UTC) + DAY)
    nearest = datetime.now(UTC) + 2 * DAY
    await scene.put("north", "the day after", nearest)
    async with Settler(scene.endpoints, seconds=20) as settler:
        rest = await settler.settle()
    assert rest.down == {"south"}
    assert rest.due == nearest


@contextmanager
def some_process() -> Iterator["subprocess.Popen[bytes]"]:
    command = (sys.executable, "-c", "import signal; signal.pause()")
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def write_down(scene: Scene, service: str, process: "subprocess.Popen[bytes]") -> None:
    """As a supervisor does of the process of a service."""
    part = {
        "name": service,
        "address": scene.endpoints["services"][service],
        "pid": process.pid,
        "began": started_at(process.pid),
    }
    write_private(scene.state.processes, json.dumps([part]))


async def test_a_service_that_runs_and_is_not_ready_is_waited_for(scene: Scene) -> None:
    with serving(Loading) as url, some_process() as process:
        scene.endpoints["services"]["south"] = url
        write_down(scene, "south", process)
        async with Settler(scene.endpoints, seconds=0.5) as hasty:
            with pytest.raises(Unsettled, match="south not ready"):
                await hasty.settle()
        async with Settler(scene.endpoints, seconds=20) as settler:
            settling = asyncio.create_task(settler.settle())
            before = Loading.asked

            async def asked_again() -> bool:
                return Loading.asked > before + 1

            await until(asked_again)
            assert not settling.done()
            Loading.status = 200
            assert (await settling).down == set()


async def test_a_service_whose_process_is_stopped_or_gone_is_down(scene: Scene) -> None:
    with serving(Ready) as url, some_process() as process:
        scene.endpoints["services"]["south"] = url
        write_down(scene, "south", process)
        process.send_signal(signal.SIGSTOP)
        await until(partial(_stopped, process.pid))
        async with Settler(scene.endpoints, seconds=20) as settler:
            assert (await settler.settle()).down == {"south"}
        process.kill()
        process.wait()
        async with Settler(scene.endpoints, seconds=20) as settler:
            assert (await settler.settle()).down == {"south"}


async def _stopped(pid: int) -> bool:
    return stands_still(pid)


async def test_the_clock_stops_at_each_due_instant_on_its_way(scene: Scene) -> None:
    start = datetime.now(UTC)
    for name, days in (("third", 3), ("first", 1), ("beyond", 7)):
        await scene.put("north", name, start + days * DAY)
    await scene.put("south", "with first", start + DAY)
    north: list[tuple[str, timedelta]] = []
    south: list[tuple[str, timedelta]] = []
    async with Settler(scene.endpoints, seconds=20) as settler, asyncio.TaskGroup() as group:
        working = [
            group.create_task(scene.work_off("north", north)),
            group.create_task(scene.work_off("south", south)),
        ]
        assert await passage.forward(scene.state, settler.settle, 6 * DAY) == set()
        for task in working:
            task.cancel()
    assert [(name, round(passed / DAY, 2)) for name, passed in north] == [
        ("first", 1),
        ("after first", 2),
        ("third", 3),
    ]
    assert [(name, round(passed / DAY, 2)) for name, passed in south] == [("with first", 1)]
    assert clock.offset(scene.state) == 6 * DAY


async def test_of_two_moves_at_once_none_is_lost(scene: Scene) -> None:
    async with Settler(scene.endpoints) as one, Settler(scene.endpoints) as two:
        await asyncio.gather(
            passage.forward(scene.state, one.settle, DAY),
            passage.forward(scene.state, two.settle, 2 * DAY),
        )
    assert clock.offset(scene.state) == 3 * DAY


async def test_the_clock_is_never_set_back(scene: Scene) -> None:
    async with Settler(scene.endpoints) as settler:
        await passage.until(scene.state, settler.settle, datetime.now(UTC) - DAY)
        assert clock.offset(scene.state) == timedelta()

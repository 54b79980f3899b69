"""The platform is at rest only when outboxes are empty and every consumer has caught up."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded import database
from deploy.embedded.settle import Settler, Unsettled
from deploy.embedded.state import Endpoints
from shared.runtime.database import Connection

SERVICES = ("north", "south")
TOPIC = "settle-facts"


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@dataclass
class Scene:
    """Two services: both have an outbox, `south` consumes what is sent."""

    endpoints: Endpoints
    connection: Connection
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer


@pytest.fixture
async def scene(kafka: str, postgres: str) -> AsyncIterator[Scene]:
    dsn = await database.make(postgres)
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "create schema north create table outbox (row int); "
        "create schema south create table outbox (row int)"
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
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        endpoints = Endpoints(
            services=dict.fromkeys(SERVICES, url), kafka=kafka, postgres=dsn, state=""
        )
        yield Scene(endpoints, connection, consumer, producer)
        server.shutdown()
        thread.join()
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
        assert await settler.settle() == set()
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


async def test_a_service_that_is_down_is_named_and_not_waited_for(
    scene: Scene, unused_tcp_port: int
) -> None:
    scene.endpoints["services"]["south"] = f"http://127.0.0.1:{unused_tcp_port}"
    await scene.producer.send_and_wait(TOPIC, b"waits for south")
    await scene.connection.execute("insert into south.outbox values (1)")
    async with Settler(scene.endpoints, seconds=20) as settler:
        assert await settler.settle() == {"south"}

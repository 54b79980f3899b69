"""The same with `faststream-outbox`: a record commits with the rows that it tells of.

A handler call and a transaction a message, as in `faststream_one`, here of a SQLAlchemy session; a
relay in the same process takes the records from their table to Kafka. A crash loses nothing.
"""

import argparse
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaResponse
from faststream.kafka.annotations import KafkaMessage
from faststream_outbox import OutboxBroker, make_outbox_table
from faststream_outbox.annotations import OutboxMessage
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, async_sessionmaker, create_async_engine

from bench.loops import rows
from bench.loops.faststream_one import handle

QUEUE = "randomized"
KEY = "key"


@dataclass(frozen=True, slots=True)
class Statements:
    """The other loop's SQL, in the transaction of a session."""

    connection: AsyncConnection

    async def fetchval(self, statement: str, *values: object) -> Any:
        """The first column of the first row; None without one."""
        return (await self.connection.exec_driver_sql(statement, values)).scalar()

    async def execute(self, statement: str, *values: object) -> None:
        """Run it for its effect."""
        await self.connection.exec_driver_sql(statement, values)


async def main(arguments: argparse.Namespace) -> None:
    """Consume and relay for ever; the outbox's table is made in the randomizer's schema."""
    engine = create_async_engine(
        urlsplit(arguments.database)._replace(scheme="postgresql+asyncpg").geturl(),
        connect_args={"server_settings": {"search_path": "randomizer"}},
    )
    metadata = MetaData()
    table = make_outbox_table(metadata, "faststream_outbox")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    outbox = OutboxBroker(engine, outbox_table=table, logger=None)
    kafka = KafkaBroker(arguments.kafka, logger=None, acks="all", enable_idempotence=True)

    async def on_screened(message: KafkaMessage) -> None:
        async with sessions() as session, session.begin():
            drawn = await handle(Statements(await session.connection()), message)
            if drawn is not None:
                key, headers, said = drawn
                headers[KEY] = key
                await outbox.publish(said, queue=QUEUE, session=session, headers=headers)

    async def relay(message: OutboxMessage) -> KafkaResponse:
        headers = dict(message.headers)
        return KafkaResponse(message.body, key=headers.pop(KEY).encode(), headers=headers)

    subscriber = kafka.subscriber(
        rows.IN,
        group_id=arguments.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    subscriber(on_screened)
    # One worker: two would send one key's records in any order.
    relayed = outbox.subscriber(QUEUE, max_workers=1)(relay)
    kafka.publisher(rows.OUT)(relayed)
    await FastStream(kafka, outbox, logger=None).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--group", required=True)
    uvloop.run(main(parser.parse_args()))

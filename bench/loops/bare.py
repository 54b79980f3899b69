"""The bare loop: poll, one transaction, send, delete, commit the offsets; then the next batch.

aiokafka and asyncpg with nothing between them, by the batch size and durability of the platform.
"""

import argparse
import asyncio
import json
from itertools import chain
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.loops import rows

BATCH = 500


async def main(arguments: argparse.Namespace) -> None:
    """Loop for ever."""
    consumer = AIOKafkaConsumer(
        rows.IN,
        bootstrap_servers=arguments.kafka,
        group_id=arguments.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=arguments.kafka,
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_batch_size=64 * 1024,
    )
    db = await asyncpg.connect(arguments.database, server_settings={"search_path": "randomizer"})
    await producer.start()
    await consumer.start()
    if arguments.ready:
        arguments.ready.touch()
    trials = rows.Trials()
    while True:
        found = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
        batch = [(r.key, r.value, r.headers) for r in chain.from_iterable(found.values())]
        if batch:
            await rows.apply(db, trials, batch)
            await drain(db, producer)
            await consumer.commit()


async def drain(db: rows.Db, producer: AIOKafkaProducer) -> None:
    """Send what the outbox holds, and delete it when the broker has it."""
    waiting = await db.fetch(rows.NEXT, BATCH)
    answers: list[Any] = []
    for row in waiting:
        headers = json.loads(row["headers"])
        headers["ce_sequence"] = str(row["sequence"])
        answers.append(
            await producer.send(
                row["topic"],
                key=row["key"].encode(),
                value=row["value"],
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
        )
    await asyncio.gather(*answers)
    await db.execute(rows.DELETE, [row["id"] for row in waiting])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--ready", type=Path)
    uvloop.run(main(parser.parse_args()))

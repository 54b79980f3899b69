"""Produces records that are ready in memory, by the relay's own settings of its producer."""

import argparse
import asyncio
import time

import uvloop
from aiokafka import AIOKafkaProducer

from bench.loops import printed, rows
from bench.workload import TRIALS, screened


async def main(arguments: argparse.Namespace) -> None:
    """Prints records a second, to the last acknowledgement."""
    records = list(screened(TRIALS[:1], 0, arguments.count))
    producer = AIOKafkaProducer(
        bootstrap_servers=arguments.kafka,
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_batch_size=64 * 1024,
    )
    await producer.start()
    await producer.partitions_for(rows.OUT)
    started = time.perf_counter()
    answers: list[asyncio.Future[object]] = []
    for key, value, headers in records:
        answers.append(await producer.send(rows.OUT, key=key, value=value, headers=headers))
    await asyncio.gather(*answers)
    seconds = time.perf_counter() - started
    await producer.stop()
    printed(rate=len(records) / seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--database")
    parser.add_argument("--count", type=int, required=True)
    uvloop.run(main(parser.parse_args()))

"""The bare loop without Kafka: the same rows of records that are in memory, and their deletion."""

import argparse
import time

import asyncpg
import uvloop

from bench.loops import printed, rows
from bench.loops.bare import BATCH
from bench.workload import TRIALS, screened


async def main(arguments: argparse.Namespace) -> None:
    """Prints records a second."""
    records = list(screened(TRIALS[:1], arguments.first, arguments.count))
    db = await asyncpg.connect(arguments.database, server_settings={"search_path": "randomizer"})
    trials = rows.Trials()
    started = time.perf_counter()
    for at in range(0, len(records), BATCH):
        await rows.apply(db, trials, records[at : at + BATCH])
        waiting = await db.fetch(rows.NEXT, BATCH)
        await db.execute(rows.DELETE, [row["id"] for row in waiting])
    printed(rate=len(records) / (time.perf_counter() - started))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka")
    parser.add_argument("--database", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    uvloop.run(main(parser.parse_args()))

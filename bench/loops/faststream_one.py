"""What one would write with FastStream first: a handler call, a transaction, a publish a message.

The same rows as the platform keeps, but for an outbox: what was committed before a crash and not
yet published is lost here.
"""

import argparse
import json
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from bench.loops import rows
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened

MARK = """
INSERT INTO watermark (topic, key, sequence, ce_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (topic, key) DO NOTHING RETURNING true
"""
NUMBER = "UPDATE trial SET randomized = randomized + 1 WHERE trial = $1 RETURNING randomized"
STRATUM = """
INSERT INTO stratum (trial, stratum, drawn) VALUES ($1, $2, 1)
ON CONFLICT (trial, stratum) DO UPDATE SET drawn = stratum.drawn + 1 RETURNING drawn
"""
PART = """
INSERT INTO part (trial, stratum, part, state) VALUES ($1, $2, $3, '{6,1,1,1}')
ON CONFLICT (trial, stratum, part) DO UPDATE SET state = excluded.state
"""
CELL = """
INSERT INTO cell (trial, site, stratum, randomized) VALUES ($1, $2, $3, 1)
ON CONFLICT (trial, site, stratum) DO UPDATE SET randomized = cell.randomized + 1
"""
SUBJECT = """
INSERT INTO subject (trial, subject, site, standing, screening, attempt, revision, signed, verdict,
                     stratum, protocol_version, form_sha256, carry, withdrawn, number, drawn_in)
VALUES ($1, $2, $3, 'randomized', $4, $5, $6, $7, $8, $9, $10, $11, $12, false, $13, $9)
"""
ALLOCATION = """
INSERT INTO allocation (trial, number, subject, site, stratum, arm, protocol_version, screening,
                        attempt, revision, form_sha256, carry, drawn_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""


Drawn = tuple[str, dict[str, str], PatientRandomized]
"""Key, headers and event of the record to publish."""


async def handle(db: rows.Db, message: KafkaMessage) -> Drawn | None:
    """One message's rows in the transaction of `db`; None where they are there already."""
    data = PatientScreened.decode(message.body)
    trial = message.headers["ce_trial"]
    key = f"{trial}:{data.subject}"
    identity = (int(message.headers["ce_sequence"]), UUID(message.headers["ce_id"]))
    if not await db.fetchval(MARK, rows.IN, key, *identity):
        return None
    return key, {"ce_trial": trial}, await draw(db, trial, data)


async def draw(db: rows.Db, trial: str, data: PatientScreened) -> PatientRandomized:
    """One subject's rows."""
    stratum, carry = data.stratum or "", json.dumps(data.carry)
    number = await db.fetchval(NUMBER, trial)
    drawn = await db.fetchval(STRATUM, trial, stratum)
    await db.execute(PART, trial, stratum, "0" * 64)
    await db.execute(CELL, trial, data.site, stratum)
    arm = rows.ARMS[stratum][drawn % len(rows.ARMS[stratum])]
    await db.execute(
        SUBJECT,
        *(trial, data.subject, data.site, data.screening, data.attempt, data.revision),
        *(data.signed, data.verdict, stratum, data.protocol_version, data.form_sha256),
        *(carry, number),
    )
    await db.execute(
        ALLOCATION,
        *(trial, number, data.subject, data.site, stratum, arm, data.protocol_version),
        *(data.screening, data.attempt, data.revision, data.form_sha256, carry),
        datetime.now(UTC),
    )
    return PatientRandomized(
        subject=data.subject,
        site=data.site,
        stratum=stratum,
        number=number,
        arm=arm,
        protocol_version=data.protocol_version,
    )


async def main(arguments: argparse.Namespace) -> None:
    """Consume for ever."""
    broker = KafkaBroker(arguments.kafka, logger=None, acks="all", enable_idempotence=True)
    pool = await asyncpg.create_pool(
        arguments.database, min_size=2, server_settings={"search_path": "randomizer"}
    )

    async def on_screened(message: KafkaMessage) -> None:
        async with pool.acquire() as db, db.transaction():
            drawn = await handle(db, message)
        if drawn is not None:
            key, headers, said = drawn
            await broker.publish(said, rows.OUT, key=key.encode(), headers=headers)

    subscriber = broker.subscriber(
        rows.IN,
        group_id=arguments.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    subscriber(on_screened)
    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--group", required=True)
    uvloop.run(main(parser.parse_args()))

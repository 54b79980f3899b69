"""What audit makes of records: entries once, conflicts and gaps told once, checkpoints of facts."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.audit import checkpoints, gaps, handlers, tree
from services.audit.checkpoint import Checkpoint, Signer
from services.audit.publisher import Publisher
from shared.runtime import clock
from shared.runtime.batch import Batch
from shared.runtime.database import Connection, Pool
from shared.runtime.record import Record
from shared.runtime.settings import Settings
from shared.runtime.subscription import Collection
from shared.runtime.work import Work
from tests.integration.databases import database
from tests.integration.runtime.records import NOON, Sent, sent


@pytest.fixture
async def pool(postgres: str) -> AsyncIterator[Pool]:
    async with (
        database(postgres, "audit") as addresses,
        asyncpg.create_pool(
            addresses.service, min_size=1, max_size=3, server_settings={"search_path": "audit"}
        ) as opened,
    ):
        yield opened


@pytest.fixture
async def db(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


async def hears(db: Connection, *records: Sent) -> None:
    async with db.transaction():
        batch = Batch(db, "audit", NOON, careful=True)
        collection = Collection("trialops.screening", handlers.on_records)
        await batch.collect(collection, [Record.of(record) for record in records])
        await batch.finish()


async def said(db: Connection) -> list[tuple[str, dict[str, object]]]:
    rows = await db.fetch("SELECT headers, value FROM outbox ORDER BY id")
    return [(json.loads(row["headers"])["ce_type"], json.loads(row["value"])) for row in rows]


async def test_every_record_is_one_entry_whatever_is_repeated(db: Connection) -> None:
    records = [sent(1), sent(2), sent(3, "IT001-0002"), sent(1, "IT001-0002")]
    await hears(db, *records, records[0].again())
    await hears(db, *(record.again() for record in records))
    assert await tree.size(db) == 4
    assert await said(db) == []


async def test_other_bytes_under_a_known_id_are_one_conflict(db: Connection) -> None:
    record = sent(1)
    other = replace(record, value=(record.value or b"") + b" ").again()
    await hears(db, record)
    await hears(db, other)
    await hears(db, other.again())
    [(ce_type, fact)] = await said(db)
    assert ce_type == "trialops.LogConflictFound.v1"
    assert fact["index"] == 0
    assert fact["kept"] != fact["refused"]
    assert await tree.size(db) == 1


async def test_another_id_at_an_older_position_is_a_conflict(db: Connection) -> None:
    await hears(db, sent(1), sent(2))
    await hears(db, sent(1))
    assert [ce_type for ce_type, _ in await said(db)] == ["trialops.LogConflictFound.v1"]


async def test_a_gap_is_told_once_and_only_while_it_stands(
    db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hears(db, sent(1), sent(4), sent(6), sent(3, "IT001-0002"))
    assert await gaps.find(db, NOON) == []
    later = clock.wall() + gaps.PATIENCE + timedelta(seconds=1)
    monkeypatch.setattr(gaps, "wall", lambda: later)
    await hears(db, sent(1, "IT001-0002"), sent(2, "IT001-0002"))
    told = await gaps.find(db, NOON)
    assert [(gap.key, gap.first, gap.last) for gap in told] == [("T1:IT001-0001", 2, 3)]
    assert await gaps.find(db, NOON) == []
    assert [ce_type for ce_type, _ in await said(db)] == ["trialops.LogGapFound.v1"]


async def test_a_checkpoint_is_told_of_facts_and_not_of_checkpoints(pool: Pool) -> None:
    signer = Signer.generate("trialops/log")
    settings = Settings.model_construct(retries=3, retry_first_s=0.01, retry_longest_s=0.1)
    work = Work("audit", pool, settings, lambda: NOON, lambda: None)
    publisher = Publisher(signer)
    await publisher.sign(work)
    async with pool.acquire() as db:
        empty = await checkpoints.latest(db)
        assert empty is not None
        assert Checkpoint.open(empty.note, signer.verifier).size == 0
        await hears(db, sent(1), sent(1, "IT001-0002"))
        await publisher.sign(work)
        await publisher.sign(work)
        [(ce_type, fact)] = await said(db)
        assert ce_type == "trialops.CheckpointSigned.v1"
        assert fact["size"] == 2
        checkpoint = sent(1).with_header("ce_type", ce_type.encode())
        checkpoint = checkpoint.with_header("ce_subject", b"IT001-0003")
        await hears(db, replace(checkpoint, key=b"T1:IT001-0003"))
        await publisher.sign(work)
        newest = await checkpoints.latest(db)
        assert newest is not None
        assert Checkpoint.open(newest.note, signer.verifier).size == 3
        assert len(await said(db)) == 1


async def test_the_service_can_change_no_entry(db: Connection) -> None:
    await hears(db, sent(1, ce_id=uuid4()))
    for statement in (
        "UPDATE entry SET line = line",
        "DELETE FROM entry",
        "TRUNCATE entry",
        "DELETE FROM checkpoint",
        "UPDATE tile SET hashes = hashes",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(statement)

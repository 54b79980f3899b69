"""After a restore, a seed that two statisticians have opened since the backup is an opened one."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.randomizer import records, store
from services.randomizer.activation import activate
from services.randomizer.restore import take_back_all
from services.randomizer.trials import Trials
from shared.contracts.envelope import Envelope
from shared.contracts.events.randomization import RECORD, SeedOpeningRequested
from shared.runtime.database import Connection
from shared.runtime.record import Record
from shared.runtime.restoring import History
from tests.integration.databases import database
from tests.integration.runtime.records import Sent
from tests.integration.runtime.running import settings_of
from tests.unit.randomizer.made import TRIAL, rules

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = bytes(32)


@pytest.fixture
async def db(postgres: str) -> AsyncIterator[Connection]:
    """The service's own database, with an activated trial."""
    async with database(postgres, "randomizer") as addresses:
        connection = await asyncpg.connect(
            addresses.service, server_settings={"search_path": "randomizer"}
        )
        by = rules()
        decision = activate(by, None)
        assert decision is not None
        sealed = by.seed.seal(KEY, bytes(12))
        async with connection.transaction():
            await records.create_trial(connection, decision.book.trial, sealed, NOON)
            await store.save(connection, [decision], NOON)
        yield connection
        await connection.close()


def asked(*people: str, topic: str = RECORD) -> list[Record]:
    """What the randomizer said of their requests, in this order."""
    found = []
    for sequence, person in enumerate(people, 1):
        data = SeedOpeningRequested(reason="the trial has ended")
        envelope = Envelope(
            id=uuid4(),
            source="/trialops/randomizer",
            type=data.ce_type(),
            time=NOON + timedelta(minutes=sequence),
            actor=person,
            sequence=sequence,
            trial=TRIAL,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        headers = tuple((name, value.encode()) for name, value in envelope.headers())
        key = envelope.key.encode()
        found.append(Record.of(Sent(topic, 0, sequence, key, data.encode(), headers)))
    return found


async def restored(db: Connection, unknown: Sequence[Record]) -> None:
    history = History(unknown, settings_of("", ""), "randomizer")
    async with db.transaction():
        await take_back_all(Trials({}, lambda: [KEY]), db, history)


async def test_who_asked_since_is_known_in_their_order(db: Connection) -> None:
    await restored(db, asked("second", "first"))
    assert await records.openers(db, TRIAL) == ["second", "first"]
    people, new = await records.ask_opening(db, TRIAL, "first", "again", NOON)
    assert (people, new) == (["second", "first"], False)  # so it is not opened, and told, again


async def test_one_who_had_asked_before_the_backup_stays_the_first(db: Connection) -> None:
    said = asked("first", "second")
    await records.ask_opening(db, TRIAL, "first", "the trial has ended", NOON)
    await restored(db, said[1:])
    assert await records.openers(db, TRIAL) == ["first", "second"]


async def test_a_record_of_another_topic_asks_for_nothing(db: Connection) -> None:
    await restored(db, asked("first", topic="trialops.randomization"))
    assert await records.openers(db, TRIAL) == []

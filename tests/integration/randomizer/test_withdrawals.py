"""A consent taken back comes on a topic of its own, in whichever order the events arrive."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial

import asyncpg
import pytest

from services.randomizer import records, store
from services.randomizer.activation import activate
from services.randomizer.handlers import on_screening, on_withdrawn
from services.randomizer.plans import Plans
from services.randomizer.trials import Trials
from shared.contracts.events.base import Event
from shared.contracts.events.safety import SubjectWithdrawn
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.runtime.batch import Batch
from shared.runtime.database import Connection
from shared.runtime.record import Record
from shared.runtime.subscription import Subscription
from tests.integration.databases import database
from tests.integration.runtime.records import Sent, sent
from tests.unit.randomizer.made import TRIAL, rules, screened
from tests.waiting import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = bytes(32)


def of(event: Event, sequence: int = 1) -> Sent:
    """The event as a record of its subject's key, at its place in the key."""
    return sent(sequence, event.model_dump()["subject"], data=event, trial=TRIAL)


def withdrawn(number: int, from_: str = "consent") -> Sent:
    """A subject's withdrawal, the first that safety says of it."""
    data = {"subject": f"IT001-{number:04d}", "site": "IT001", "from": from_}
    return of(SubjectWithdrawn.model_validate({**data, "date": date(2026, 3, 1)}))


@dataclass
class Randomizer:
    """The randomizer's consumer on a database of this test's own."""

    db: Connection
    subscriptions: Sequence[Subscription]
    address: str

    async def hears(self, *batch: Sent) -> None:
        """One transaction of the consumer."""
        async with self.hearing(*batch):
            pass

    @asynccontextmanager
    async def hearing(self, *batch: Sent) -> AsyncIterator[None]:
        """One transaction of the consumer, decided on entry and committed on exit."""
        async with self.db.transaction():
            work = Batch(self.db, "randomizer", NOW)
            for heard in self.subscriptions:
                of_topic = [one for one in batch if one.topic == heard.topic]
                await work.apply(heard, [Record.of(one) for one in of_topic])
            await work.finish()
            yield

    @asynccontextmanager
    async def replica(self) -> AsyncIterator["Randomizer"]:
        """Another one beside it."""
        db = await connect(self.address)
        try:
            yield Randomizer(db, self.subscriptions, self.address)
        finally:
            await db.close()

    async def waits(self) -> bool:
        """Whether somebody waits for a lock."""
        waiting = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
        return bool(await self.db.fetchval(waiting))

    async def said(self) -> list[tuple[str, int, str | None]]:
        """Type, number of the subject, and reason, of all that was said."""
        rows = await self.db.fetch("SELECT headers, value FROM outbox ORDER BY id")
        found = [(json.loads(row["headers"]), json.loads(row["value"])) for row in rows]
        return [
            (headers["ce_type"].split(".")[1], int(data["subject"][-4:]), data.get("reason"))
            for headers, data in found
        ]


async def connect(address: str) -> Connection:
    return await asyncpg.connect(address, server_settings={"search_path": "randomizer"})


@pytest.fixture
async def randomizer(postgres: str) -> AsyncIterator[Randomizer]:
    by = rules()
    trials = Trials({TRIAL: Plans([by.plan])}, lambda: [KEY])
    decide = partial(on_screening, trials)
    async with database(postgres, "randomizer") as addresses:
        db = await connect(addresses.service)
        begun = activate(by, None)
        assert begun is not None
        async with db.transaction():
            await records.create_trial(db, begun.book.trial, by.seed.seal(KEY, bytes(12)), NOW)
            await records.keep_scheme(db, begun.book.trial, by.plan.scheme, NOW)
            await store.save(db, [begun], NOW)
        yield Randomizer(
            db,
            [
                Subscription("trialops.safety", {SubjectWithdrawn: partial(on_withdrawn, trials)}),
                Subscription(
                    "trialops.screening", {PatientScreened: decide, ScreeningFailed: decide}
                ),
            ],
            addresses.service,
        )
        await db.close()


REFUSED = ("RandomizationRefused", 1, "consent_withdrawn")


async def test_withdrawn_before_the_signature_or_before_any_screening_ends_in_a_refusal(
    randomizer: Randomizer,
) -> None:
    await randomizer.hears(of(screened(1, signed=False)))
    await randomizer.hears(withdrawn(1))
    assert await randomizer.said() == [REFUSED]
    await randomizer.hears(of(screened(1), 2))  # signed later: nothing more
    assert await randomizer.said() == [REFUSED]

    await randomizer.hears(withdrawn(2))
    await randomizer.hears(of(screened(2)))
    assert (await randomizer.said())[1:] == [("RandomizationRefused", 2, "consent_withdrawn")]


async def test_a_new_screening_of_who_has_withdrawn_is_refused(randomizer: Randomizer) -> None:
    await randomizer.hears(of(screened(1, verdict="ineligible")), withdrawn(1))
    assert await randomizer.said() == []
    await randomizer.hears(of(screened(1, attempt=2), 2))
    assert await randomizer.said() == [REFUSED]


async def test_who_was_drawn_or_left_the_treatment_alone_is_not_refused(
    randomizer: Randomizer,
) -> None:
    await randomizer.hears(of(screened(1)), withdrawn(2, "treatment"))
    await randomizer.hears(withdrawn(1), of(screened(2)))
    drawn = [("PatientRandomized", 1, None), ("PatientRandomized", 2, None)]
    assert await randomizer.said() == drawn


@pytest.mark.parametrize("first", ["draw", "withdrawal"])
async def test_a_draw_and_a_withdrawal_at_once_end_in_one_of_both(
    randomizer: Randomizer, first: str
) -> None:
    await randomizer.hears(of(screened(1, signed=False)))
    both = [of(screened(1), 2), withdrawn(1)]
    one, other = both if first == "draw" else both[::-1]
    async with randomizer.replica() as replica:
        async with replica.hearing(one):
            under_way = asyncio.create_task(randomizer.hears(other))
            async with randomizer.replica() as third:
                await until(third.waits)
        await under_way
    drawn = ("PatientRandomized", 1, None)
    assert await randomizer.said() == [drawn if first == "draw" else REFUSED]
    allocated = await randomizer.db.fetchval("SELECT count(*) FROM allocation")
    assert allocated == (1 if first == "draw" else 0)


async def test_many_draws_and_withdrawals_at_once_leave_each_subject_one_end(
    randomizer: Randomizer,
) -> None:
    subjects = range(1, 25)
    async with randomizer.replica() as replica:

        async def draws() -> None:
            for number in subjects:
                await randomizer.hears(of(screened(number)))

        async def withdrawals() -> None:
            for number in subjects:
                await replica.hears(withdrawn(number))

        await asyncio.gather(draws(), withdrawals())
    ends = await randomizer.said()
    assert sorted(number for _, number, _ in ends) == list(subjects)
    drawn = sum(name == "PatientRandomized" for name, _, _ in ends)
    assert await randomizer.db.fetchval("SELECT count(*) FROM allocation") == drawn


async def test_the_refusal_names_the_withdrawal_as_its_cause(randomizer: Randomizer) -> None:
    took_back = withdrawn(1)
    await randomizer.hears(of(screened(1, signed=False)))
    await randomizer.hears(took_back, replace(took_back, offset=took_back.offset + 9_000))
    [row] = await randomizer.db.fetch("SELECT headers FROM outbox")
    [cause] = [value for name, value in took_back.headers if name == "ce_id"]
    assert json.loads(row["headers"])["ce_causationid"] == (cause or b"").decode()

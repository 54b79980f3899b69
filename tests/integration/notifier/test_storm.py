"""Thousands of messages that wait for one address: what comes after them is heard in time, too."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from services.notifier import claims, deliveries
from services.notifier.deliveries import Delivery
from shared.runtime.database import Connection
from tests.integration.notifier.facts import reported, warned
from tests.integration.notifier.house import House, person
from tests.integration.runtime.records import NOON

# As many messages to one address: half due, half tried already and waiting for their next try.
FLOOD = """
WITH kept AS (
    INSERT INTO delivery (id, batch, purpose, alerts, contact, step, channel, nth, target, letter,
                          written_at, urgency, state, tries)
    SELECT gen_random_uuid(), gen_random_uuid(), 'call', '{}', 'officer', 1, 'mail', 0,
           'officer@trial.example', '{"subject": "", "text": "", "data": {}}', $1, 1, 'pending', 0
    FROM generate_series(1, $2) RETURNING id, number
)
INSERT INTO timer (kind, id, due)
SELECT 'delivery', id::text, CASE WHEN late THEN $1 ELSE $1 + interval '1 hour' END
FROM (SELECT id, number > min(number) OVER () + $2 / 2 AS late FROM kept) AS halves
"""
MANY = 20_000


async def test_a_death_goes_before_the_warnings_about_everybody_else(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    await notifier.replicas[0].stop()
    others = (f"IT001-{number:04}" for number in range(100, 120))
    for one in others:
        await notifier.hears(reported(subject=one, case=one))
    await notifier.hears(reported(case="c1"), warned(2), reported(3, case="c2", urgent=True))
    notifier.replicas[0].start()
    await notifier.rest()
    letters = [letter["Subject"].partition(": ")[2] for letter in notifier.mail.letters]
    assert len(letters) == 23
    assert letters[:3] == [
        "a safety report has come in",
        "a reporting clock runs out",
        "a safety report has come in",
    ]
    assert "[critical]" in notifier.mail.letters[2]["Subject"]


async def test_an_endless_stream_of_urgent_letters_leaves_the_others_a_share(
    notifier: House,
) -> None:
    await notifier.call(person("officer", "safety_officer"))
    await notifier.replicas[0].stop()
    await notifier.hears(reported(case="c0"))
    for number in range(100, 120):
        subject = f"IT001-{number}"
        await notifier.hears(reported(subject=subject, case=subject, urgent=True))
    notifier.replicas[0].start()
    await notifier.rest()
    urgent = ["[critical]" in letter["Subject"] for letter in notifier.mail.letters]
    assert [urgent.index(False), urgent.count(True)] == [7, 20]


async def test_the_oldest_is_of_an_address_to_which_nobody_is_sending(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    await notifier.replicas[0].stop()
    await notifier.hears(reported(case="c1"), reported(2, case="c2"))
    await notifier.ask("POST", "/v1/contacts/manager/test", "trial_manager", {})
    async with notifier.pool.acquire() as db:
        [first] = await claims.claim_oldest(db, NOON, uuid4())
        [second] = await claims.claim_oldest(db, NOON, uuid4())
        assert (first.contact, second.contact) == ("officer", "manager")
        assert await claims.claim_oldest(db, NOON, uuid4()) == []
        await deliveries.again(db, first, NOON + timedelta(minutes=1))
        [third] = await claims.claim_oldest(db, NOON, uuid4())
        assert (third.contact, third.id != first.id) == ("officer", True)


async def most_urgent(db: Connection) -> list[Delivery]:
    """What is taken by urgency."""
    return await claims.claim(db, NOON, uuid4(), 50)


async def oldest(db: Connection) -> list[Delivery]:
    """What is taken by age."""
    return await claims.claim_oldest(db, NOON, uuid4())


@pytest.mark.parametrize("taken", [most_urgent, oldest])
async def test_what_waits_for_an_address_is_not_walked_through_for_each_of_it(
    notifier: House, taken: Callable[[Connection], Awaitable[list[Delivery]]]
) -> None:
    """Each claim has two seconds; one that compared the messages in pairs would take hours."""
    await notifier.replicas[0].stop()
    await notifier.pool.execute(FLOOD, NOON, MANY)
    rows = await notifier.pool.fetch(
        """
        SELECT delivery.id FROM delivery JOIN timer ON timer.id = delivery.id::text
        WHERE due = $1 ORDER BY number LIMIT 10
        """,
        NOON,
    )
    ids = []
    async with notifier.pool.acquire() as db:
        await db.execute("SET statement_timeout = '2s'")
        for _ in range(10):
            async with db.transaction():
                [one] = await taken(db)
                assert await taken(db) == []
                await deliveries.end(db, one, "delivered")
            ids.append(one.id)
        await db.execute("RESET statement_timeout")
    assert ids == [row["id"] for row in rows]
    assert await claims.next_due(notifier.pool) == NOON
    await notifier.pool.execute("DELETE FROM timer WHERE due = $1", NOON)
    assert await claims.next_due(notifier.pool) == NOON + timedelta(hours=1)

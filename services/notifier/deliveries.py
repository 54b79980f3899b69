"""What the notifier remembers of messages: each until it has an outcome, and every try for ever.

A pending message has a timer of the kind `delivery`, due when it is to be tried. No handler works
those off: who sends takes a message by a claim, and the timer goes with the outcome, so whoever
waits for the platform to come to rest waits for the servers' answers too.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg

from services.notifier.answers import Outcome
from services.notifier.letters import Letter
from shared.contracts.events.notification import Channel as Kind
from shared.contracts.subjects import TrialId
from shared.runtime import timers
from shared.runtime.clock import wall
from shared.runtime.database import Connection
from shared.runtime.timers import Timer

KIND: Final = "delivery"
Purpose = Literal["call", "digest", "test"]
State = Literal["pending", "delivered", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one contact by one channel, the `nth` of theirs.

    The deliveries of a `batch` are one call: reached is who took one of them.
    """

    id: UUID
    batch: UUID
    purpose: Purpose
    alerts: tuple[UUID, ...]
    trial: TrialId | None
    contact: str
    step: int
    channel: Kind
    nth: int
    target: str
    letter: Letter
    written_at: datetime
    urgency: int
    """0 critical, 1 high, 2 info."""
    secret: str | None = field(default=None, repr=False)
    state: State = "pending"
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """One try and what the other server answered."""

    attempt: int
    at: datetime
    outcome: Outcome
    answer: str


async def add(db: Connection, deliveries: Sequence[Delivery]) -> None:
    """Keep messages to be sent, in this order.

    What waits for the same address about the same subjects becomes as urgent, so that what is
    told of a subject stays in order.
    """
    for one in deliveries:
        await db.execute(
            """
            INSERT INTO delivery (id, batch, purpose, alerts, trial, contact, step, channel, nth,
                                  target, secret, letter, written_at, urgency, state, tries)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'pending', 0)
            """,
            one.id,
            one.batch,
            one.purpose,
            one.alerts,
            one.trial,
            one.contact,
            one.step,
            one.channel,
            one.nth,
            one.target,
            one.secret,
            json.dumps(asdict(one.letter)),
            one.written_at,
            one.urgency,
        )
        await db.execute(
            """
            UPDATE delivery SET urgency = $2
            WHERE target = $1 AND state = 'pending' AND urgency > $2 AND alerts && ARRAY(
                SELECT earlier.id FROM alert JOIN alert AS earlier USING (trial, subject)
                WHERE alert.id = ANY($3)
            )
            """,
            one.target,
            one.urgency,
            one.alerts,
        )
    await timers.put(db, [Timer(KIND, str(one.id), one.written_at) for one in deliveries])


async def keep_try(db: Connection, delivery: UUID, one: Try) -> None:
    """A try, for ever."""
    await db.execute(
        "INSERT INTO try (delivery, attempt, at, outcome, answer) VALUES ($1, $2, $3, $4, $5)",
        delivery,
        one.attempt,
        one.at,
        one.outcome,
        one.answer,
    )


async def again(db: Connection, delivery: Delivery, due: datetime) -> None:
    """Try the message again then."""
    await db.execute(
        "UPDATE delivery SET tries = tries + 1, lease = NULL, lease_until = NULL WHERE id = $1",
        delivery.id,
    )
    await timers.put(db, [Timer(KIND, str(delivery.id), due)])


async def end(db: Connection, delivery: Delivery, state: State) -> None:
    """The message has its outcome."""
    await db.execute(
        "UPDATE delivery SET state = $2, tries = tries + 1, lease = NULL, lease_until = NULL"
        " WHERE id = $1",
        delivery.id,
        state,
    )
    await timers.cancel(db, KIND, [str(delivery.id)])


async def cancel(db: Connection, alert: UUID) -> None:
    """Calls of the alert that nobody is sending just now are not sent any more."""
    rows = await db.fetch(
        """
        UPDATE delivery SET state = 'cancelled'
        WHERE alerts @> ARRAY[$1::uuid] AND purpose = 'call' AND state = 'pending'
          AND (lease_until IS NULL OR lease_until <= $2)
        RETURNING id
        """,
        alert,
        wall(),
    )
    await timers.cancel(db, KIND, [str(row["id"]) for row in rows])


async def of_batch(db: Connection, batch: UUID) -> list[Delivery]:
    """All channels of one call."""
    rows = await db.fetch("SELECT * FROM delivery WHERE batch = $1 ORDER BY number", batch)
    return [of_row(row) for row in rows]


async def of_alert(db: Connection, alert: UUID) -> list[Delivery]:
    """Every message about an alert, in order."""
    rows = await db.fetch(
        "SELECT * FROM delivery WHERE alerts @> ARRAY[$1::uuid] ORDER BY number", alert
    )
    return [of_row(row) for row in rows]


async def tries(db: Connection, deliveries: Sequence[UUID]) -> dict[UUID, list[Try]]:
    """Every try of these messages, in order."""
    rows = await db.fetch(
        "SELECT * FROM try WHERE delivery = ANY($1::uuid[]) ORDER BY delivery, attempt", deliveries
    )
    found: dict[UUID, list[Try]] = {}
    for delivery, *rest in rows:
        found.setdefault(delivery, []).append(Try(*rest))
    return found


def of_row(row: asyncpg.Record) -> Delivery:
    """The message that a row of the table holds."""
    return Delivery(
        id=row["id"],
        batch=row["batch"],
        purpose=row["purpose"],
        alerts=tuple(row["alerts"]),
        trial=row["trial"],
        contact=row["contact"],
        step=row["step"],
        channel=row["channel"],
        nth=row["nth"],
        target=row["target"],
        letter=Letter(**json.loads(row["letter"])),
        written_at=row["written_at"],
        urgency=row["urgency"],
        secret=row["secret"],
        state=row["state"],
        tries=row["tries"],
    )

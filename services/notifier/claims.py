"""Who sends a message: whoever claims it, by a lease of the wall's clock.

Processes claim one after the other, so that each sees what the one before has taken.
"""

from datetime import datetime, timedelta
from uuid import UUID

from services.notifier.deliveries import KIND, Delivery, of_row
from shared.runtime.clock import wall
from shared.runtime.database import Connection, Pool

LEASE = timedelta(seconds=20)
"""Longer than any try may take; after it another process sends what a dead one held."""


async def next_due(pool: Pool) -> datetime | None:
    """When the next message is due of the addresses to which nobody is sending."""
    found: datetime | None = await pool.fetchval(
        """
        WITH address AS (
            SELECT DISTINCT target FROM delivery WHERE state = 'pending'
            EXCEPT SELECT target FROM delivery WHERE state = 'pending' AND lease_until > $2
        )
        SELECT min(timer.due) FROM address JOIN delivery USING (target)
        JOIN timer ON timer.kind = $1 AND timer.id = delivery.id::text
        WHERE delivery.state = 'pending'
        """,
        KIND,
        wall(),
    )
    return found


async def claim(db: Connection, now: datetime, lease: UUID, at_most: int) -> list[Delivery]:
    """Take messages that are due, one an address at a time: the most urgent, of them the oldest.

    Those of an address are walked in order up to the first that is due, never compared with each
    other.
    """
    await _lock(db)
    rows = await db.fetch(
        """
        WITH address AS (
            SELECT DISTINCT target FROM delivery WHERE state = 'pending'
            EXCEPT SELECT target FROM delivery WHERE state = 'pending' AND lease_until > $3
        ), first AS (
            SELECT next.id FROM address CROSS JOIN LATERAL (
                SELECT delivery.id FROM delivery
                WHERE delivery.target = address.target AND delivery.state = 'pending' AND EXISTS (
                    SELECT FROM timer
                    WHERE timer.kind = $1 AND timer.id = delivery.id::text AND timer.due <= $2
                )
                ORDER BY delivery.urgency, delivery.number LIMIT 1
            ) AS next
        ), taken AS (
            SELECT delivery.id FROM delivery JOIN first USING (id)
            WHERE delivery.state = 'pending'
              AND (delivery.lease_until IS NULL OR delivery.lease_until <= $3)
            ORDER BY delivery.urgency, delivery.number LIMIT $6
            FOR UPDATE OF delivery SKIP LOCKED
        )
        UPDATE delivery SET lease = $4, lease_until = $5
        FROM taken WHERE delivery.id = taken.id RETURNING delivery.*
        """,
        KIND,
        now,
        wall(),
        lease,
        wall() + LEASE,
        at_most,
    )
    return [of_row(row) for row in sorted(rows, key=lambda row: row["number"])]


async def claim_oldest(db: Connection, now: datetime, lease: UUID) -> list[Delivery]:
    """Take the message that is due and was written first, whatever its urgency; none or one.

    Of those about one subject it is the first that is due, so what is told of a subject stays in
    order but for what waits for another try.
    """
    await _lock(db)
    rows = await db.fetch(
        """
        WITH first AS (
            SELECT delivery.id FROM delivery
            WHERE delivery.state = 'pending'
              AND delivery.target <> ALL(ARRAY(
                  SELECT target FROM delivery WHERE state = 'pending' AND lease_until > $3
              ))
              AND $2 >= (
                  SELECT due FROM timer WHERE kind = $1 AND timer.id = delivery.id::text
              )
            ORDER BY delivery.number LIMIT 1 FOR UPDATE OF delivery SKIP LOCKED
        )
        UPDATE delivery SET lease = $4, lease_until = $5
        FROM first WHERE delivery.id = first.id RETURNING delivery.*
        """,
        KIND,
        now,
        wall(),
        lease,
        wall() + LEASE,
    )
    return [of_row(row) for row in rows]


async def held(db: Connection, delivery: UUID, lease: UUID) -> Delivery | None:
    """The message, locked, if it is still ours to say what came of it."""
    row = await db.fetchrow(
        "SELECT * FROM delivery WHERE id = $1 AND lease = $2 AND state = 'pending' FOR UPDATE",
        delivery,
        lease,
    )
    return of_row(row) if row else None


async def _lock(db: Connection) -> None:
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('notifier claim', 0))")

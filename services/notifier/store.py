"""What the notifier remembers of alerts. Every function runs in its caller's transaction.

Whoever changes an alert, a contact or the outcome of a delivery takes `lock` first: alerts are few,
and one writer at a time leaves no races to think about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.notifier.escalation import Alert, State
from services.notifier.routing import Position
from services.notifier.rules import Pace
from shared.contracts.events.notification import AlertSeverity
from shared.runtime import timers
from shared.runtime.database import Connection
from shared.runtime.timers import Timer

STEP, LAPSE = "step", "lapse"

_FIXED = (
    "id", "cause", "matter", "trial", "subject", "site", "severity", "event", "rule", "roles",
    "due", "raised_at",
)  # fmt: skip
_CHANGING = (
    "last_event_at", "repeats", "state", "step", "rounds", "called", "reached", "next_step_at",
    "acknowledged_by", "acknowledged_at", "lapses_at", "cause_settled_at", "settled_at",
)  # fmt: skip


async def lock(db: Connection) -> None:
    """No other transaction changes alerts, contacts or outcomes until this one ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('notifier', 0))")


async def add(db: Connection, alert: Alert) -> None:
    """Keep a new alert."""
    await db.execute(
        """
        INSERT INTO alert (id, cause, matter, trial, subject, site, severity, event, rule, roles,
                           due, raised_at, last_event_at, repeats, state, step, rounds, called,
                           reached, next_step_at, acknowledged_by, acknowledged_at, lapses_at,
                           cause_settled_at, settled_at, next_after, again_after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, $25, $26, $27)
        """,
        *(getattr(alert, name) for name in (*_FIXED, *_CHANGING)),
        alert.pace.next_after,
        alert.pace.again_after,
    )


async def save(db: Connection, alert: Alert) -> None:
    """Write what changed of an alert, and its timers with it."""
    await db.execute(
        """
        UPDATE alert SET last_event_at = $2, repeats = $3, state = $4, step = $5, rounds = $6,
                         called = $7, reached = $8, next_step_at = $9, acknowledged_by = $10,
                         acknowledged_at = $11, lapses_at = $12, cause_settled_at = $13,
                         settled_at = $14
        WHERE id = $1
        """,
        alert.id,
        *(getattr(alert, name) for name in _CHANGING),
    )
    steps = alert.next_step_at if alert.severity != "info" else None
    for kind, due in ((STEP, steps), (LAPSE, alert.lapses_at)):
        if due is None:
            await timers.cancel(db, kind, [str(alert.id)])
        else:
            await timers.put(db, [Timer(kind, str(alert.id), due)])


async def several(db: Connection, ids: Sequence[UUID]) -> list[Alert]:
    """Alerts by their ids, in the order in which they were raised."""
    rows = await db.fetch("SELECT * FROM alert WHERE id = ANY($1::uuid[]) ORDER BY id", ids)
    return [_alert(row) for row in rows]


async def newest_of(db: Connection, cause: str) -> Alert | None:
    """The newest alert of a cause."""
    row = await db.fetchrow("SELECT * FROM alert WHERE cause = $1 ORDER BY id DESC LIMIT 1", cause)
    return _alert(row) if row else None


async def unsettled_of(db: Connection, matter: str, at: Position | None) -> list[Alert]:
    """The alerts that this event settles: not one that was raised again after it."""
    rows = await db.fetch(
        """
        SELECT * FROM alert WHERE matter = $1 AND state <> 'settled' AND NOT EXISTS (
            SELECT FROM heard
            WHERE heard.alert = alert.id AND topic = $2 AND key = $3 AND sequence > $4
        ) ORDER BY id
        """,
        matter,
        at.topic if at else None,
        at.key if at else None,
        at.sequence if at else None,
    )
    return [_alert(row) for row in rows]


async def uncalled(db: Connection, trial: str) -> list[Alert]:
    """The open alerts, of the trial or of none, whose last step found nobody to call."""
    rows = await db.fetch(
        """
        SELECT * FROM alert
        WHERE state = 'open' AND severity <> 'info' AND called = '{}'
          AND (trial = $1 OR trial IS NULL)
        ORDER BY id
        """,
        trial,
    )
    return [_alert(row) for row in rows]


async def to_gather(db: Connection, trial: str | None) -> list[Alert]:
    """What is `info`, of the trial or of none, and was in no day's message."""
    rows = await db.fetch(
        """
        SELECT * FROM alert
        WHERE severity = 'info' AND state = 'open' AND next_step_at IS NOT NULL
          AND trial IS NOT DISTINCT FROM $1
        ORDER BY id
        """,
        trial,
    )
    return [_alert(row) for row in rows]


async def heard(db: Connection, ce_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the events that are in an alert already."""
    rows = await db.fetch("SELECT ce_id FROM heard WHERE ce_id = ANY($1::uuid[])", ce_ids)
    return {row["ce_id"] for row in rows}


async def mark_heard(db: Connection, at: Position, alert: UUID) -> None:
    """The event is in this alert."""
    await db.execute(
        "INSERT INTO heard (ce_id, alert, topic, key, sequence) VALUES ($1, $2, $3, $4, $5)",
        at.ce_id,
        alert,
        at.topic,
        at.key,
        at.sequence,
    )


async def settlement(db: Connection, matter: str) -> Position | None:
    """The last event that settled the matter."""
    row = await db.fetchrow(
        "SELECT topic, key, sequence, ce_id FROM settlement WHERE matter = $1", matter
    )
    return Position(**row) if row else None


async def keep_settlement(db: Connection, matter: str, at: Position) -> None:
    """The last event that settled the matter is this one."""
    await db.execute(
        """
        INSERT INTO settlement (matter, topic, key, sequence, ce_id) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (matter) DO UPDATE SET topic = EXCLUDED.topic, key = EXCLUDED.key,
            sequence = EXCLUDED.sequence, ce_id = EXCLUDED.ce_id
        """,
        matter,
        at.topic,
        at.key,
        at.sequence,
        at.ce_id,
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Whose alerts, and which. None: all. `no_trial`: those of no trial, too."""

    trials: Sequence[str] | None
    no_trial: bool
    roles: Sequence[str]
    sites: Sequence[str] | None
    state: State | None = None
    severity: AlertSeverity | None = None


async def listed(
    db: Connection, which: Filter, after: UUID | None, limit: int, only: UUID | None = None
) -> list[Alert]:
    """Alerts in the order in which they were raised; `only` this one, if it is among them."""
    rows = await db.fetch(
        """
        SELECT * FROM alert
        WHERE ($1::uuid IS NULL OR id > $1)
          AND ($2::text[] IS NULL OR trial = ANY($2) OR trial IS NULL)
          AND ($3 OR trial IS NOT NULL)
          AND roles && $4::text[]
          AND ($5::text[] IS NULL OR site IS NULL OR site = ANY($5))
          AND ($6::text IS NULL OR state = $6)
          AND ($7::text IS NULL OR severity = $7)
          AND ($8::uuid IS NULL OR id = $8)
        ORDER BY id LIMIT $9
        """,
        after,
        which.trials,
        which.no_trial,
        which.roles,
        which.sites,
        which.state,
        which.severity,
        only,
        limit,
    )
    return [_alert(row) for row in rows]


def _alert(row: asyncpg.Record) -> Alert:
    read = {name: row[name] for name in (*_FIXED, *_CHANGING)}
    read["roles"], read["called"] = tuple(row["roles"]), tuple(row["called"])
    return Alert(**read, pace=Pace(row["next_after"], row["again_after"]))

"""Alerts as events change them, set by set."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.events import notification
from shared.runtime.database import Connection
from shared.runtime.record import Received


async def raised(db: Connection, batch: Sequence[Received[notification.AlertRaised]]) -> None:
    """Alerts, open."""
    await db.executemany(
        """
        INSERT INTO alert (alert, trial, severity, event, rule, subject, site, roles, state,
                           raised_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $9) ON CONFLICT DO NOTHING
        """,
        [
            (
                one.data.alert,
                one.envelope.trial,
                one.data.severity,
                one.data.event,
                one.data.rule,
                one.data.subject,
                one.data.site,
                one.data.roles,
                one.envelope.time,
            )
            for one in batch
        ],
    )


@dataclass(frozen=True, slots=True)
class AlertState:
    """What an event changes of an alert; None: nothing."""

    at: datetime
    state: str | None = None
    person: str | None = None
    step: int | None = None
    delivered: bool | None = None
    unreached: bool | None = None
    lapsed: bool | None = None


async def alerts_are(db: Connection, batch: Sequence[tuple[str, AlertState]]) -> None:
    """Alerts as they changed."""
    await db.executemany(
        """
        UPDATE alert
        SET changed_at = $2, state = coalesce($3, state), person = coalesce($4, person),
            step = coalesce($5, step), delivered = coalesce($6, delivered),
            unreached = coalesce($7, unreached), lapsed = coalesce($8, lapsed)
        WHERE alert = $1
        """,
        [
            (
                alert,
                now.at,
                now.state,
                now.person,
                now.step,
                now.delivered,
                now.unreached,
                now.lapsed,
            )
            for alert, now in batch
        ],
    )

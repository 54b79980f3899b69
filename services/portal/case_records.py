"""Adverse events and their clocks as events change them, set by set."""

from collections.abc import Sequence
from typing import Any

from services.portal.records import known_subjects
from shared.contracts.events import safety
from shared.runtime.database import Connection
from shared.runtime.record import Received


async def judged(
    db: Connection,
    batch: Sequence[Received[safety.AdverseEventReported | safety.AdverseEventUpdated]],
) -> None:
    """Cases as they stand."""
    await known_subjects(db, [one for one in batch if one.data.matched])
    await db.executemany(
        """
        INSERT INTO adverse_event AS a
            (trial, "case", subject, site, version, grade, severity, serious, seriousness, susar,
             outcome, matched, reported_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
        ON CONFLICT (trial, "case") DO UPDATE
        SET version = EXCLUDED.version, grade = EXCLUDED.grade, severity = EXCLUDED.severity,
            serious = EXCLUDED.serious, seriousness = EXCLUDED.seriousness,
            susar = EXCLUDED.susar, outcome = EXCLUDED.outcome, matched = EXCLUDED.matched,
            unmatched = a.unmatched AND NOT EXCLUDED.matched, changed_at = EXCLUDED.changed_at
        """,
        [
            (
                one.envelope.trial,
                one.data.case,
                one.data.subject,
                one.data.site,
                one.data.version,
                one.data.grade,
                one.data.severity,
                one.data.serious,
                one.data.seriousness,
                one.data.susar,
                one.data.outcome,
                one.data.matched,
                one.envelope.time,
            )
            for one in batch
        ],
    )


async def unmatched(db: Connection, batch: Sequence[Received[safety.ReportUnmatched]]) -> None:
    """Cases whose subject nobody has named for a day."""
    await db.executemany(
        'UPDATE adverse_event SET unmatched = NOT matched WHERE trial = $1 AND "case" = $2',
        [(one.envelope.trial, one.data.case) for one in batch],
    )


async def clocks(db: Connection, batch: Sequence[tuple[Received[Any], str]]) -> None:
    """Reporting clocks with their states."""
    await db.executemany(
        """
        INSERT INTO clock (trial, clock, "case", subject, site, kind, authority, due, state,
                           stopped_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (trial, clock) DO UPDATE
        SET due = EXCLUDED.due, state = EXCLUDED.state, stopped_at = EXCLUDED.stopped_at
        """,
        [
            (
                one.envelope.trial,
                one.data.clock,
                one.data.case,
                one.data.subject,
                one.data.site,
                one.data.kind,
                one.data.authority,
                one.data.due,
                state,
                getattr(one.data, "stopped_at", None),
            )
            for one, state in batch
        ],
    )

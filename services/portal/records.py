"""The read model as events change it, set by set: no arm, no treatment code, no free text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.contracts.events import notification, randomization, safety, screening
from shared.runtime.database import Connection
from shared.runtime.record import Received

_SUBJECT = """
INSERT INTO subject (trial, subject, site)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING
"""


async def screened(db: Connection, batch: Sequence[Received[screening.PatientScreened]]) -> None:
    """Subjects as their newest screening has them."""
    await _known(db, batch)
    await db.executemany(
        """
        UPDATE subject
        SET screening = $3, attempt = $4, revision = $5, verdict = $6, signed = $7, stratum = $8,
            unmet = $9, unknown = $10, failed = false, screened_at = $11
        WHERE trial = $1 AND subject = $2
        """,
        [
            (
                one.envelope.trial,
                one.data.subject,
                one.data.screening,
                one.data.attempt,
                one.data.revision,
                one.data.verdict,
                one.data.signed,
                one.data.stratum,
                one.data.unmet,
                one.data.unknown,
                one.envelope.time,
            )
            for one in batch
        ],
    )


async def failed(db: Connection, batch: Sequence[Received[screening.ScreeningFailed]]) -> None:
    """Attempts that their sites ended."""
    await _known(db, batch)
    await _each(db, "UPDATE subject SET failed = true WHERE trial = $1 AND subject = $2", batch)


async def randomized(
    db: Connection, batch: Sequence[Received[randomization.PatientRandomized]]
) -> None:
    """Draws: number, stratum and time. What was drawn is not kept here."""
    await _known(db, batch)
    await db.executemany(
        """
        UPDATE subject
        SET number = $3, drawn_stratum = $4, randomized_at = $5, waiting = false, refused = NULL
        WHERE trial = $1 AND subject = $2
        """,
        [
            (
                one.envelope.trial,
                one.data.subject,
                one.data.number,
                one.data.stratum,
                one.envelope.time,
            )
            for one in batch
        ],
    )


async def refused(
    db: Connection, batch: Sequence[Received[randomization.RandomizationRefused]]
) -> None:
    """Refusals, with the attempt and revision that they are about."""
    await _known(db, batch)
    await db.executemany(
        """
        UPDATE subject SET refused = $3, refused_for = $4, waiting = false
        WHERE trial = $1 AND subject = $2
        """,
        [
            (
                one.envelope.trial,
                one.data.subject,
                one.data.reason,
                [one.data.attempt, one.data.revision],
            )
            for one in batch
        ],
    )


async def waiting(
    db: Connection, batch: Sequence[Received[randomization.RandomizationWaiting]]
) -> None:
    """Subjects that wait for their draw."""
    await _known(db, batch)
    await _each(
        db,
        "UPDATE subject SET waiting = true, refused = NULL WHERE trial = $1 AND subject = $2",
        batch,
    )


async def deviated(
    db: Connection, batch: Sequence[Received[randomization.EligibilityDeviation]]
) -> None:
    """Randomized subjects that are otherwise than at their draw."""
    await _known(db, batch)
    await _each(db, "UPDATE subject SET deviation = true WHERE trial = $1 AND subject = $2", batch)


async def trial_is(db: Connection, trial: str | None, state: str, cause: str | None) -> None:
    """Open, paused or closed."""
    await db.execute(
        """
        INSERT INTO trial (trial, state, cause) VALUES ($1, $2, $3)
        ON CONFLICT (trial) DO UPDATE SET state = EXCLUDED.state, cause = EXCLUDED.cause
        """,
        trial,
        state,
        cause,
    )


async def site_is(db: Connection, trial: str | None, site: str, opened: bool) -> None:
    """A site may enrol, or not."""
    await db.execute(
        """
        INSERT INTO site (trial, site, open) VALUES ($1, $2, $3)
        ON CONFLICT (trial, site) DO UPDATE SET open = EXCLUDED.open
        """,
        trial,
        site,
        opened,
    )


async def judged(
    db: Connection,
    batch: Sequence[Received[safety.AdverseEventReported | safety.AdverseEventUpdated]],
) -> None:
    """Cases as they stand."""
    await _known(db, [one for one in batch if one.data.matched])
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


async def died(db: Connection, batch: Sequence[Received[safety.SurvivalReported]]) -> None:
    """Deaths, by their day."""
    await _known(db, batch)
    await _on_day(
        db,
        "UPDATE subject SET died = $3 WHERE trial = $1 AND subject = $2",
        [(one, one.data.date) for one in batch],
    )


async def withdrawn(db: Connection, batch: Sequence[Received[safety.SubjectWithdrawn]]) -> None:
    """Consents taken back and treatments left, by their day."""
    await _known(db, batch)
    consents = [(one, one.data.date) for one in batch if one.data.withdrawn_from == "consent"]
    treatments = [(one, one.data.date) for one in batch if one.data.withdrawn_from == "treatment"]
    await _on_day(
        db, "UPDATE subject SET withdrew = $3 WHERE trial = $1 AND subject = $2", consents
    )
    await _on_day(
        db, "UPDATE subject SET left_treatment = $3 WHERE trial = $1 AND subject = $2", treatments
    )


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


async def _known(db: Connection, batch: Sequence[Received[Any]]) -> None:
    """A row for each subject."""
    await db.execute(
        _SUBJECT,
        [one.envelope.trial for one in batch],
        [one.data.subject for one in batch],
        [one.data.site for one in batch],
    )


async def _each(db: Connection, statement: str, batch: Sequence[Received[Any]]) -> None:
    rows = [(one.envelope.trial, one.data.subject) for one in batch]
    await db.executemany(statement, rows)


async def _on_day(
    db: Connection, statement: str, batch: Sequence[tuple[Received[Any], date]]
) -> None:
    rows = [(one.envelope.trial, one.data.subject, day) for one, day in batch]
    await db.executemany(statement, rows)

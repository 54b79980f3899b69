"""Trials, sites and subjects as events change them, set by set: no arm, no code, no free text."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from shared.contracts.events import randomization, safety, screening
from shared.runtime.database import Connection
from shared.runtime.record import Received

_SUBJECT = """
INSERT INTO subject (trial, subject, site)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING
"""


async def screened(db: Connection, batch: Sequence[Received[screening.PatientScreened]]) -> None:
    """Subjects as their newest screening has them."""
    await known_subjects(db, batch)
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
    await known_subjects(db, batch)
    await _each(db, "UPDATE subject SET failed = true WHERE trial = $1 AND subject = $2", batch)


async def randomized(
    db: Connection, batch: Sequence[Received[randomization.PatientRandomized]]
) -> None:
    """Draws: number, stratum and time. What was drawn is not kept here."""
    await known_subjects(db, batch)
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
    await known_subjects(db, batch)
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
    await known_subjects(db, batch)
    await _each(
        db,
        "UPDATE subject SET waiting = true, refused = NULL WHERE trial = $1 AND subject = $2",
        batch,
    )


async def deviated(
    db: Connection, batch: Sequence[Received[randomization.EligibilityDeviation]]
) -> None:
    """Randomized subjects that are otherwise than at their draw."""
    await known_subjects(db, batch)
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


async def died(db: Connection, batch: Sequence[Received[safety.SurvivalReported]]) -> None:
    """Deaths, by their day."""
    await known_subjects(db, batch)
    await _on_day(
        db,
        "UPDATE subject SET died = $3 WHERE trial = $1 AND subject = $2",
        [(one, one.data.date) for one in batch],
    )


async def withdrawn(db: Connection, batch: Sequence[Received[safety.SubjectWithdrawn]]) -> None:
    """Consents taken back and treatments left, by their day."""
    await known_subjects(db, batch)
    consents = [(one, one.data.date) for one in batch if one.data.withdrawn_from == "consent"]
    treatments = [(one, one.data.date) for one in batch if one.data.withdrawn_from == "treatment"]
    await _on_day(
        db, "UPDATE subject SET withdrew = $3 WHERE trial = $1 AND subject = $2", consents
    )
    await _on_day(
        db, "UPDATE subject SET left_treatment = $3 WHERE trial = $1 AND subject = $2", treatments
    )


async def known_subjects(db: Connection, batch: Sequence[Received[Any]]) -> None:
    """A row for each subject that the events name."""
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

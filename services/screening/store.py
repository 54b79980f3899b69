"""What screening remembers, written set by set: one statement for a submission or a thousand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.screening.domain import Screening
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision as it was decided; `form`, `criteria` and `carry` are JSON texts."""

    screening: UUID
    revision: int
    form: str
    form_sha256: str
    criteria: str
    unmet: Sequence[str]
    unknown: Sequence[str]
    missing: Sequence[str]
    carry: str
    protocol_version: str
    person: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A screening as it stands, with its newest revision."""

    screening: Screening
    revision: Revision


async def lock(db: Connection, trial: TrialId, subjects: Iterable[SubjectId]) -> set[SubjectId]:
    """The subjects' rows, made where they are missing, locked in sorted order.

    Returns those that were there before: no other can have been screened.
    """
    wanted = sorted(set(subjects))
    rows = await db.fetch(
        """
        INSERT INTO subject (trial, subject) SELECT $1, * FROM unnest($2::text[])
        ON CONFLICT DO NOTHING RETURNING subject
        """,
        trial,
        wanted,
    )
    made = {row["subject"] for row in rows}
    known = [subject for subject in wanted if subject not in made]
    if known:
        await db.execute(
            """
            SELECT FROM subject WHERE trial = $1 AND subject = ANY($2::text[])
            ORDER BY subject FOR UPDATE
            """,
            trial,
            known,
        )
    return set(known)


async def newest(
    db: Connection, trial: TrialId, subjects: Iterable[SubjectId]
) -> dict[SubjectId, Screening]:
    """The newest attempt of each subject that has one."""
    wanted = sorted(set(subjects))
    if not wanted:
        return {}
    rows = await db.fetch(
        """
        SELECT found.*, subject.randomized
        FROM unnest($2::text[]) AS wanted (subject)
        JOIN subject ON subject.trial = $1 AND subject.subject = wanted.subject
        CROSS JOIN LATERAL (
            SELECT * FROM screening AS s WHERE s.trial = $1 AND s.subject = wanted.subject
            ORDER BY s.attempt DESC LIMIT 1
        ) AS found
        """,
        trial,
        wanted,
    )
    return {row["subject"]: _screening(row) for row in rows}


_REVISION = """
INSERT INTO revision (screening, revision, form, form_sha256, criteria, unmet, unknown, missing,
                      carry, protocol_version, person, at, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_SCREENING = """
WITH made AS (
    INSERT INTO screening (id, trial, subject, site, attempt, revision, verdict, stratum)
    VALUES ($14, $15, $16, $17, $18, $19, $20, $21)
)
"""


_FIRST = """
WITH new AS (
    INSERT INTO subject (trial, subject) VALUES ($15, $16) ON CONFLICT DO NOTHING RETURNING subject
), made AS (
    INSERT INTO screening (id, trial, subject, site, attempt, revision, verdict, stratum)
    SELECT $14, $15, subject, $17, $18, $19, $20, $21 FROM new
)
INSERT INTO revision (screening, revision, form, form_sha256, criteria, unmet, unknown, missing,
                      carry, protocol_version, person, at, reason)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM new
"""


async def add(
    db: Connection, screenings: Sequence[Screening], revisions: Sequence[Revision]
) -> None:
    """New attempts with their first revisions."""
    if not screenings:
        return
    rows = [
        (*_columns(revision), *_columns_of(one))
        for one, revision in zip(screenings, revisions, strict=True)
    ]
    statement = f"{_SCREENING}{_REVISION}"
    if len(rows) == 1:
        await db.execute(statement, *rows[0])  # less work than a set of one
    else:
        await db.executemany(statement, rows)


async def add_first(db: Connection, screening: Screening, revision: Revision) -> bool:
    """A subject's first attempt with its first revision, and the subject's row, in one statement.

    False, and nothing was done, where the subject is known; waits for a twin under way.
    """
    done = await db.execute(_FIRST, *_columns(revision), *_columns_of(screening))
    return done == "INSERT 0 1"


async def add_revision(db: Connection, revision: Revision) -> None:
    """A revision as it was decided."""
    await db.execute(_REVISION, *_columns(revision))


def _columns_of(screening: Screening) -> tuple[object, ...]:
    """The parameters of `_SCREENING`."""
    return (
        screening.id,
        screening.trial,
        screening.subject,
        screening.site,
        screening.attempt,
        screening.revision,
        screening.verdict,
        screening.stratum,
    )


def _columns(revision: Revision) -> tuple[object, ...]:
    """The parameters of `_REVISION`."""
    return (
        revision.screening,
        revision.revision,
        revision.form,
        revision.form_sha256,
        revision.criteria,
        revision.unmet,
        revision.unknown,
        revision.missing,
        revision.carry,
        revision.protocol_version,
        revision.person,
        revision.at,
        revision.reason,
    )


async def update(db: Connection, screenings: Sequence[Screening]) -> None:
    """Attempts as they stand now."""
    await db.execute(
        """
        UPDATE screening AS s
        SET revision = n.revision, verdict = n.verdict, stratum = n.stratum, signed = n.signed,
            failed = n.failed, refused = n.refused, failure = n.failure, refusal = n.refusal
        FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::boolean[], $6::boolean[],
                    $7::boolean[], $8::text[], $9::text[])
            AS n (id, revision, verdict, stratum, signed, failed, refused, failure, refusal)
        WHERE s.id = n.id
        """,
        [one.id for one in screenings],
        [one.revision for one in screenings],
        [one.verdict for one in screenings],
        [one.stratum for one in screenings],
        [one.signed for one in screenings],
        [one.failed for one in screenings],
        [one.refused for one in screenings],
        [one.failure for one in screenings],
        [one.refusal for one in screenings],
    )


async def mark_randomized(db: Connection, trial: TrialId, subjects: Iterable[SubjectId]) -> None:
    """These subjects have an allocation."""
    await db.execute(
        "UPDATE subject SET randomized = true WHERE trial = $1 AND subject = ANY($2::text[])",
        trial,
        sorted(set(subjects)),
    )


async def sign(
    db: Connection, screening: Screening, person: str, meaning: str, at: datetime
) -> None:
    """The signature under the newest revision."""
    await db.execute(
        """
        INSERT INTO signature (screening, revision, person, meaning, at)
        VALUES ($1, $2, $3, $4, $5)
        """,
        screening.id,
        screening.revision,
        person,
        meaning,
        at,
    )


_KEPT = """
SELECT s.*, u.randomized, r.form, r.form_sha256, r.criteria, r.unmet, r.unknown, r.missing, r.carry,
       r.protocol_version, r.person, r.at, r.reason
FROM screening AS s
JOIN subject AS u USING (trial, subject)
JOIN revision AS r ON r.screening = s.id AND r.revision = s.revision
"""


async def one(db: Connection, trial: TrialId, screening: UUID) -> Kept | None:
    """A screening of the trial by its id."""
    row = await db.fetchrow(f"{_KEPT} WHERE s.id = $1 AND s.trial = $2", screening, trial)
    return _kept(row) if row else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which screenings to list; None: all."""

    sites: Sequence[SiteId] | None = None
    verdict: str | None = None


async def listed(
    db: Connection, trial: TrialId, which: Filter, after: UUID | None, limit: int
) -> list[Kept]:
    """Screenings in the order of their ids, which is that of their submission."""
    rows = await db.fetch(
        f"""
        {_KEPT} WHERE s.trial = $1 AND ($2::text[] IS NULL OR s.site = ANY($2))
        AND ($3::text IS NULL OR s.verdict = $3) AND ($4::uuid IS NULL OR s.id > $4)
        ORDER BY s.id LIMIT $5
        """,
        trial,
        which.sites,
        which.verdict,
        after,
        limit,
    )
    return [_kept(row) for row in rows]


def _screening(row: asyncpg.Record) -> Screening:
    return Screening(
        id=row["id"],
        trial=row["trial"],
        subject=row["subject"],
        attempt=row["attempt"],
        revision=row["revision"],
        verdict=row["verdict"],
        stratum=row["stratum"],
        signed=row["signed"],
        failed=row["failed"],
        refused=row["refused"],
        randomized=row["randomized"],
        failure=row["failure"],
        refusal=row["refusal"],
    )


def _kept(row: asyncpg.Record) -> Kept:
    revision = Revision(
        screening=row["id"],
        revision=row["revision"],
        form=row["form"],
        form_sha256=row["form_sha256"],
        criteria=row["criteria"],
        unmet=row["unmet"],
        unknown=row["unknown"],
        missing=row["missing"],
        carry=row["carry"],
        protocol_version=row["protocol_version"],
        person=row["person"],
        at=row["at"],
        reason=row["reason"],
    )
    return Kept(_screening(row), revision)

"""The screening log's numbers as the database counts them: a row for all who stand alike."""

from collections.abc import Sequence

from services.screening.report import Cost, Standing
from shared.contracts.subjects import SiteId, TrialId
from shared.runtime.database import Connection


async def standings(
    db: Connection, trial: TrialId, sites: Sequence[SiteId] | None
) -> list[Standing]:
    """How the subjects of these sites (None: of all) stand in their newest attempts."""
    rows = await db.fetch(
        """
        WITH newest AS (
            SELECT DISTINCT ON (subject) *
            FROM screening WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
            ORDER BY subject, attempt DESC
        )
        SELECT site, verdict, signed, failed, failure, refused, refusal, randomized,
               count(*) AS subjects, sum(attempt) AS attempts
        FROM newest JOIN subject USING (trial, subject)
        GROUP BY site, verdict, signed, failed, failure, refused, refusal, randomized
        """,
        trial,
        sites,
    )
    return [Standing(**row) for row in rows]


async def costs(db: Connection, trial: TrialId, sites: Sequence[SiteId] | None) -> list[Cost]:
    """What each criterion says of the subjects of these sites who are not randomized."""
    rows = await db.fetch(
        """
        WITH newest AS (
            SELECT DISTINCT ON (subject) *
            FROM screening WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
            ORDER BY subject, attempt DESC
        )
        SELECT site, criterion,
               count(*) FILTER (WHERE NOT open) AS unmet,
               count(*) FILTER (WHERE open) AS unknown,
               count(*) FILTER (WHERE NOT open AND cardinality(r.unmet) = 1) AS only
        FROM newest
        JOIN subject USING (trial, subject)
        JOIN revision AS r ON r.screening = newest.id AND r.revision = newest.revision
        CROSS JOIN LATERAL (
            SELECT unnest(r.unmet) AS criterion, false AS open
            UNION ALL SELECT unnest(r.unknown), true
        ) AS said
        WHERE NOT randomized
        GROUP BY site, criterion
        """,
        trial,
        sites,
    )
    return [Cost(**row) for row in rows]

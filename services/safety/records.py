"""Lists of cases and of clocks, page by page in an order that new ones do not disturb."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.safety.clocks import Clock, Duty, State
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Which:
    """Of which sites and subject; None: all."""

    sites: Sequence[SiteId] | None = None
    subject: SubjectId | None = None


async def cases(
    db: Connection, trial: TrialId, which: Which, after: UUID | None, limit: int
) -> list[dict[str, object]]:
    """Cases as they stand, in the order of their ids, which is that of their first report."""
    rows = await db.fetch(
        """
        SELECT id AS "case", subject, site, version, matched, term, onset_date, grade, severity,
               serious, seriousness, susar, outcome, reported_at
        FROM adverse_event
        WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
          AND ($3::text IS NULL OR subject = $3) AND ($4::uuid IS NULL OR id > $4)
        ORDER BY id LIMIT $5
        """,
        trial,
        which.sites,
        which.subject,
        after,
        limit,
    )
    return [dict(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Running:
    """A clock with its case."""

    case: UUID
    nth: int
    subject: SubjectId
    site: SiteId
    clock: Clock

    @property
    def place(self) -> str:
        """Where it stands in a list."""
        return f"{self.case}.{self.nth}"


async def clocks(
    db: Connection,
    trial: TrialId,
    which: Which,
    state: State | None,
    now: datetime,
    after: tuple[UUID, int] | None,
    limit: int,
) -> list[Running]:
    """Clocks in the order of their cases, each case's as they started."""
    rows = await db.fetch(
        """
        SELECT * FROM clock
        WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
          AND ($3::text IS NULL OR subject = $3)
          AND ($4::text IS NULL OR $4 = CASE
                WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN date_trunc('second', stopped_at) <= due THEN 'met'
                WHEN stopped_at IS NOT NULL THEN 'late'
                WHEN $5 >= due THEN 'overdue'
                ELSE 'running' END)
          AND ($6::uuid IS NULL OR (adverse_event, nth) > ($6, $7))
        ORDER BY adverse_event, nth LIMIT $8
        """,
        trial,
        which.sites,
        which.subject,
        state,
        now,
        *(after or (None, 0)),
        limit,
    )
    return [_running(row) for row in rows]


def _running(row: asyncpg.Record) -> Running:
    clock = Clock(
        id=row["id"],
        duty=Duty(row["kind"], row["authority"], row["day_zero"], row["due"]),
        version=row["version"],
        since=row["since"],
        told=tuple(row["told"]),
        stopped_at=row["stopped_at"],
        cancelled_at=row["cancelled_at"],
    )
    return Running(row["adverse_event"], row["nth"], row["subject"], row["site"], clock)

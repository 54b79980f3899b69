"""What pages ask of the read model; who may see what is in each question, by trial and sites."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from services.portal.domain import Subject
from shared.runtime.database import Connection

Sites = Sequence[str] | None
"""The sites in somebody's scope; None: all."""

_TO_DO = """(s.number IS NULL AND s.withdrew IS NULL AND s.died IS NULL AND NOT s.failed
        AND (s.verdict = 'incomplete' OR s.refused IS NOT NULL
             OR (s.verdict = 'eligible' AND NOT s.signed AND $3))
     OR (s.deviation AND s.died IS NULL AND s.withdrew IS NULL))"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list, and how long the whole list is."""

    items: Sequence[Any]
    total: int


async def subjects(
    db: Connection, trial: str, sites: Sites, *, needs_signature: bool, skip: int, limit: int
) -> Listed:
    """Subjects, those first for whom something is to be done."""
    rows = await db.fetch(
        f"""
        SELECT s.*, count(*) OVER () AS every, {_TO_DO} AS to_do,
               (SELECT count(*) FROM adverse_event AS a
                WHERE a.trial = s.trial AND a.subject = s.subject) AS cases
        FROM subject AS s
        WHERE s.trial = $1 AND ($2::text[] IS NULL OR s.site = ANY($2))
        ORDER BY to_do DESC, s.subject LIMIT $4 OFFSET $5
        """,  # noqa: S608 - a constant of this file
        trial,
        sites,
        needs_signature,
        limit,
        skip,
    )
    return Listed([_subject(row) for row in rows], rows[0]["every"] if rows else 0)


async def to_sign(db: Connection, trial: str, sites: Sites) -> list[Subject]:
    """Eligible subjects without a signature, the longest waiting first."""
    rows = await db.fetch(
        """
        SELECT s.*, 0 AS cases FROM subject AS s
        WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2)) AND verdict = 'eligible'
          AND NOT signed AND NOT failed AND number IS NULL AND withdrew IS NULL AND died IS NULL
        ORDER BY screened_at, subject LIMIT 200
        """,
        trial,
        sites,
    )
    return [_subject(row) for row in rows]


async def liveliest(db: Connection, trials: Sequence[str]) -> str | None:
    """Of these trials the one whose newest screening is the newest; None before any."""
    found: str | None = await db.fetchval(
        """
        SELECT trial FROM subject WHERE trial = ANY($1::text[]) AND screened_at IS NOT NULL
        ORDER BY screened_at DESC LIMIT 1
        """,
        trials,
    )
    return found


async def stuck(db: Connection, trial: str, sites: Sites) -> list[Subject]:
    """Subjects that wait for their draw, and those refused."""
    rows = await db.fetch(
        """
        SELECT s.*, 0 AS cases FROM subject AS s
        WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2)) AND number IS NULL
          AND (waiting OR refused IS NOT NULL)
        ORDER BY waiting DESC, subject LIMIT 500
        """,
        trial,
        sites,
    )
    return [found for row in rows if (found := _subject(row)).waiting or found.refusal]


async def subject(db: Connection, trial: str, name: str) -> Subject | None:
    """One subject."""
    row = await db.fetchrow(
        """
        SELECT s.*, (SELECT count(*) FROM adverse_event AS a
                     WHERE a.trial = s.trial AND a.subject = s.subject) AS cases
        FROM subject AS s WHERE trial = $1 AND subject = $2
        """,
        trial,
        name,
    )
    return _subject(row) if row else None


# ---- enrolment -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """Subjects of one site and stratum."""

    site: str
    stratum: str | None
    screened: int
    randomized: int
    waiting: int
    refused: int


async def tallies(db: Connection, trial: str, sites: Sites) -> list[Tally]:
    """Figures by site and stratum."""
    rows = await db.fetch(
        """
        SELECT site, coalesce(drawn_stratum, stratum) AS stratum, count(*) AS screened,
               count(number) AS randomized,
               count(*) FILTER (WHERE waiting AND number IS NULL) AS waiting,
               count(*) FILTER (WHERE refused IS NOT NULL AND number IS NULL) AS refused
        FROM subject WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        trial,
        sites,
    )
    return [Tally(*row) for row in rows]


async def draws_by_day(db: Connection, trial: str, sites: Sites) -> list[tuple[date, int]]:
    """How many were randomized on each day (UTC) that had one."""
    rows = await db.fetch(
        """
        SELECT (randomized_at AT TIME ZONE 'UTC')::date AS day, count(*) AS number
        FROM subject WHERE trial = $1 AND number IS NOT NULL
          AND ($2::text[] IS NULL OR site = ANY($2))
        GROUP BY 1 ORDER BY 1
        """,
        trial,
        sites,
    )
    return [(row["day"], row["number"]) for row in rows]


async def trial_state(db: Connection, trial: str) -> tuple[str, str | None]:
    """Open, paused or closed, and what closed it."""
    row = await db.fetchrow("SELECT state, cause FROM trial WHERE trial = $1", trial)
    return (row["state"], row["cause"]) if row else ("open", None)


async def sites_open(db: Connection, trial: str) -> dict[str, bool]:
    """What was decided about sites; one that is not here is as its protocol says."""
    rows = await db.fetch("SELECT site, open FROM site WHERE trial = $1", trial)
    return {row["site"]: row["open"] for row in rows}


# ---- safety --------------------------------------------------------------------------------------


async def cases(
    db: Connection,
    trial: str,
    sites: Sites,
    *,
    only_serious: bool,
    subject: str | None,
    skip: int,
    limit: int,
) -> Listed:
    """Adverse events, the newest first."""
    rows = await db.fetch(
        """
        SELECT a.*, count(*) OVER () AS every, c.due, c.state AS clock_state
        FROM adverse_event AS a
        LEFT JOIN LATERAL (
            SELECT due, state FROM clock
            WHERE clock.trial = a.trial AND clock."case" = a."case"
              AND state IN ('running', 'overdue')
            ORDER BY due LIMIT 1
        ) AS c ON true
        WHERE a.trial = $1 AND ($2::text[] IS NULL OR a.site = ANY($2))
          AND (NOT $3 OR a.serious) AND ($4::text IS NULL OR a.subject = $4)
        ORDER BY a.reported_at DESC, a."case" DESC LIMIT $5 OFFSET $6
        """,
        trial,
        sites,
        only_serious,
        subject,
        limit,
        skip,
    )
    return Listed([dict(row) for row in rows], rows[0]["every"] if rows else 0)


async def clocks(
    db: Connection, trial: str, sites: Sites, *, case: str | None = None
) -> list[dict[str, Any]]:
    """Clocks that run or are over, by the time that is left; of one case all of them."""
    rows = await db.fetch(
        """
        SELECT * FROM clock
        WHERE trial = $1 AND ($2::text[] IS NULL OR site = ANY($2))
          AND CASE WHEN $3::text IS NULL THEN state IN ('running', 'overdue') ELSE "case" = $3 END
        ORDER BY due, clock LIMIT 500
        """,
        trial,
        sites,
        case,
    )
    return [dict(row) for row in rows]


# ---- alerts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """What of alerts somebody may see: those that call the role, of trials and sites in scope."""

    role: str
    trials: Sequence[str]
    sites: Sites


_ALERTS = """
    $1 = ANY(roles) AND trial = ANY($2::text[])
    AND ($3::text[] IS NULL OR site IS NULL OR site = ANY($3))
"""


async def alerts(
    db: Connection, scope: Scope, trial: str, *, done: bool, limit: int
) -> list[dict[str, Any]]:
    """A trial's alerts, open or done; the worst and then the newest first."""
    rows = await db.fetch(
        f"""
        SELECT * FROM alert WHERE {_ALERTS} AND trial = $4 AND (state <> 'open') = $5
        ORDER BY CASE WHEN $5 THEN 0 ELSE array_position('{{critical,high,info}}', severity) END,
                 raised_at DESC, alert LIMIT $6
        """,  # noqa: S608 - a constant of this file
        scope.role,
        scope.trials,
        scope.sites,
        trial,
        done,
        limit,
    )
    return [dict(row) for row in rows]


async def alert(db: Connection, scope: Scope, name: str) -> dict[str, Any] | None:
    """One alert."""
    row = await db.fetchrow(
        f"SELECT * FROM alert WHERE {_ALERTS} AND alert = $4",  # noqa: S608 - a constant
        scope.role,
        scope.trials,
        scope.sites,
        name,
    )
    return dict(row) if row else None


async def open_alerts(db: Connection, scope: Scope) -> dict[str, int]:
    """How many alerts are open, by trial."""
    rows = await db.fetch(
        f"""
        SELECT trial, count(*) AS number FROM alert WHERE {_ALERTS} AND state = 'open'
        GROUP BY trial
        """,  # noqa: S608 - a constant of this file
        scope.role,
        scope.trials,
        scope.sites,
    )
    return {row["trial"]: row["number"] for row in rows}


def _subject(row: asyncpg.Record) -> Subject:
    return Subject(**{name: row[name] for name in Subject.__dataclass_fields__})

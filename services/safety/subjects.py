"""What safety remembers of subjects: what events told of them, survival, withdrawals.

A subject's row is the lock of all its cases. Several are locked in the order of their keys.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from uuid_utils.compat import uuid7

from shared.contracts.subjects import SubjectId, TrialId
from shared.runtime.database import Connection

Named = tuple[TrialId, SubjectId]


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as events have told of it; `attempt` and `revision` are its newest screening's."""

    trial: TrialId
    id: SubjectId
    named: bool = False
    arm: str | None = None
    regimen: str | None = None
    attempt: int = 0
    revision: int = 0


async def lock(db: Connection, wanted: Iterable[Named]) -> dict[Named, Subject]:
    """The subjects, made where they are missing, locked in sorted order."""
    names = sorted(set(wanted))
    trials, subjects = [trial for trial, _ in names], [subject for _, subject in names]
    await db.execute(
        """
        INSERT INTO subject (trial, subject) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT DO NOTHING
        """,
        trials,
        subjects,
    )
    rows = await db.fetch(
        """
        SELECT trial, subject, named, arm, regimen, attempt, revision
        FROM subject JOIN unnest($1::text[], $2::text[]) AS wanted (trial, subject)
             USING (trial, subject)
        ORDER BY trial, subject FOR UPDATE OF subject
        """,
        trials,
        subjects,
    )
    found = (Subject(*row) for row in rows)
    return {(one.trial, one.id): one for one in found}


async def learn(db: Connection, subjects: Collection[Subject]) -> None:
    """What is known of these subjects now."""
    await db.execute(
        """
        UPDATE subject AS s SET named = n.named, arm = n.arm, regimen = n.regimen,
            attempt = n.attempt, revision = n.revision
        FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::int[],
                    $7::int[]) AS n (trial, subject, named, arm, regimen, attempt, revision)
        WHERE s.trial = n.trial AND s.subject = n.subject
        """,
        [one.trial for one in subjects],
        [one.id for one in subjects],
        [one.named for one in subjects],
        [one.arm for one in subjects],
        [one.regimen for one in subjects],
        [one.attempt for one in subjects],
        [one.revision for one in subjects],
    )


@dataclass(frozen=True, slots=True)
class Survival:
    """A subject was alive, or died, on this day at the site."""

    status: Literal["alive", "dead"]
    date: date
    cause: str | None = None


async def survivals(db: Connection, trial: TrialId, subject: SubjectId) -> Sequence[Survival]:
    """All that was reported of the subject's survival, in the order in which it came."""
    rows = await db.fetch(
        "SELECT status, date, cause FROM survival WHERE trial = $1 AND subject = $2 ORDER BY id",
        trial,
        subject,
    )
    return [Survival(*row) for row in rows]


async def add_survival(
    db: Connection, of: Named, survival: Survival, person: str, now: datetime
) -> None:
    """Keep one report of survival."""
    await db.execute(
        """
        INSERT INTO survival (id, trial, subject, status, date, cause, person, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        uuid7(),
        *of,
        survival.status,
        survival.date,
        survival.cause,
        person,
        now,
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A subject took back the consent, or left the treatment, on this day at the site."""

    withdrawn_from: Literal["consent", "treatment"]
    date: date
    reason: str


async def add_withdrawal(
    db: Connection, of: Named, withdrawal: Withdrawal, person: str, now: datetime
) -> bool:
    """Keep a withdrawal; False where this one was kept before."""
    made = await db.fetchval(
        """
        INSERT INTO withdrawal (id, trial, subject, withdrawn_from, date, reason, person, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (trial, subject, withdrawn_from) DO NOTHING RETURNING id
        """,
        uuid7(),
        *of,
        withdrawal.withdrawn_from,
        withdrawal.date,
        withdrawal.reason,
        person,
        now,
    )
    return made is not None

"""What the randomizer remembers beside its books: seeds, designs, lists, and what is read."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from services.randomizer.book import Trial
from services.randomizer.enrolment import Tally
from services.randomizer.replay import EarlierScheme, SchemeText
from services.randomizer.scheme import Scheme
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection

CREATE_TRIAL = """
INSERT INTO trial (trial, protocol_version, protocol_sha256, design_sha256, commitment, sealed_seed,
                   state, closed_by, randomized, arrivals, list_sha256, activated_at)
VALUES ($1, $2, $3, $4, $5, $6, 'open', NULL, 0, 0, NULL, $7)
ON CONFLICT (trial) DO NOTHING RETURNING trial
"""


async def create_trial(db: Connection, trial: Trial, sealed_seed: bytes, now: datetime) -> bool:
    """Keeps a new trial with its sealed seed; False where another process was first."""
    made = await db.fetchval(
        CREATE_TRIAL,
        trial.id,
        trial.protocol_version,
        trial.protocol_sha256,
        trial.design_sha256,
        trial.commitment,
        sealed_seed,
        now,
    )
    return made is not None


SEALED_SEED = "SELECT sealed_seed FROM trial WHERE trial = $1"


async def sealed_seed(db: Connection, trial: TrialId) -> bytes | None:
    """The seed as it is kept, None for a trial never activated."""
    sealed: bytes | None = await db.fetchval(SEALED_SEED, trial)
    return sealed


KEEP_SCHEME = """
INSERT INTO scheme (trial, protocol_version, after_number, design_sha256, randomization, strata,
                    activated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def keep_scheme(db: Connection, trial: Trial, scheme: Scheme, now: datetime) -> None:
    """Keeps the design of the version now in force, and after which draw it began."""
    await db.execute(
        KEEP_SCHEME,
        trial.id,
        trial.protocol_version,
        trial.randomized,
        scheme.sha256,
        json.dumps(scheme.section),
        json.dumps(scheme.strata),
        now,
    )


SCHEMES = """
SELECT protocol_version, randomization, strata,
       lead(after_number) OVER in_order AS until_number
FROM scheme WHERE trial = $1
WINDOW in_order AS (ORDER BY activated_at, after_number, protocol_version = $2)
ORDER BY activated_at, after_number, protocol_version = $2
"""


async def earlier_schemes(db: Connection, trial: Trial) -> list[EarlierScheme]:
    """The designs before that of the newest version, in order, each with the last number before
    the next one came into force.
    """
    return [
        EarlierScheme.model_validate(
            {
                "protocol_version": row["protocol_version"],
                "randomization": json.loads(row["randomization"]),
                "strata": json.loads(row["strata"]),
                "until_number": row["until_number"],
            }
        )
        for row in await db.fetch(SCHEMES, trial.id, trial.protocol_version)
        if row["protocol_version"] != trial.protocol_version
    ]


EVERY_SCHEME = "SELECT protocol_version, randomization, strata FROM scheme WHERE trial = $1"


async def schemes(db: Connection, trial: TrialId) -> dict[str, Scheme]:
    """Every design that was in force, by protocol version."""
    return {
        row["protocol_version"]: SchemeText.model_validate(
            {
                "protocol_version": row["protocol_version"],
                "randomization": json.loads(row["randomization"]),
                "strata": json.loads(row["strata"]),
            }
        ).scheme()
        for row in await db.fetch(EVERY_SCHEME, trial)
    }


LIST = "SELECT csv FROM allocation_list WHERE trial = $1"

KEEP_LIST = """
INSERT INTO allocation_list (trial, sha256, csv, loaded_by, loaded_at) VALUES ($1, $2, $3, $4, $5)
"""


async def list_text(db: Connection, trial: TrialId) -> str | None:
    """The loaded list as uploaded, None before."""
    text: str | None = await db.fetchval(LIST, trial)
    return text


async def keep_list(
    db: Connection, trial: TrialId, sha256: str, text: str, person: str, now: datetime
) -> None:
    """Keeps the list of a trial, once."""
    await db.execute(KEEP_LIST, trial, sha256, text, person, now)


ASK_OPENING = """
INSERT INTO seed_opening (trial, person, reason, asked_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (trial, person) DO NOTHING
"""

ASKED = "SELECT person FROM seed_opening WHERE trial = $1 ORDER BY asked_at, person"


async def ask_opening(
    db: Connection, trial: TrialId, person: str, reason: str, now: datetime
) -> tuple[list[str], bool]:
    """Everyone who asked for the seed, first to last, and whether this person is new among them.

    Lock the trial before.
    """
    status = await db.execute(ASK_OPENING, trial, person, reason, now)
    return await openers(db, trial), bool(status.endswith(" 1"))


async def openers(db: Connection, trial: TrialId) -> list[str]:
    """Everyone who asked for the seed, first to last."""
    return [row["person"] for row in await db.fetch(ASKED, trial)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the allocation list as it is read; the arm is for those who may see it.

    ``treatment_code`` stands for the arm of a masked draw; None: it was told openly.
    """

    subject: SubjectId
    site: SiteId
    number: int
    stratum: str
    arm: str = field(repr=False)
    at: datetime
    treatment_code: str | None = None
    protocol_version: str = ""


ALLOCATIONS = """
SELECT subject, site, number, stratum, arm, drawn_at, treatment_code, protocol_version
FROM allocation
WHERE trial = $1 AND number > $2 AND ($3::text[] IS NULL OR site = ANY($3)) ORDER BY number LIMIT $4
"""


async def allocations(
    db: Connection, trial: TrialId, after: int, limit: int, sites: Collection[SiteId] | None = None
) -> list[Entry]:
    """Up to ``limit`` draws after number ``after``; ``sites`` None: of all sites."""
    only = None if sites is None else list(sites)
    return [Entry(*row.values()) for row in await db.fetch(ALLOCATIONS, trial, after, only, limit)]


ALLOCATION = """
SELECT subject, site, number, stratum, arm, drawn_at, treatment_code, protocol_version
FROM allocation
WHERE trial = $1 AND subject = $2
"""


async def allocation_of(db: Connection, trial: TrialId, subject: SubjectId) -> Entry | None:
    """The draw of a subject, None before it."""
    row = await db.fetchrow(ALLOCATION, trial, subject)
    return None if row is None else Entry(*row.values())


TALLIES = """
SELECT site, stratum, sum(randomized)::int, sum(waiting)::int, sum(refused)::int FROM (
    SELECT site, stratum, randomized, 0 AS waiting, 0 AS refused FROM cell WHERE trial = $1
    UNION ALL
    SELECT site, stratum, 0, count(*) FILTER (WHERE standing = 'waiting'),
           count(*) FILTER (WHERE standing = 'refused')
    FROM subject WHERE trial = $1 AND standing IN ('waiting', 'refused') GROUP BY site, stratum
) AS parts (site, stratum, randomized, waiting, refused)
GROUP BY site, stratum ORDER BY site, stratum
"""


async def tallies(db: Connection, trial: TrialId) -> list[Tally]:
    """Who is randomized, waits or was refused, by site and stratum."""
    return [Tally(*row.values()) for row in await db.fetch(TALLIES, trial)]


TRIAL = """
SELECT trial, protocol_version, protocol_sha256, design_sha256, commitment, state, closed_by,
       randomized, arrivals, list_sha256
FROM trial WHERE trial = $1
"""


async def trial_now(db: Connection, trial: TrialId) -> Trial | None:
    """The trial as it stands, not locked."""
    row = await db.fetchrow(TRIAL, trial)
    return None if row is None else Trial(*row.values())


ARMS = """
SELECT stratum, arm, count(*)::int AS n FROM allocation WHERE trial = $1 GROUP BY stratum, arm
"""


async def arms(db: Connection, trial: TrialId) -> dict[str, dict[str, int]]:
    """How many by stratum and arm."""
    counted: dict[str, dict[str, int]] = {}
    for row in await db.fetch(ARMS, trial):
        counted.setdefault(row["stratum"], {})[row["arm"]] = row["n"]
    return counted

"""The values that draws went by, as they are kept with them: a replay needs no more than these.

Sites and strata stand in every allocation. What comes beside them are the factors that a screening
brought, and only those.
"""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from services.randomizer import records
from services.randomizer.predictability import Past
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection

CARRY = "SELECT number, carry FROM allocation WHERE trial = $1 AND number = ANY($2::int[])"


async def went_by(
    db: Connection, trial: TrialId, numbers: Sequence[int]
) -> dict[int, dict[str, JsonValue]]:
    """By number, the carried factors of the draw; nothing where no version has such factors."""
    schemes = await records.schemes(db, trial)
    carried = sorted({name for scheme in schemes.values() for name in scheme.carried})
    if not carried:
        return {}
    kept = {
        row["number"]: json.loads(row["carry"]) for row in await db.fetch(CARRY, trial, numbers)
    }
    return {number: {name: of.get(name) for name in carried} for number, of in kept.items()}


PAST = """
SELECT subject, stratum, arm, protocol_version, carry FROM allocation
WHERE trial = $1 ORDER BY number
"""


async def past(db: Connection, trial: TrialId) -> list[Past]:
    """Every draw of the trial in order, with what it went by."""
    return [
        Past(
            row["subject"],
            row["stratum"],
            row["arm"],
            row["protocol_version"],
            json.loads(row["carry"]),
        )
        for row in await db.fetch(PAST, trial)
    ]

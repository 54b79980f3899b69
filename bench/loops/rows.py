"""One batch's rows, written by the statements of the platform and by nothing around them.

What the platform checks, decides and derives is left out: types, envelopes, gaps and repeats, caps,
the seed's draw. What it keeps is the same, row by row and statement by statement.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.randomizer import store

IN, OUT = "trialops.screening", "trialops.randomization"
ARMS = {"le4": ("DCN", "RT", "SOC"), "gt4": ("DCN", "SOC")}

Db = Any  # asyncpg's stubs cannot tell a pool's connection from another
Raw = tuple[bytes, bytes, Sequence[tuple[str, bytes]]]
"""Key, value and headers of a record."""

LOCK_MARKS = """
SELECT key, sequence, ce_id, parked, above FROM watermark
WHERE topic = $1 AND key = ANY($2::text[]) ORDER BY key FOR UPDATE
"""
MAKE_MARKS = """
INSERT INTO watermark (topic, key, sequence, ce_id)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::uuid[])
ON CONFLICT (topic, key) DO UPDATE SET sequence = excluded.sequence, ce_id = excluded.ce_id
"""
PUT = """
WITH drawn AS (
    INSERT INTO sequence AS s (topic, key, last)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
    ON CONFLICT (topic, key) DO UPDATE SET last = s.last + EXCLUDED.last
    RETURNING s.topic, s.key, s.last
)
INSERT INTO outbox (topic, key, sequence, headers, value)
SELECT r.topic, r.key, drawn.last, r.headers, r.value
FROM unnest($1::text[], $2::text[], $4::text[], $5::bytea[]) AS r (topic, key, headers, value)
JOIN drawn USING (topic, key)
"""
NEXT = "SELECT id, topic, key, sequence, headers, value FROM outbox ORDER BY id LIMIT $1"
DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"


@dataclass
class Trials:
    """Where the trials stand, as the loop alone knows: it reads them all the same."""

    drawn: Counter[tuple[str, str]] = field(default_factory=Counter)
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)


async def apply(db: Db, trials: Trials, batch: Sequence[Raw]) -> None:
    """Watermarks, subjects, allocations and outbox of one batch, in one transaction."""
    records = sorted(
        (
            (key.decode(), json.loads(value), {name: text.decode() for name, text in headers})
            for key, value, headers in batch
        ),
        key=lambda record: record[0],
    )
    now = datetime.now(UTC)
    keys = [key for key, _, _ in records]
    async with db.transaction():
        await db.fetch(LOCK_MARKS, IN, keys)
        locked = await db.fetch(store.LOCK_TRIALS, sorted({h["ce_trial"] for _, _, h in records}))
        names = [row["trial"] for row in locked]
        of = [headers["ce_trial"] for _, _, headers in records]
        await db.fetch(store.SUBJECTS, of, [data["subject"] for _, data, _ in records])
        await db.fetch(store.SITES, names)
        await db.fetch(store.STRATA, names)
        at = sorted(
            {(trial, data["site"]) for trial, (_, data, _) in zip(of, records, strict=True)}
        )
        await db.fetch(store.CELLS, [trial for trial, _ in at], [site for _, site in at])
        draws = [_draw(trials, *record) for record in records]
        await _write(db, trials, locked, draws, now)
        await db.execute(
            MAKE_MARKS,
            IN,
            keys,
            [int(headers["ce_sequence"]) for _, _, headers in records],
            [UUID(headers["ce_id"]) for _, _, headers in records],
        )
        await db.execute(
            PUT,
            [OUT] * len(keys),
            keys,
            [1] * len(keys),
            [json.dumps(_headers(headers, now)) for _, _, headers in records],
            [_value(draw) for draw in draws],
        )


Draw = tuple[str, int, str, dict[str, Any]]
"""Trial, number, arm, and the screening's data."""


def _draw(trials: Trials, _key: str, data: dict[str, Any], headers: dict[str, str]) -> Draw:
    trial, site, stratum = headers["ce_trial"], data["site"], data["stratum"]
    trials.numbers[trial] += 1
    trials.drawn[trial, stratum] += 1
    trials.cells[trial, site, stratum] += 1
    arms = ARMS[stratum]
    return trial, trials.numbers[trial], arms[trials.drawn[trial, stratum] % len(arms)], data


async def _write(
    db: Db,
    trials: Trials,
    locked: Sequence[asyncpg.Record],
    draws: Sequence[Draw],
    now: datetime,
) -> None:
    await db.execute(
        store.SAVE_TRIALS,
        [row["trial"] for row in locked],
        [row["protocol_version"] for row in locked],
        [row["protocol_sha256"] for row in locked],
        [row["design_sha256"] for row in locked],
        [row["state"] for row in locked],
        [row["closed_by"] for row in locked],
        [trials.numbers[row["trial"]] for row in locked],
        [row["arrivals"] for row in locked],
        [row["list_sha256"] for row in locked],
    )
    strata = sorted({(trial, data["stratum"]) for trial, _, _, data in draws})
    await db.execute(
        store.SAVE_STRATA,
        [trial for trial, _ in strata],
        [stratum for _, stratum in strata],
        [trials.drawn[at] for at in strata],
    )
    await db.execute(
        store.SAVE_PARTS,
        [trial for trial, _ in strata],
        [stratum for _, stratum in strata],
        ["0" * 64] * len(strata),
        ["{6,1,1,1}"] * len(strata),
    )
    cells = sorted({(trial, data["site"], data["stratum"]) for trial, _, _, data in draws})
    await db.execute(
        store.SAVE_CELLS,
        [trial for trial, _, _ in cells],
        [site for _, site, _ in cells],
        [stratum for _, _, stratum in cells],
        [trials.cells[at] for at in cells],
    )
    carry = [json.dumps(data["carry"]) for _, _, _, data in draws]
    column = {name: [data[name] for _, _, _, data in draws] for name in draws[0][3]}
    named = [trial for trial, _, _, _ in draws]
    numbers = [number for _, number, _, _ in draws]
    none, size = [None] * len(draws), len(draws)
    await db.execute(
        store.SAVE_SUBJECTS,
        *(named, column["subject"], column["site"], ["randomized"] * size, column["screening"]),
        *(column["attempt"], column["revision"], column["signed"], column["verdict"]),
        *(column["stratum"], column["protocol_version"], column["form_sha256"], carry),
        *(none, none, [False] * size, numbers, column["stratum"]),
    )
    await db.execute(
        store.SAVE_ALLOCATIONS,
        *(named, numbers, column["subject"], column["site"], column["stratum"]),
        *([arm for _, _, arm, _ in draws], column["protocol_version"], column["screening"]),
        *(column["attempt"], column["revision"], column["form_sha256"], carry, none, now),
    )


def _headers(cause: dict[str, str], now: datetime) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": str(uuid7()),
        "ce_source": "/trialops/randomizer",
        "ce_type": "trialops.PatientRandomized.v1",
        "ce_time": now.isoformat(),
        "ce_subject": cause["ce_subject"],
        "ce_trial": cause["ce_trial"],
        "ce_site": cause["ce_site"],
        "ce_actor": "randomizer",
        "ce_causationid": cause["ce_id"],
        "content-type": "application/json",
    }


def _value(draw: Draw) -> bytes:
    _, number, arm, data = draw
    said = {name: data[name] for name in ("subject", "site", "stratum", "protocol_version")}
    return json.dumps({**said, "number": number, "arm": arm}).encode()

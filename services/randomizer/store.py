"""What the randomizer remembers of its decisions: locked and read as books, written set by set.

A batch costs a fixed number of statements, however many subjects it names. All functions work in
the caller's transaction.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg
from pydantic import JsonValue, TypeAdapter

from services.randomizer.book import Book, Decision, Drawn, Subject, Trial
from services.randomizer.designs.design import State
from services.randomizer.scheme import StratumState
from shared.contracts.subjects import SiteId, SubjectId, TrialId
from shared.runtime.database import Connection

_CARRY = TypeAdapter(dict[str, JsonValue])

LOCK_TRIALS = """
SELECT trial, protocol_version, protocol_sha256, design_sha256, commitment, state, closed_by,
       randomized, arrivals, list_sha256
FROM trial WHERE trial = ANY($1::text[]) ORDER BY trial FOR UPDATE
"""


async def lock_trials(db: Connection, trials: Iterable[TrialId]) -> dict[TrialId, Trial]:
    """The trials, locked in sorted order until the transaction ends; unknown ones are left out."""
    rows = await db.fetch(LOCK_TRIALS, sorted(set(trials)))
    return {row["trial"]: Trial(row["trial"], *list(row.values())[1:]) for row in rows}


SITES = "SELECT trial, site, open FROM site WHERE trial = ANY($1::text[]) ORDER BY trial, site"

STRATA = """
SELECT trial, stratum, drawn, part, state FROM stratum JOIN part USING (trial, stratum)
WHERE trial = ANY($1::text[])
"""

CELLS = """
SELECT trial, site, stratum, randomized
FROM unnest($1::text[], $2::text[]) AS named (trial, site) JOIN cell USING (trial, site)
"""

ALL_CELLS = "SELECT trial, site, stratum, randomized FROM cell WHERE trial = ANY($1::text[])"

# Each by the primary key, by LIMIT: a join would be planned to read the whole table while it is
# small, and on some connections for long after.
SUBJECTS = """
SELECT known.* FROM unnest($1::text[], $2::text[]) AS named (trial, subject)
CROSS JOIN LATERAL (
    SELECT trial, subject, site, standing, screening, attempt, revision, signed, verdict, stratum,
           protocol_version, form_sha256, carry, arrival, refusal, withdrawn, number, drawn_in
    FROM subject AS s WHERE s.trial = named.trial AND s.subject = named.subject LIMIT 1
) AS known
"""

WAITING = """
SELECT trial, subject, site, standing, screening, attempt, revision, signed, verdict, stratum,
       protocol_version, form_sha256, carry, arrival, refusal, withdrawn, number, drawn_in
FROM subject WHERE trial = ANY($1::text[]) AND standing = 'waiting'
"""


async def load(
    db: Connection,
    wanted: Mapping[TrialId, Collection[tuple[SubjectId, SiteId]]],
    *,
    whole: bool = False,
) -> dict[TrialId, Book]:
    """The trials' books, locked, with the subjects named and the draws at their sites.

    ``whole``: for what concerns the whole trial, with all who wait and the draws of every site. A
    trial that was never activated has no book.
    """
    trials = await lock_trials(db, wanted)
    known = list(trials)
    named = [(trial, subject) for trial in known for subject, _ in wanted[trial]]
    rows = await db.fetch(SUBJECTS, *zip(*named, strict=True)) if named else []
    if whole:
        rows += await db.fetch(WAITING, known)
    subjects: dict[TrialId, dict[SubjectId, Subject]] = {trial: {} for trial in known}
    for row in rows:
        subjects[row["trial"]][row["subject"]] = _subject(row)
    at = {(trial, site) for trial in known for _, site in wanted[trial]}
    at |= {(trial, who.site) for trial, of in subjects.items() for who in of.values()}
    sites: dict[TrialId, dict[SiteId, bool]] = {trial: {} for trial in known}
    for row in await db.fetch(SITES, known):
        sites[row["trial"]][row["site"]] = row["open"]
    strata: dict[TrialId, dict[str, StratumState]] = {trial: {} for trial in known}
    for row in await db.fetch(STRATA, known):
        of = strata[row["trial"]]
        before = of.get(row["stratum"], StratumState(row["drawn"], {}))
        states = {**before.states, row["part"]: tuple(row["state"])}
        of[row["stratum"]] = StratumState(row["drawn"], states)
    cells: dict[TrialId, dict[tuple[SiteId, str], int]] = {trial: {} for trial in known}
    if whole:
        counted = await db.fetch(ALL_CELLS, known)
    else:
        counted = await db.fetch(CELLS, *zip(*sorted(at), strict=True)) if at else []
    for row in counted:
        cells[row["trial"]][row["site"], row["stratum"]] = row["randomized"]
    return {
        trial: Book(state, sites[trial], strata[trial], cells[trial], subjects[trial])
        for trial, state in trials.items()
    }


SAVE_TRIALS = """
UPDATE trial SET
    protocol_version = new.protocol_version, protocol_sha256 = new.protocol_sha256,
    design_sha256 = new.design_sha256, state = new.state, closed_by = new.closed_by,
    randomized = new.randomized, arrivals = new.arrivals, list_sha256 = new.list_sha256
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
            $8::int[], $9::text[])
    AS new (trial, protocol_version, protocol_sha256, design_sha256, state, closed_by,
            randomized, arrivals, list_sha256)
WHERE trial.trial = new.trial
"""

SAVE_SITES = """
INSERT INTO site (trial, site, open) SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[])
ON CONFLICT (trial, site) DO UPDATE SET open = excluded.open
"""

SAVE_STRATA = """
INSERT INTO stratum (trial, stratum, drawn) SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
ON CONFLICT (trial, stratum) DO UPDATE SET drawn = excluded.drawn
"""

# A state is sent as the text of an array: unnest would take an array of arrays apart.
SAVE_PARTS = """
INSERT INTO part (trial, stratum, part, state)
SELECT trial, stratum, part, state::bigint[]
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS new (trial, stratum, part, state)
ON CONFLICT (trial, stratum, part) DO UPDATE SET state = excluded.state
"""

SAVE_CELLS = """
INSERT INTO cell (trial, site, stratum, randomized)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[])
ON CONFLICT (trial, site, stratum) DO UPDATE SET randomized = excluded.randomized
"""

SAVE_SUBJECTS = """
INSERT INTO subject (trial, subject, site, standing, screening, attempt, revision, signed, verdict,
                     stratum, protocol_version, form_sha256, carry, arrival, refusal, withdrawn,
                     number, drawn_in)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[],
                     $7::int[], $8::boolean[], $9::text[], $10::text[], $11::text[], $12::text[],
                     $13::text[], $14::int[], $15::text[], $16::boolean[], $17::int[], $18::text[])
ON CONFLICT (trial, subject) DO UPDATE SET
    standing = excluded.standing, screening = excluded.screening, attempt = excluded.attempt,
    revision = excluded.revision, signed = excluded.signed, verdict = excluded.verdict,
    stratum = excluded.stratum, protocol_version = excluded.protocol_version,
    form_sha256 = excluded.form_sha256, carry = excluded.carry, arrival = excluded.arrival,
    refusal = excluded.refusal, withdrawn = excluded.withdrawn, number = excluded.number,
    drawn_in = excluded.drawn_in
"""

SAVE_ALLOCATIONS = """
INSERT INTO allocation (trial, number, subject, site, stratum, arm, protocol_version, screening,
                        attempt, revision, form_sha256, carry, treatment_code, drawn_at)
SELECT *, $14::timestamptz
FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::int[], $10::int[], $11::text[], $12::text[], $13::text[])
"""


async def save(db: Connection, decisions: Sequence[Decision], now: datetime) -> None:
    """Writes what the decisions changed; an allocation can only be added."""
    books = [(made, made.book) for made in decisions]
    await _write(
        db,
        SAVE_TRIALS,
        [
            (
                of.id,
                of.protocol_version,
                of.protocol_sha256,
                of.design_sha256,
                of.state,
                of.closed_by,
                of.randomized,
                of.arrivals,
                of.list_sha256,
            )
            for of in (book.trial for _, book in books)
        ],
    )
    await _write(
        db,
        SAVE_SITES,
        [(b.trial.id, site, b.sites[site]) for made, b in books for site in sorted(made.sites)],
    )
    await _write(
        db,
        SAVE_STRATA,
        [
            (b.trial.id, name, b.strata[name].drawn)
            for made, b in books
            for name in sorted(made.strata)
        ],
    )
    await _write(
        db,
        SAVE_PARTS,
        [
            (b.trial.id, name, part, _array(state))
            for made, b in books
            for name in sorted(made.strata)
            for part, state in sorted(b.strata[name].states.items())
        ],
    )
    await _write(
        db,
        SAVE_CELLS,
        [(b.trial.id, *cell, b.cells[cell]) for made, b in books for cell in sorted(made.cells)],
    )
    await _write(
        db,
        SAVE_SUBJECTS,
        [
            _subject_row(b.trial.id, b.subjects[who])
            for made, b in books
            for who in sorted(made.subjects)
        ],
    )
    await _write(
        db,
        SAVE_ALLOCATIONS,
        [
            (
                book.trial.id,
                made.number,
                made.subject,
                made.site,
                made.stratum,
                made.arm,
                made.protocol_version,
                made.screening,
                made.attempt,
                made.revision,
                made.form_sha256,
                _json(made.carry),
                made.treatment_code,
            )
            for decision, book in books
            for made in decision.allocations
        ],
        now,
    )


async def _write(
    db: Connection,
    sql: str,
    rows: Sequence[tuple[object, ...]],
    *more: object,
) -> None:
    if rows:
        await db.execute(sql, *zip(*rows, strict=True), *more)


def _json(carry: Mapping[str, JsonValue]) -> str:
    return _CARRY.dump_json(dict(carry)).decode()


def _array(state: State) -> str:
    return "{" + ",".join(map(str, state)) + "}"


def _subject(row: asyncpg.Record) -> Subject:
    number = row["number"]
    return Subject(
        id=row["subject"],
        site=row["site"],
        standing=row["standing"],
        screening=row["screening"],
        attempt=row["attempt"],
        revision=row["revision"],
        signed=row["signed"],
        verdict=row["verdict"],
        stratum=row["stratum"],
        protocol_version=row["protocol_version"],
        form_sha256=row["form_sha256"],
        carry=json.loads(row["carry"]),
        arrival=row["arrival"],
        refusal=row["refusal"],
        withdrawn=row["withdrawn"],
        drawn=None if number is None else Drawn(number, row["drawn_in"]),
    )


def _subject_row(trial: TrialId, who: Subject) -> tuple[object, ...]:
    return (
        trial,
        who.id,
        who.site,
        who.standing,
        who.screening,
        who.attempt,
        who.revision,
        who.signed,
        who.verdict,
        who.stratum,
        who.protocol_version,
        who.form_sha256,
        _json(who.carry),
        who.arrival,
        who.refusal,
        who.withdrawn,
        who.drawn and who.drawn.number,
        who.drawn and who.drawn.stratum,
    )

"""What safety remembers of cases: each one's facts in their order, and how it stands, set by set.

A case is rebuilt from its facts, which are never changed; the rows of `adverse_event` and `clock`
are how it stood after the last of them, for lists.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from uuid import UUID

import asyncpg

from services.safety import archive, domain
from services.safety.archive import Filed, Kept
from services.safety.rules import SafetyRules
from services.safety.subjects import Named
from shared.contracts.subjects import TrialId
from shared.contracts.versions import ByTime
from shared.runtime import timers
from shared.runtime.database import Connection
from shared.runtime.timers import Timer

Rules = Mapping[TrialId, ByTime[SafetyRules]]

TIMER = "case"


async def whose(db: Connection, cases: Collection[UUID]) -> dict[UUID, Named]:
    """The trial and subject of each case that there is."""
    rows = await db.fetch(
        "SELECT id, trial, subject FROM adverse_event WHERE id = ANY($1::uuid[])", cases
    )
    return {row["id"]: (row["trial"], row["subject"]) for row in rows}


async def of_subjects(db: Connection, subjects: Collection[Named]) -> list[UUID]:
    """The cases of these subjects, in the order in which they were reported."""
    rows = await db.fetch(
        """
        SELECT id FROM adverse_event JOIN unnest($1::text[], $2::text[]) AS wanted (trial, subject)
               USING (trial, subject)
        ORDER BY id
        """,
        [trial for trial, _ in subjects],
        [subject for _, subject in subjects],
    )
    return [row["id"] for row in rows]


async def load(db: Connection, rules: Rules, cases: Collection[UUID]) -> list[Filed]:
    """These cases in the order of their ids; LookupError where no protocol of one is here."""
    if not cases:
        return []
    heads = await db.fetch(
        "SELECT id, trial, subject, told_until FROM adverse_event WHERE id = ANY($1::uuid[])"
        " ORDER BY id",
        cases,
    )
    rows = await db.fetch(
        "SELECT adverse_event, kind, body, person, at FROM fact"
        " WHERE adverse_event = ANY($1::uuid[]) ORDER BY adverse_event, nth",
        cases,
    )
    kept = {name: list(some) for name, some in groupby(rows, lambda row: row["adverse_event"])}
    return [_filed(rules, head, kept[head["id"]]) for head in heads]


def _filed(rules: Rules, head: asyncpg.Record, rows: Sequence[asyncpg.Record]) -> Filed:
    trial: TrialId = head["trial"]
    if trial not in rules:
        raise LookupError("no protocol of this trial is here")
    read = [archive.read(Kept(row["kind"], row["body"]), row["at"]) for row in rows]
    case = domain.rebuild(rules[trial], str(head["id"]), head["subject"], read, head["told_until"])
    return Filed(trial, case, tuple(row["person"] for row in rows))


async def save(db: Connection, changes: Sequence[tuple[Filed | None, Filed]]) -> None:
    """Each case as it was, None for a new one, and as it is: new facts, its state, its timer."""
    after = [filed for _, filed in changes]
    await _save_heads(db, after)
    await _add_facts(db, changes)
    await _save_clocks(db, after)
    await timers.put(
        db, [Timer(TIMER, one.case.id, one.case.next_at) for one in after if one.case.next_at]
    )
    await timers.cancel(db, TIMER, [one.case.id for one in after if one.case.next_at is None])


async def _save_heads(db: Connection, after: Sequence[Filed]) -> None:
    cases = [one.case for one in after]
    newest = [one.newest.report for one in cases]
    await db.execute(
        """
        INSERT INTO adverse_event (id, trial, subject, site, version, matched, term, onset_date,
            grade, severity, serious, seriousness, susar, outcome, reported_at, told_until)
        SELECT id, trial, subject, site, version, matched, term, onset_date, grade, severity,
            serious, seriousness::text[], susar, outcome, reported_at, told_until
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::boolean[],
                    $7::text[], $8::text[], $9::int[], $10::text[], $11::boolean[], $12::text[],
                    $13::boolean[], $14::text[], $15::timestamptz[], $16::timestamptz[])
             AS n (id, trial, subject, site, version, matched, term, onset_date, grade, severity,
                   serious, seriousness, susar, outcome, reported_at, told_until)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, matched = excluded.matched,
            term = excluded.term, onset_date = excluded.onset_date, grade = excluded.grade,
            severity = excluded.severity, serious = excluded.serious,
            seriousness = excluded.seriousness, susar = excluded.susar,
            outcome = excluded.outcome, told_until = excluded.told_until
        """,
        [UUID(one.id) for one in cases],
        [one.trial for one in after],
        [one.subject for one in cases],
        [one.site for one in cases],
        [one.version for one in cases],
        [one.matched for one in cases],
        [one.term for one in newest],
        [one.form.get("onset_date") for one in newest],
        [one.grade for one in newest],
        [one.severity for one in newest],
        [one.serious for one in cases],
        # As the text of an array: unnest would take an array of arrays apart.
        ["{" + ",".join(one.seriousness) + "}" for one in newest],
        [one.susar for one in cases],
        [one.outcome for one in newest],
        [one.versions[0].at for one in cases],
        [one.told_until for one in cases],
    )


async def _add_facts(db: Connection, changes: Sequence[tuple[Filed | None, Filed]]) -> None:
    new = [
        (UUID(after.case.id), nth + 1, archive.write(fact), after.people[nth], fact.at)
        for before, after in changes
        for nth, fact in enumerate(after.case.facts)
        if before is None or nth >= len(before.people)
    ]
    if new:
        await db.execute(
            """
            INSERT INTO fact (adverse_event, nth, kind, body, person, at)
            SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[],
                                 $6::timestamptz[])
            """,
            [case for case, *_ in new],
            [nth for _, nth, *_ in new],
            [kept.kind for _, _, kept, *_ in new],
            [kept.body for _, _, kept, *_ in new],
            [person for *_, person, _ in new],
            [at for *_, at in new],
        )


async def _save_clocks(db: Connection, after: Sequence[Filed]) -> None:
    clocks = [(one, clock, nth + 1) for one in after for nth, clock in enumerate(one.case.clocks)]
    if clocks:
        await db.execute(
            """
            INSERT INTO clock (id, adverse_event, nth, trial, subject, site, kind, authority,
                day_zero, due, version, since, told, stopped_at, cancelled_at)
            SELECT id, adverse_event, nth, trial, subject, site, kind, authority, day_zero, due,
                version, since, told::text[], stopped_at, cancelled_at
            FROM unnest($1::text[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[],
                        $7::text[], $8::text[], $9::date[], $10::timestamptz[], $11::int[],
                        $12::timestamptz[], $13::text[], $14::timestamptz[], $15::timestamptz[])
                 AS n (id, adverse_event, nth, trial, subject, site, kind, authority, day_zero,
                       due, version, since, told, stopped_at, cancelled_at)
            ON CONFLICT (adverse_event, nth) DO UPDATE SET told = excluded.told,
                stopped_at = excluded.stopped_at, cancelled_at = excluded.cancelled_at
            """,
            [clock.id for _, clock, _ in clocks],
            [UUID(one.case.id) for one, _, _ in clocks],
            [nth for _, _, nth in clocks],
            [one.trial for one, _, _ in clocks],
            [one.case.subject for one, _, _ in clocks],
            [one.case.site for one, _, _ in clocks],
            [clock.duty.kind for _, clock, _ in clocks],
            [clock.duty.authority for _, clock, _ in clocks],
            [clock.duty.day_zero for _, clock, _ in clocks],
            [clock.duty.due for _, clock, _ in clocks],
            [clock.version for _, clock, _ in clocks],
            [clock.since for _, clock, _ in clocks],
            ["{" + ",".join(clock.told) + "}" for _, clock, _ in clocks],
            [clock.stopped_at for _, clock, _ in clocks],
            [clock.cancelled_at for _, clock, _ in clocks],
        )

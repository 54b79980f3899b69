"""The randomizer's memory on a real PostgreSQL: what is written is read again."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from services.randomizer import records, store
from services.randomizer.activation import activate
from services.randomizer.allocation_list import parse
from services.randomizer.book import Book
from services.randomizer.domain import decide
from services.randomizer.enrolment import enrolment
from services.randomizer.facts import Fact, Pause, Resume
from services.randomizer.replay import opening, read, replay
from services.randomizer.rules import Rules
from services.randomizer.seed import unseal
from services.randomizer.treatment_code import treatment_code
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId
from shared.runtime.database import Connection
from tests.integration.databases import Database, database
from tests.unit.randomizer.made import TRIAL, rules, screened

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = bytes(32)


@pytest.fixture
async def randomizer(postgres: str) -> AsyncIterator[Database]:
    """A migrated database of this test's own."""
    async with database(postgres, "randomizer") as addresses:
        yield addresses


@pytest.fixture
def owner(randomizer: Database) -> str:
    """Its address as its owner."""
    return randomizer.owner


@pytest.fixture
async def db(randomizer: Database) -> AsyncIterator[Connection]:
    """A connection as the service's own role."""
    connection = await asyncpg.connect(
        randomizer.service, server_settings={"search_path": "randomizer"}
    )
    yield connection
    await connection.close()


async def begin(db: Connection, by: Rules) -> None:
    """Activates the trial, as the service does at its start."""
    decision = activate(by, None)
    assert decision is not None
    sealed = by.seed.seal(KEY, bytes(12))
    async with db.transaction():
        assert await records.create_trial(db, decision.book.trial, sealed, NOW)
        await records.keep_scheme(db, decision.book.trial, by.plan.scheme, NOW)
        await store.save(db, [decision], NOW)
    assert not await records.create_trial(db, decision.book.trial, sealed, NOW)


async def batch(db: Connection, by: Rules, *facts: Fact, whole: bool = False) -> Book:
    """Lock, load, decide, save: as the handler does."""
    named = [
        (SubjectId(fact.subject), SiteId(fact.site))
        for fact in facts
        if isinstance(fact, PatientScreened | ScreeningFailed)
    ]
    async with db.transaction():
        books = await store.load(db, {TRIAL: named}, whole=whole)
        decision = decide(by, books[TRIAL], facts)
        await store.save(db, [decision], NOW)
    return decision.book


async def test_a_batch_looks_its_subjects_up_however_few_there_are(db: Connection) -> None:
    by = rules(target=None)
    await begin(db, by)
    subjects = [screened(n) for n in range(1, 301)]
    await batch(db, by, *subjects)
    named = [TRIAL] * len(subjects), [fact.subject for fact in subjects]
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {store.SUBJECTS}", *named))
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


async def test_what_is_saved_is_loaded(db: Connection) -> None:
    by = rules(target=5)
    await begin(db, by)
    facts = [screened(n, stratum="le4" if n % 2 else "gt4") for n in range(1, 4)]
    facts.append(screened(4, verdict="incomplete", stratum=None, site="IT002"))
    saved = await batch(db, by, *facts)
    named = [(SubjectId(fact.subject), SiteId(fact.site)) for fact in facts]
    async with db.transaction():
        loaded = (await store.load(db, {TRIAL: named}))[TRIAL]
    assert loaded == saved
    assert unseal(TRIAL, await records.sealed_seed(db, TRIAL) or b"", KEY) == by.seed


async def test_who_waits_comes_with_a_command(db: Connection) -> None:
    by = rules()
    await begin(db, by)
    await batch(db, by, Pause(), screened(2), screened(1))
    tallied = enrolment(by.plan, "paused", await records.tallies(db, TRIAL))
    assert (tallied.total.waiting, tallied.sites[SiteId("IT001")].waiting) == (2, 2)
    book = await batch(db, by, Resume(), whole=True)
    drawn = {who.drawn.number: who.id for who in book.subjects.values() if who.drawn}
    assert drawn == {1: "IT001-0002", 2: "IT001-0001"}


async def test_the_replay_proves_the_table(db: Connection) -> None:
    by = rules(target=40)
    await begin(db, by)
    for start in range(1, 60, 7):
        more = range(start, start + 7)
        await batch(db, by, *(screened(n, stratum="le4" if n % 3 else "gt4") for n in more))
    entries = await records.allocations(db, TRIAL, 0, 1000)
    assert [entry.number for entry in entries] == list(range(1, 41))
    fields = ("number", "subject", "stratum", "arm")
    bundle = {
        **opening(by.plan, by.seed, [], None).model_dump(),
        "allocations": [{name: getattr(entry, name) for name in fields} for entry in entries],
    }
    assert replay(read(json.dumps(bundle))).ok
    arms = await records.arms(db, TRIAL)
    assert sum(n for by_arm in arms.values() for n in by_arm.values()) == 40
    trial = await records.trial_now(db, TRIAL)
    assert trial is not None
    assert (trial.state, trial.closed_by) == ("closed", "target_reached")
    page = await records.allocations(db, TRIAL, 10, 5, [SiteId("IT001")])
    assert [entry.number for entry in page] == [11, 12, 13, 14, 15]
    assert await records.allocations(db, TRIAL, 0, 5, [SiteId("IT002")]) == []
    assert await records.allocation_of(db, TRIAL, page[0].subject) == page[0]


async def test_an_allocation_cannot_be_changed_or_taken_back(db: Connection, owner: str) -> None:
    by = rules()
    await begin(db, by)
    await batch(db, by, screened(1))
    statements = (
        "UPDATE randomizer.allocation SET arm = 'SOC'",
        "DELETE FROM randomizer.allocation",
        "TRUNCATE randomizer.allocation",
    )
    superuser = await asyncpg.connect(owner)
    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(statement)
        with pytest.raises(asyncpg.RestrictViolationError):
            await superuser.execute(statement)
    await superuser.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.execute("UPDATE trial SET sealed_seed = ''")
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(
            "INSERT INTO allocation SELECT trial, 2, subject, site, stratum, arm, protocol_version,"
            " screening, attempt, revision, form_sha256, carry, drawn_at FROM allocation"
        )


async def test_the_values_of_a_draw_stay_with_it_whatever_is_corrected(db: Connection) -> None:
    by = rules()
    await begin(db, by)
    await batch(db, by, screened(1))
    [at_the_draw] = await db.fetch("SELECT * FROM allocation")
    assert (at_the_draw["screening"], at_the_draw["attempt"], at_the_draw["revision"]) == (
        "s1",
        1,
        1,
    )
    assert (at_the_draw["stratum"], at_the_draw["protocol_version"]) == ("gt4", "1.0")
    assert json.loads(at_the_draw["carry"]) == {"soc_regimen": "other"}
    assert (at_the_draw["form_sha256"], at_the_draw["drawn_at"]) == ("a" * 64, NOW)
    changed = screened(1, stratum="le4", revision=2).model_copy(
        update={"carry": {"soc_regimen": "none"}, "form_sha256": "b" * 64}
    )
    book = await batch(db, by, changed)
    assert book.subjects[SubjectId("IT001-0001")].carry == {"soc_regimen": "none"}
    assert await db.fetch("SELECT * FROM allocation") == [at_the_draw]


async def test_a_masked_draw_keeps_its_code_and_two_never_share_one(db: Connection) -> None:
    open_rules = rules()
    by = replace(open_rules, plan=replace(open_rules.plan, masked=True))
    await begin(db, by)
    book = await batch(db, by, *(screened(n) for n in range(1, 8)))
    entries = await records.allocations(db, TRIAL, 0, 100)
    assert [one.treatment_code for one in entries] == [
        treatment_code(by.seed, one.number, one.subject, one.stratum, one.arm) for one in entries
    ]
    assert await records.allocation_of(db, TRIAL, entries[2].subject) == entries[2]
    decision = decide(by, book, [screened(8)])
    [made] = decision.allocations
    taken = made._replace(treatment_code=entries[0].treatment_code)
    same = replace(decision, allocations=(taken,))
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction():
            await store.save(db, [same], NOW)


async def test_a_batch_costs_a_fixed_number_of_statements(
    db: Connection,
) -> None:
    by = rules()
    await begin(db, by)
    await batch(db, by, screened(1000))  # the driver learns the types of arrays
    asked: list[str] = []

    def logged(record: LoggedQuery) -> None:
        if record.query not in ("BEGIN;", "COMMIT;"):  # told late, by the driver's own task
            asked.append(record.query)

    db.add_query_logger(logged)
    await batch(db, by, screened(1))
    few = len(asked)
    asked.clear()
    await batch(db, by, *(screened(n) for n in range(2, 502)))
    assert len(asked) == few
    assert few <= 11


async def test_list_and_openings_are_kept_once(db: Connection) -> None:
    await begin(db, rules())
    assert await records.list_text(db, TRIAL) is None
    rows = parse(b"gt4,SOC\n", None)
    await records.keep_list(db, TRIAL, rows.sha256, rows.text, "statistician", NOW)
    assert await records.list_text(db, TRIAL) == rows.text
    with pytest.raises(asyncpg.UniqueViolationError):
        await records.keep_list(db, TRIAL, rows.sha256, rows.text, "statistician", NOW)
    assert await records.ask_opening(db, TRIAL, "ada", "the end", NOW) == (["ada"], True)
    assert await records.ask_opening(db, TRIAL, "ada", "again", NOW) == (["ada"], False)
    assert await records.ask_opening(db, TRIAL, "bob", "the end", NOW) == (["ada", "bob"], True)

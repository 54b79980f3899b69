"""Every design on PostgreSQL: each batch by a process that knows nothing but the database."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest

from services.randomizer import records, store
from services.randomizer.activation import activate
from services.randomizer.domain import decide
from services.randomizer.facts import Fact, Pause, Resume
from services.randomizer.plan import Plan
from services.randomizer.replay import opening, read, replay
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme
from services.randomizer.went_by import went_by
from shared.contracts.events.screening import PatientScreened
from shared.contracts.subjects import SiteId, SubjectId
from shared.runtime.database import Connection
from tests.integration.databases import database
from tests.unit.randomizer.made import SEED, TRIAL, Story, screened

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SITES = ("IT001", "IT002", "IT003")
ARMS = {"A": 1, "B": 1}
STRATA = {"le4": ARMS, "gt4": ARMS}
Section = dict[str, object]

MINIMISATION: Section = {
    "design": "minimisation",
    "metric": "variance",
    "p": Decimal("0.8"),
    "factors": [{"name": "site", "weight": 2}, {"name": "stratum"}, {"name": "ecog"}],
}
DESIGNS: list[Section] = [
    {"design": "permuted_block", "block_sizes": [2, 4, 6]},
    {"design": "big_stick", "mti": 3},
    {"design": "biased_coin", "p": Decimal("0.65")},
    {"design": "complete"},
    {"design": "random_allocation", "size": {"le4": 40, "gt4": 44}},
    MINIMISATION,
    {
        "design": "by_stratum",
        "strata": {"le4": {"design": "big_stick", "mti": 2}, "gt4": MINIMISATION},
    },
]


@pytest.fixture
async def db(postgres: str) -> AsyncIterator[Connection]:
    """A connection as the service's own role to a database of this test's own."""
    async with database(postgres, "randomizer") as addresses:
        connection = await asyncpg.connect(
            addresses.service, server_settings={"search_path": "randomizer"}
        )
        yield connection
        await connection.close()


def by_section(section: Section) -> Rules:
    """The rules, read anew as by a process that has just started."""
    scheme = Scheme.of({**section, "target": 40}, STRATA)
    sites = {SiteId(site): True for site in SITES}
    return Rules(Plan(TRIAL, "1.0", "0" * 64, True, scheme, sites), SEED)


def form(number: int) -> PatientScreened:
    """One subject: site, stratum and the carried ECOG status change at different paces."""
    told = screened(number, site=SITES[number % 3], stratum="le4" if number * 7 % 5 < 2 else "gt4")
    return told.model_copy(update={"carry": {"ecog": number * 11 % 4 or None}})


async def batch(db: Connection, by: Rules, *facts: Fact) -> None:
    """Lock, load, decide, save."""
    named = [
        (SubjectId(fact.subject), SiteId(fact.site))
        for fact in facts
        if isinstance(fact, PatientScreened)
    ]
    async with db.transaction():
        books = await store.load(db, {TRIAL: named}, whole=not named)
        await store.save(db, [decide(by, books[TRIAL], facts)], NOW)


@pytest.mark.parametrize("section", DESIGNS, ids=lambda section: str(section["design"]))
async def test_batch_by_batch_it_draws_as_one_would_and_the_replay_agrees(
    db: Connection, section: Section
) -> None:
    by = by_section(section)
    begun = activate(by, None)
    assert begun is not None
    async with db.transaction():
        await records.create_trial(db, begun.book.trial, by.seed.seal(bytes(32), bytes(12)), NOW)
        await records.keep_scheme(db, begun.book.trial, by.plan.scheme, NOW)
        await store.save(db, [begun], NOW)
    told: list[tuple[Fact, ...]] = [
        *(tuple(form(n) for n in range(start, start + 3)) for start in range(1, 19, 3)),
        (Pause(),),
        (form(21), form(20), form(19)),
        (form(22),),
        (Resume(),),
        *((form(n),) for n in range(23, 30)),
        tuple(form(n) for n in range(30, 45)),
    ]
    for facts in told:
        await batch(db, by_section(section), *facts)

    drawn = await records.allocations(db, TRIAL, 0, 100)
    story = Story(by)
    for facts in told:
        story.tell(*facts)
    assert [one.arm for one in drawn] == story.arms
    assert len(drawn) == 40

    numbers = [one.number for one in drawn]
    values = await went_by(db, TRIAL, numbers)
    assert bool(values) == ("ecog" in by.plan.scheme.carried)
    items = [
        {
            "number": one.number,
            "subject": one.subject,
            "stratum": one.stratum,
            "arm": one.arm,
            "carry": values.get(one.number, {}),
        }
        for one in drawn
    ]
    opened = opening(by.plan, SEED, [], None)
    found = replay(read(json.dumps({**opened.model_dump(mode="json"), "allocations": items})))
    assert (found.ok, found.checked) == (True, 40), found.problems

"""The read model follows the events of four topics, in any order between them, and holds no arm."""

from datetime import date, timedelta
from typing import Any

import asyncpg

from services.portal import store
from services.portal.domain import Subject
from services.portal.store import Scope
from shared.contracts.events import notification, randomization, safety, screening
from tests.integration.portal.house import NOON, TRIAL, House
from tests.integration.portal.said import (
    acknowledged,
    clock,
    raised,
    randomized,
    refused,
    reported,
    screened,
)


async def subject(portal: House, name: str = "T1-001") -> Subject:
    async with portal.work.reading() as db:
        found = await store.subject(db, TRIAL, name)
    assert found is not None
    return found


async def test_a_patients_way_in_whatever_order_the_topics_come(portal: House) -> None:
    await portal.hear(randomized(number=7))
    await portal.hear(screened(signed=True, revision=2))
    found = await subject(portal)
    assert (found.number, found.drawn_stratum, found.randomized_at) == (7, "young", NOON)
    assert (found.verdict, found.signed, found.revision) == ("eligible", True, 2)
    await portal.hear(
        screening.ScreeningFailed(subject="T1-002", site="T1", screening="x", attempt=1),
        screened("T1-003", verdict="incomplete", unknown=("I1", "I2")),
    )
    assert (await subject(portal, "T1-002")).failed
    assert list((await subject(portal, "T1-003")).unknown) == ["I1", "I2"]


async def test_waiting_refused_and_drawn(portal: House) -> None:
    waiting = randomization.RandomizationWaiting(
        subject="T1-001", site="T1", stratum="young", protocol_version="1.0"
    )
    await portal.hear(screened(), waiting)
    assert (await subject(portal)).waiting
    await portal.hear(refused())
    found = await subject(portal)
    assert (found.waiting, found.refusal) == (False, "the site is closed")
    await portal.hear(screened(revision=2))
    assert (await subject(portal)).refusal is None
    await portal.hear(waiting, randomized())
    found = await subject(portal)
    assert (found.waiting, found.refused, found.number) == (False, None, 1)


async def test_what_befell_a_subject(portal: House) -> None:
    day = date(2026, 2, 3)
    alive = safety.SurvivalReported(subject="T1-001", site="T1", status="alive", date=day)
    await portal.hear(alive)
    await portal.hear(
        randomized(),
        safety.SubjectWithdrawn(subject="T1-001", site="T1", withdrawn_from="treatment", date=day),
        safety.SubjectWithdrawn(subject="T1-001", site="T1", withdrawn_from="consent", date=day),
    )
    found = await subject(portal)
    assert (found.left_treatment, found.withdrew, found.died) == (day, day, None)
    dead = safety.SurvivalReported(subject="T1-001", site="T1", status="dead", date=day)
    deviation = randomization.EligibilityDeviation(
        subject="T1-001",
        site="T1",
        number=1,
        verdict="ineligible",
        stratum_at_draw="young",
        stratum=None,
        unmet=(),
        unknown=(),
    )
    await portal.hear(dead, deviation)
    found = await subject(portal)
    assert (found.died, found.deviation) == (day, True)


async def test_enrolment_by_day_site_and_stratum(portal: House) -> None:
    await portal.hear(randomized(), randomized("T2-001", number=2, stratum="old"))
    await portal.hear(randomized("T1-002", number=3), at=NOON + timedelta(days=1))
    await portal.hear(screened("T1-009"))
    async with portal.work.reading() as db:
        days = await store.draws_by_day(db, TRIAL, None)
        tallies = await store.tallies(db, TRIAL, None)
        of_t1 = await store.tallies(db, TRIAL, ["T1"])
    assert days == [(date(2026, 3, 1), 2), (date(2026, 3, 2), 1)]
    assert [(t.site, t.stratum, t.screened, t.randomized) for t in tallies] == [
        ("T1", "young", 3, 2),
        ("T2", "old", 1, 1),
    ]
    assert {t.site for t in of_t1} == {"T1"}


async def test_cases_and_their_clocks(portal: House) -> None:
    await portal.hear(
        reported(matched=False),
        safety.ReportUnmatched(case="c1", subject="T1-001", site="T1"),
        clock(),
    )
    async with portal.work.reading() as db:
        [case] = (await cases(portal)).items
        [running] = await store.clocks(db, TRIAL, ["T1"])
        assert await store.clocks(db, TRIAL, ["T2"]) == []
    assert (case["unmatched"], case["susar"], case["due"]) == (True, True, running["due"])
    await portal.hear(
        reported(version=2, because="follow_up", susar=False, outcome="unknown"),
        clock(safety.ReportingClockOverdue),
    )
    [case] = (await cases(portal)).items
    assert (case["version"], case["susar"], case["unmatched"]) == (2, False, False)
    assert case["clock_state"] == "overdue"
    await portal.hear(clock(safety.ReportingClockStopped, state="late", stopped_at=NOON))
    [case] = (await cases(portal)).items
    assert case["due"] is None
    async with portal.work.reading() as db:
        [stopped] = await store.clocks(db, TRIAL, None, case="c1")
    assert (stopped["state"], stopped["stopped_at"]) == ("late", NOON)


async def cases(portal: House) -> store.Listed:
    async with portal.work.reading() as db:
        return await store.cases(
            db, TRIAL, ["T1"], only_serious=False, subject=None, skip=0, limit=10
        )


async def test_an_alert_is_for_the_roles_it_calls_and_their_sites(portal: House) -> None:
    await portal.hear(raised(), raised("a2", roles=("site",), severity="info"))

    async def seen(role: str, trials: list[str], sites: list[str] | None) -> list[str]:
        async with portal.work.reading() as db:
            scope = Scope(role, trials, sites)
            found = await store.alerts(db, scope, TRIAL, done=False, limit=10)
        return [one["alert"] for one in found]

    assert await seen("safety_officer", [TRIAL], None) == ["a1"]
    assert await seen("safety_officer", ["TBAD"], None) == []
    assert await seen("site", [TRIAL], ["T1"]) == ["a2"]
    assert await seen("site", [TRIAL], ["T2"]) == []


async def test_an_alert_through_its_life(portal: House) -> None:
    async def state() -> tuple[object, ...]:
        async with portal.work.reading() as db:
            one = await store.alert(db, Scope("safety_officer", [TRIAL], None), "a1")
        assert one is not None
        return one["state"], one["step"], one["person"], one["lapsed"]

    await portal.hear(raised(), raised())
    assert await state() == ("open", 1, None, False)
    alert: dict[str, Any] = {
        "alert": "a1",
        "severity": "critical",
        "event": "X",
        "subject": None,
        "site": None,
    }
    await portal.hear(notification.AlertEscalated(**alert, step=2, contact="c"))
    assert await state() == ("open", 2, None, False)
    await portal.hear(acknowledged(settled=False))
    assert await state() == ("acknowledged", 2, "olga", False)
    await portal.hear(notification.AlertLapsed(**alert))
    assert await state() == ("open", 2, "olga", True)
    await portal.hear(notification.AlertSettled(**alert))
    assert (await state())[0] == "settled"


async def test_the_trial_and_its_sites(portal: House) -> None:
    async def now() -> tuple[object, object]:
        async with portal.work.reading() as db:
            return await store.trial_state(db, TRIAL), await store.sites_open(db, TRIAL)

    assert await now() == (("open", None), {})
    await portal.hear(
        randomization.RandomizationPaused(),
        randomization.SiteClosed(site="T1"),
        randomization.SiteOpened(site="T2"),
    )
    assert await now() == (("paused", None), {"T1": False, "T2": True})
    await portal.hear(randomization.RandomizationResumed())
    await portal.hear(randomization.RandomizationClosed(cause="target_reached", randomized=4))
    assert (await now())[0] == ("closed", "target_reached")


async def test_no_arm_and_no_treatment_code_is_anywhere_in_the_schema(portal: House) -> None:
    await portal.hear(randomized(), screened(), reported(), clock(), raised())
    await portal.hear(randomized("T1-002", arm=None, treatment_code="CODE_OAK"))
    owner = await asyncpg.connect(portal.owner)
    try:
        columns = await owner.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'portal'"
        )
        assert not [c for c in columns if "arm" in str(c["column_name"]).split("_")]
        for table in {str(row["table_name"]) for row in columns}:
            rows = await owner.fetch(f'SELECT t::text FROM portal."{table}" AS t')  # noqa: S608 - the test's own
            assert not [row for row in rows if "MAPLE" in row[0] or "OAK" in row[0]]
    finally:
        await owner.close()

"""What happens when time passes: each thing once, in due order, however long nobody worked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.safety.store import TIMER
from shared.runtime import timers
from shared.runtime.timers import Timer
from tests.integration.databases import database
from tests.integration.safety.made import (
    DAY,
    HOUR,
    START,
    Clock,
    Json,
    Safety,
    process,
    settings_in,
)
from tests.issuer import Issuer
from tests.waiting import until

DEATH: Json = {"seriousness": ["death"], "outcome": "fatal"}
WARNED, OVERDUE = "ReportingClockWarned", "ReportingClockOverdue"


def signs(said: list[tuple[str, Json]]) -> list[tuple[str, str, str | None]]:
    """What time brought: type, kind of clock, how much is left."""
    return [
        (name, data["kind"], data.get("left")) for name, data in said if name in (WARNED, OVERDUE)
    ]


async def test_a_fatal_susar_warns_at_half_and_at_a_tenth_and_runs_over_each_once(
    service: Safety,
) -> None:
    await service.hears(service.screened())
    case = (await service.report(**DEATH))["case"]
    due = datetime(2026, 3, 9, tzinfo=UTC)
    assert await service.timers() == {case: due - 3.5 * DAY}
    instants = [(due - 3.5 * DAY, "half"), (due - 0.7 * DAY, "tenth"), (due, None)]
    for nth, (instant, _) in enumerate(instants):
        await service.until(instant - HOUR)
        assert len(signs(await service.said())) == nth
        await service.until(instant)
        assert len(signs(await service.said())) == nth + 1
    assert signs(await service.said()) == [
        (WARNED, "expedited_7", "half"),
        (WARNED, "expedited_7", "tenth"),
        (OVERDUE, "expedited_7", None),
    ]
    await service.until(due + 30 * DAY)  # the 8 days of the follow-up count from the last day
    assert signs(await service.said())[3:] == [
        (WARNED, "follow_up_8", "half"),
        (WARNED, "follow_up_8", "tenth"),
        (OVERDUE, "follow_up_8", None),
    ]
    states = {one["kind"]: one["state"] for one in (await service.get("clocks"))["items"]}
    assert states == {
        "site_to_sponsor": "met",
        "expedited_7": "overdue",
        "follow_up_8": "overdue",
    }
    assert await service.timers() == {}


async def test_after_a_long_time_down_all_is_told_in_the_order_in_which_it_was_due(
    service: Safety,
) -> None:
    """Of several cases, too: nobody hears of an overdue clock before an earlier warning."""
    for number in range(1, 5):
        await service.report(f"T1-00{number}", **(DEATH if number % 2 else {}))
        service.clock.now += 7 * HOUR
    before = len(await service.said())
    await service.until(START + 60 * DAY)
    told = (await service.said())[before:]
    halves = {"expedited_7": 3.5 * DAY, "expedited_15": 7.5 * DAY, "follow_up_8": 4 * DAY}
    tenths = {kind: half / 5 for kind, half in halves.items()}
    instants: list[datetime] = []
    for name, data in told:
        if name == WARNED:
            left = halves if data["left"] == "half" else tenths
            instants.append(datetime.fromisoformat(data["due"]) - left[data["kind"]])
        elif name == OVERDUE:
            instants.append(datetime.fromisoformat(data["due"]))
    assert instants == sorted(instants)
    assert len(instants) == 4 * 3 + 2 * 3
    assert len({str(one) for one in signs(told)}) == 9
    unmatched = [data["subject"] for name, data in told if name == "ReportUnmatched"]
    assert unmatched == ["T1-001", "T1-002", "T1-003", "T1-004"]
    await service.until(START + 90 * DAY)
    assert len(await service.said()) == before + len(told)


async def test_a_submission_takes_its_clocks_timer_away_with_it(service: Safety) -> None:
    await service.hears(service.screened())
    case = (await service.report())["case"]
    assert set(await service.timers()) == {case}
    await service.submit(case, "expedited_15")
    assert await service.timers() == {}
    await service.until(START + 60 * DAY)
    assert signs(await service.said()) == []


async def test_a_timer_that_was_left_behind_tells_nothing(service: Safety) -> None:
    """It is a hint: what stands under the lock decides."""
    await service.hears(service.screened())
    case = (await service.report())["case"]
    await service.submit(case, "expedited_15")
    before = await service.said()
    async with service.pool.acquire() as db:
        await timers.put(db, [Timer(TIMER, case, START + DAY)])
    await service.until(START + 60 * DAY)
    assert await service.said() == before
    assert await service.timers() == {}


async def test_a_submission_late_is_told_late_after_all_that_time_brought_before(
    service: Safety,
) -> None:
    await service.hears(service.screened())
    case = (await service.report())["case"]
    before = len(await service.said())
    service.clock.now = START + 20 * DAY  # and no timer was worked off
    await service.submit(case, "expedited_15")
    assert (await service.names())[before:] == [
        WARNED,
        WARNED,
        OVERDUE,
        "ReportSubmitted",
        "ReportingClockStopped",
    ]
    stopped = (await service.said())[-1][1]
    assert stopped["state"] == "late"
    await service.until(START + 30 * DAY)
    assert len(signs(await service.said())) == 3


@pytest.fixture
async def two(postgres: str, tmp_path: Path) -> AsyncIterator[tuple[Safety, Safety]]:
    """Two processes on one database."""
    async with database(postgres, "safety") as addresses, AsyncExitStack() as stack:
        settings, issuer, clock = (
            settings_in(tmp_path, addresses.service),
            Issuer(tmp_path),
            Clock(),
        )
        one = await stack.enter_async_context(process(settings, issuer, clock))
        other = await stack.enter_async_context(process(settings, issuer, clock))
        yield one, other


async def test_two_replicas_tell_each_thing_once_while_people_act(
    two: tuple[Safety, Safety],
) -> None:
    one, other = two
    subjects = [f"T1-{number:03}" for number in range(1, 13)]
    await one.hears(*(one.screened(subject) for subject in subjects))
    names = [(await one.report(subject, **DEATH))["case"] for subject in subjects]
    async with one.keeping_time(), other.keeping_time():
        for day in range(1, 30):
            one.clock.now = START + day * DAY
            if day == 5:
                await asyncio.gather(*(other.submit(case, "expedited_7") for case in names[:6]))
            if day == 6:
                await asyncio.gather(*(one.follow_up(case, grade=5) for case in names[6:]))
        await until(one.quiet)
    said = await one.said()
    told = [(name, data["clock"], data.get("left")) for name, data in said if "clock" in data]
    assert len(told) == len(set(told))
    overdue = [
        data["case"] for name, data in said if (name, data.get("kind")) == (OVERDUE, "expedited_7")
    ]
    assert sorted(overdue) == sorted(names[6:])

"""What events tell of a subject, before or after its reports and in whichever order."""

import json
from itertools import permutations

import pytest
from asyncpg.connection import LoggedQuery

from shared.runtime.batch import Batch
from shared.runtime.record import Record
from shared.runtime.subscription import Subscription
from tests.integration.runtime.records import Sent
from tests.integration.safety.made import DAY, HOUR, START, Json, Safety

NOBODY = dict.fromkeys(("surgery", "beta"), "not_related")


async def test_a_report_for_a_subject_that_nothing_named_is_matched_later(
    service: Safety,
) -> None:
    case = await service.report(causality=NOBODY | {"alpha": "related"})
    assert case["matched"] is False
    heard = service.screened()
    await service.hears(heard)
    told = await service.get(f"adverse-events/{case['case']}")
    assert told["matched"] is True
    assert told["components"] == ["surgery", "alpha"]  # the arm is not known yet
    assert told["set_aside"] == ["beta"]
    [(name, data)] = (await service.said())[4:]
    assert (name, data["because"], data["matched"]) == ("AdverseEventUpdated", "subject", True)
    rows = await service.pool.fetch("SELECT headers FROM outbox ORDER BY id")
    headers = json.loads(rows[-1]["headers"])
    [cause] = [(value or b"").decode() for name, value in heard.headers if name == "ce_id"]
    assert (headers["ce_causationid"], headers["ce_actor"]) == (cause, "safety")


async def test_an_arm_that_brings_no_suspect_ends_a_susar_and_cancels_its_clock(
    service: Safety,
) -> None:
    case = await service.report(causality={"alpha": "not_related", "beta": "not_related"})
    assert case["susar"] is True  # it may be the surgery
    await service.assess(case["case"], causality=dict.fromkeys(("alpha", "beta"), "not_related"))
    assert len(await service.timers()) == 1
    await service.hears(service.randomized(arm="WAIT"))
    told = await service.get(f"adverse-events/{case['case']}")
    assert (told["susar"], told["matched"]) == (False, True)
    assert {one["kind"]: one["state"] for one in told["clocks"]} == {
        "site_to_sponsor": "met",
        "expedited_15": "cancelled",
    }
    assert (await service.names())[4:] == ["AdverseEventUpdated", "ReportingClockCancelled"]
    assert await service.timers() == {}


ORDERS = list(permutations(("report", "screened", "randomized")))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_the_order_between_topics_changes_nothing_of_how_a_case_stands(
    service: Safety, order: tuple[str, ...]
) -> None:
    case = ""
    for step in order:
        match step:
            case "report":
                case = (await service.report(causality={"alpha": "related"}))["case"]
            case "screened":
                await service.hears(service.screened())
            case _:
                await service.hears(service.randomized())
    told = await service.get(f"adverse-events/{case}")
    assert (told["matched"], told["susar"]) == (True, True)
    assert told["components"] == ["surgery", "alpha"]
    assert told["authorities"]["EU-CTR"]["related"] == ["surgery", "alpha"]
    assert [one["kind"] for one in told["clocks"]] == ["site_to_sponsor", "expedited_15"]


async def test_the_newest_screening_tells_the_regimen_whichever_is_heard_last(
    service: Safety,
) -> None:
    case = (await service.report())["case"]
    await service.hears(service.screened(regimen="two", attempt=2))
    await service.hears(service.screened(regimen="one", attempt=1, revision=5))
    assert "beta" in (await service.get(f"adverse-events/{case}"))["components"]
    await service.hears(service.screened(regimen=None, attempt=2, revision=2))
    told = await service.get(f"adverse-events/{case}")
    assert told["components"] == ["surgery", "alpha", "beta"]


async def test_an_event_that_is_no_news_says_nothing(service: Safety) -> None:
    await service.report()
    await service.hears(service.screened())
    before = await service.said()
    await service.hears(service.screened(revision=2), service.screened(revision=3))
    assert await service.said() == before


async def test_a_record_of_no_trial_here_or_of_another_subject_is_a_dead_letter(
    service: Safety,
) -> None:
    stranger = service.screened("T1-009")
    other = [(name, value) for name, value in stranger.headers if name != "ce_subject"]
    await service.hears(
        type(stranger)(
            stranger.topic,
            0,
            stranger.offset,
            b"TSAFE:T1-008",
            stranger.value,
            (*other, ("ce_subject", b"T1-008")),
        )
    )
    rows = await service.pool.fetch("SELECT reason FROM dead_letter")
    assert [row["reason"] for row in rows] == ["the data are of another subject than the key"]
    [(name, data)] = await service.said()  # and safety says that it is blind to this key
    assert (name, data["topic"]) == ("KeyWaiting", "trialops.screening")


async def test_a_key_that_safety_is_blind_to_is_told_and_told_again_when_it_sees(
    service: Safety,
) -> None:
    bad = service.screened()
    await service.hears(bad.with_header("ce_type", b"trialops.PatientScreened.v2"))
    await service.hears(service.screened(revision=2))
    [(name, waits)] = await service.said()
    assert name == "KeyWaiting"
    headers = service.issuer.bearer("trial_manager", sub="mia")
    answer = await service.client.post(
        f"/v1/dead/{waits['letter']}/drop", json={"reason": "an upgrade"}, headers=headers
    )
    assert answer.status_code == 200
    assert [name for name, _ in await service.said()] == ["KeyWaiting", "KeyResumed"]
    assert (await service.report())["matched"] is True


async def test_many_subjects_cost_a_fixed_number_of_statements(service: Safety) -> None:
    subjects = [f"T1-{number:03}" for number in range(1, 61)]
    for subject in ("T2-001", "T2-002", *subjects):
        await service.report(subject)
    asked: list[str] = []

    def logged(record: LoggedQuery) -> None:
        if record.query not in ("BEGIN;", "COMMIT;"):  # told late, by the driver's own task
            asked.append(record.query)

    [heard] = [
        one
        for one in service.service.subscriptions
        if isinstance(one, Subscription) and one.topic == "trialops.screening"
    ]
    async with service.pool.acquire() as db:

        async def hears(*records: Sent) -> None:
            async with db.transaction():
                batch = Batch(db, "safety", service.clock.now)
                await batch.apply(heard, [Record.of(record) for record in records])
                await batch.finish()

        await hears(service.screened("T2-001"))  # the driver learns the types of arrays
        db.add_query_logger(logged)
        await hears(service.screened("T2-002"))
        few = len(asked)
        asked.clear()
        await hears(*(service.screened(subject) for subject in subjects))
        assert 0 < few == len(asked) <= 16
    cases = (await service.get("adverse-events?limit=1000"))["items"]
    assert all(one["matched"] for one in cases)


async def test_unmatched_for_24_hours_is_told_once(service: Safety) -> None:
    case = (await service.report(seriousness=[]))["case"]
    matched = (await service.report("T1-002", seriousness=[]))["case"]
    await service.until(START + 23 * HOUR)
    await service.hears(service.screened("T1-002"))
    assert set(await service.timers()) == {case}
    before = len(await service.said())
    await service.until(START + 3 * DAY)
    told: list[tuple[str, Json]] = (await service.said())[before:]
    assert [(name, data["case"]) for name, data in told] == [("ReportUnmatched", case)]
    assert matched not in str(told)
    await service.hears(service.screened("T1-001"))
    await service.until(START + 30 * DAY)
    assert (await service.names())[before + 1 :] == ["AdverseEventUpdated"]

"""Cases on a real PostgreSQL: every fact is kept, and what was kept is the case again."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from services.safety import store
from tests.integration.safety.made import DAY, HOUR, START, Json, Safety


async def kept(service: Safety, case: str) -> object:
    """The case that its facts make."""
    async with service.pool.acquire() as db:
        [filed] = await store.load(db, service.rules, [UUID(case)])
    return filed.case


async def test_a_report_is_a_case_with_its_reasons_and_clocks(service: Safety) -> None:
    case = await service.report(grade=3, causality={"alpha": "related", "beta": None})
    assert case.keys() >= {"case", "serious", "susar", "why", "clocks"}
    assert (case["subject"], case["site"], case["version"]) == ("T1-001", "T1", 1)
    assert (case["matched"], case["serious"], case["susar"]) == (False, True, True)
    assert case["authorities"]["EU-CTR"]["related"] == ["surgery", "alpha", "beta"]
    clocks = {one["kind"]: one for one in case["clocks"]}
    assert {kind: one["state"] for kind, one in clocks.items()} == {
        "site_to_sponsor": "met",
        "expedited_15": "running",
    }
    assert clocks["expedited_15"]["due"] == "2026-03-17T00:00:00Z"
    assert clocks["expedited_15"]["case"] == case["case"]
    assert await service.names() == [
        "AdverseEventReported",
        "ReportingClockStarted",
        "ReportingClockStopped",
        "ReportingClockStarted",
    ]
    [(name, submitted)] = await service.said("trialops.safety.record")
    assert name == "AdverseEventSubmitted"
    assert submitted["form"]["term"] == "Headache"
    assert "Headache" not in str(await service.said())


async def test_the_history_tells_who_said_what_when_and_what_changed(service: Safety) -> None:
    name = (await service.report(seriousness=[], grade=2))["case"]
    service.clock.now += HOUR
    await service.follow_up(name, seriousness=["death"], grade=5, outcome="fatal")
    service.clock.now += HOUR
    await service.assess(name, causality={"alpha": "not_related"}, expected={"alpha": False})
    await service.submit(name, "expedited_7")
    told = await service.get(f"adverse-events/{name}", "site")
    first, second = told["versions"]
    assert (first["version"], first["person"], first["changes"]) == (1, "site-person", [])
    assert first["form"]["seriousness"] == []
    assert (second["version"], second["at"]) == (2, "2026-03-01T13:00:00Z")
    assert {one["field"]: (one["old"], one["new"]) for one in second["changes"]} == {
        "seriousness": ([], ["death"]),
        "grade": (2, 5),
        "outcome": (None, "fatal"),
    }
    [assessment], [submission] = told["assessments"], told["submissions"]
    assert assessment == {
        "at": "2026-03-01T14:00:00Z",
        "person": "safety_officer-person",
        "causality": {"alpha": "not_related"},
        "expected": {"alpha": False},
        "reason": "as I see it",
    }
    assert (submission["authority"], submission["kind"]) == ("EU-CTR", "expedited_7")
    assert told["form"]["term"] == "Headache"
    states = {one["kind"]: one["state"] for one in told["clocks"]}
    assert states == {"site_to_sponsor": "met", "expedited_7": "met", "follow_up_8": "running"}
    records = await service.names("trialops.safety.record")
    assert records == ["AdverseEventSubmitted", "AdverseEventFollowedUp", "AdverseEventAssessed"]
    assert "as I see it" not in str(await service.said())


async def test_what_was_kept_is_the_same_case_again(service: Safety) -> None:
    name = (await service.report(site_aware_at="2026-02-27T09:00:00.5+02:00"))["case"]
    await service.hears(service.screened(), service.randomized(arm="WAIT"))
    await service.until(START + 9 * DAY)
    await service.follow_up(name, onset_date="2026-02", causality={"alpha": "related"})
    await service.submit(name, "expedited_15")
    before = await service.get(f"adverse-events/{name}")
    first = await kept(service, name)
    assert first == await kept(service, name)
    rows = (await service.get("clocks"))["items"]
    assert [{k: v for k, v in one.items() if k not in ("subject", "site")} for one in rows] == (
        before["clocks"]
    )
    [item] = (await service.get("adverse-events"))["items"]
    for member in ("case", "version", "matched", "serious", "susar", "seriousness", "outcome"):
        assert item[member] == before[member]


async def test_a_follow_up_that_changes_nothing_is_a_version_too(service: Safety) -> None:
    name = (await service.report())["case"]
    await service.submit(name, "expedited_15")
    service.clock.now += DAY
    again = await service.follow_up(name, term="Headache")
    assert again["version"] == 2
    assert [one["state"] for one in again["clocks"]] == ["met", "met"]  # no news, no new clock


async def test_two_follow_ups_at_once_are_two_versions(service: Safety) -> None:
    name = (await service.report())["case"]
    made = await asyncio.gather(*(service.follow_up(name, grade=n) for n in (1, 2, 3, 4)))
    assert sorted(one["version"] for one in made) == [2, 3, 4, 5]
    told = await service.get(f"adverse-events/{name}")
    assert [one["version"] for one in told["versions"]] == [1, 2, 3, 4, 5]


async def test_a_judgement_of_a_component_that_the_subject_cannot_have_is_refused(
    service: Safety,
) -> None:
    await service.hears(service.screened(regimen="one"), service.randomized(arm="WAIT"))
    form = service.form(causality={"beta": None, "surgery": "related", "alpha": "related"})
    body = {"subject": "T1-001", "form": form}
    refused = await service.ask("POST", "adverse-events", body)
    assert refused.status_code == 422
    places = [tuple(error["loc"]) for error in refused.json()["errors"]]
    assert places == [("causality", "beta"), ("causality", "surgery")]
    elsewhere = await service.ask("POST", "adverse-events", body, sites=["T2"])
    assert elsewhere.status_code == 404  # whoever may not see the subject learns nothing of its arm
    assert (await service.get("adverse-events"))["items"] == []


@pytest.mark.parametrize(
    ("step", "role", "good", "bad"),
    [
        ("follow-ups", "site", {"form": {"grade": 2}}, {"form": {"grade": 6}}),
        ("follow-ups", "site", {"form": {"grade": 2}}, {"form": {"term": None}}),
        ("follow-ups", "site", {"form": {"grade": 2}}, {"form": {"causality": {"gamma": None}}}),
        (
            "assessments",
            "safety_officer",
            {"expected": {"alpha": True}, "reason": "why"},
            {"expected": {"gamma": True}, "reason": "why"},
        ),
        (
            "submissions",
            "safety_officer",
            {"authority": "EU-CTR", "kind": "expedited_7", "submitted_at": "2026-03-01T11:00:00Z"},
            {"authority": "UK", "kind": "expedited_7", "submitted_at": "2026-03-01T11:00:00Z"},
        ),
    ],
)
async def test_what_no_case_could_take_is_refused_before_the_case_is_looked_for(
    service: Safety, step: str, role: str, good: Json, bad: Json
) -> None:
    for name in ("01900000-0000-7000-8000-000000000000", "nothing"):
        for body, status in ((good, 404), (bad, 422)):
            answer = await service.ask("POST", f"adverse-events/{name}/{step}", body, role)
            assert answer.status_code == status, answer.text


async def test_what_people_said_cannot_be_changed_or_taken_out(
    service: Safety, postgres: str
) -> None:
    await service.report()
    said = {"subject": "T1-001", "date": "2026-03-01"}
    await service.post("survival", {**said, "status": "alive"})
    await service.post("withdrawals", {**said, "from": "consent", "reason": "no more"})
    owner = await asyncpg.connect(postgres, database=await _name(service))
    for table in ("fact", "survival", "withdrawal"):
        for doing in ("UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"):
            statement = doing.format(f"safety.{table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.pool.execute(statement)
            with pytest.raises(asyncpg.RestrictViolationError):
                await owner.execute(statement)
    await owner.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.pool.execute("UPDATE clock SET due = now()")


async def _name(service: Safety) -> str:
    return str(await service.pool.fetchval("SELECT current_database()"))


async def test_a_request_repeated_with_its_key_keeps_one_case(service: Safety) -> None:
    body = {"subject": "T1-001", "form": service.form()}
    first = await service.ask("POST", "adverse-events", body, key="k")
    again = await service.ask("POST", "adverse-events", body, key="k")
    assert (first.status_code, first.content) == (201, again.content)
    assert len((await service.get("adverse-events"))["items"]) == 1


async def test_lists_page_in_an_order_that_new_cases_do_not_disturb(service: Safety) -> None:
    for number in range(1, 6):
        await service.report(f"T{1 + number % 2}-00{number}")
    for path in ("adverse-events", "clocks"):
        whole = (await service.get(f"{path}?limit=1000"))["items"]
        assert len(whole) == (5 if path == "adverse-events" else 10)
        seen: list[Json] = []
        after = ""
        while True:
            page = await service.get(f"{path}?limit=2{after}")
            seen += page["items"]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert seen == whole
        mine = await service.get(f"{path}?site=T2")
        assert {one["site"] for one in mine["items"]} == {"T2"}
        of_one = await service.get(f"{path}?subject=T1-002")
        assert {one["subject"] for one in of_one["items"]} == {"T1-002"}
        own = await service.get(path, "site", sites=["T1"])
        assert {one["site"] for one in own["items"]} == {"T1"}
        for bad in ("after=x", "after=..", "subject=x", "site=x", "limit=0"):
            answer = await service.ask("GET", f"{path}?{bad}", role="safety_officer")
            assert answer.status_code == 422, bad
        for foreign in ("site=T2", "subject=T2-001", "site=ZZ"):
            answer = await service.ask("GET", f"{path}?{foreign}", role="site", sites=["T1"])
            assert answer.status_code == 404, foreign


async def test_clocks_are_found_by_the_state_that_they_have_now(service: Safety) -> None:
    name = (await service.report())["case"]
    other = (await service.report("T1-002"))["case"]
    await service.submit(other, "expedited_15")
    third = (await service.report("T1-003"))["case"]
    none = dict.fromkeys(("surgery", "alpha", "beta"), "not_related")
    await service.follow_up(third, causality=none)
    await service.assess(third, causality=none)
    service.clock.now = START + 20 * DAY  # no timer has been worked off
    late = (await service.report("T1-004", site_aware_at="2026-03-01T12:00:00Z"))["case"]

    async def of(state: str) -> set[tuple[str, str]]:
        items = (await service.get(f"clocks?state={state}"))["items"]
        assert {one["state"] for one in items} <= {state}
        return {(one["case"], one["kind"]) for one in items}

    assert await of("overdue") == {(name, "expedited_15")}
    assert await of("running") == {(late, "expedited_15")}
    assert await of("late") == {(late, "site_to_sponsor")}
    assert await of("cancelled") == {(third, "expedited_15")}
    assert (other, "expedited_15") in await of("met")

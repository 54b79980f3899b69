"""Survival and withdrawals: kept for ever, told without their words; a death is never refused."""

import pytest

from tests.integration.safety.made import Json, Safety

ALIVE = {"subject": "T1-001", "status": "alive", "date": "2026-02-28"}
DEAD = {"subject": "T1-001", "status": "dead", "date": "2026-03-01", "cause": "a private word"}
CONSENT = {"subject": "T1-001", "from": "consent", "date": "2026-03-01", "reason": "my own"}


async def test_survival_is_told_without_the_cause_which_the_log_alone_has(service: Safety) -> None:
    kept = await service.post("survival", DEAD)
    assert kept == {"subject": "T1-001", "site": "T1", "status": "dead", "date": "2026-03-01"}
    [(name, reported)] = await service.said()
    assert (name, reported) == ("SurvivalReported", kept)
    [(name, recorded)] = await service.said("trialops.safety.record")
    assert (name, recorded) == ("SurvivalRecorded", kept | {"cause": "a private word"})


async def test_a_withdrawal_is_told_without_its_reason(service: Safety) -> None:
    kept = await service.post("withdrawals", CONSENT)
    assert kept == {"subject": "T1-001", "site": "T1", "from": "consent", "date": "2026-03-01"}
    assert await service.said() == [("SubjectWithdrawn", kept)]
    [(name, recorded)] = await service.said("trialops.safety.record")
    assert (name, recorded) == ("WithdrawalRecorded", kept | {"reason": "my own"})


async def test_nobody_lives_after_their_death(service: Safety) -> None:
    await service.post("survival", ALIVE)
    await service.post("survival", DEAD)
    await service.post("survival", ALIVE)  # of a day before
    later = await service.ask("POST", "survival", ALIVE | {"date": "2026-03-01"})
    assert later.status_code == 200  # the day of death itself
    await service.post("survival", DEAD)  # said again
    service.clock.now = service.clock.now.replace(day=5)
    after = await service.ask("POST", "survival", ALIVE | {"date": "2026-03-02"})
    assert (after.status_code, after.json()["type"]) == (409, "/problems/reported-dead")
    await service.post("survival", DEAD | {"date": "2026-03-04"})  # the date was put right
    assert (
        await service.ask("POST", "survival", ALIVE | {"date": "2026-03-02"})
    ).status_code == 200
    assert await service.pool.fetchval("SELECT count(*) FROM survival") == 7


async def test_a_death_is_taken_whatever_was_said_before_and_with_its_cause_unknown(
    service: Safety,
) -> None:
    await service.post("survival", ALIVE)
    kept = await service.post("survival", DEAD | {"date": "2026-02-27", "cause": None})
    assert (kept["status"], kept["date"]) == ("dead", "2026-02-27")
    after = await service.ask("POST", "survival", ALIVE)
    assert (after.status_code, after.json()["type"]) == (409, "/problems/reported-dead")


async def test_a_withdrawal_is_reported_once(service: Safety) -> None:
    await service.post("withdrawals", CONSENT)
    again = await service.ask("POST", "withdrawals", CONSENT)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-withdrawn")
    await service.post("withdrawals", CONSENT | {"from": "treatment"})
    assert await service.names() == ["SubjectWithdrawn", "SubjectWithdrawn"]


@pytest.mark.parametrize("path", ["survival", "withdrawals"])
async def test_a_day_that_has_not_come_at_the_site_is_refused(service: Safety, path: str) -> None:
    service.clock.now = service.clock.now.replace(day=2, hour=1)  # in Rome; 1 March in New York
    body: Json = DEAD if path == "survival" else CONSENT
    second = {"date": "2026-03-02"}
    there = await service.ask("POST", path, body | second | {"subject": "T2-001"})
    assert there.status_code == 422
    assert [error["loc"] for error in there.json()["errors"]] == [["date"]]
    await service.post(path, body | second)
    for bad in ("2026-02-30", "2026-3-1", "20260301", "2026-03-01T00:00:00", 1, None, "0000-01-01"):
        answer = await service.ask("POST", path, body | {"date": bad})
        assert answer.status_code == 422, bad
        assert [error["loc"] for error in answer.json()["errors"]] == [["date"]]


async def test_a_cause_belongs_to_a_death(service: Safety) -> None:
    answer = await service.ask("POST", "survival", ALIVE | {"cause": "x"})
    assert [error["loc"] for error in answer.json()["errors"]] == [["cause"]]

"""Two who act on one subject at once: the database lets them through one by one.

The subject's row is held until the first waits for it and then the second; then it is let go. So
each race is run in the order that a test names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from tests.acceptance.people import kind
from tests.integration.screening.made import GOOD, TRIAL, Json, Screening, randomized, refused
from tests.waiting import until

SUBJECT = "T1-001"
Act = Callable[[], Coroutine[Any, Any, Any]]

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def in_turn(service: Screening, *acts: Act, subject: str = SUBJECT) -> Sequence[Any]:
    """What each said, all under way before the first could begin, and let through in this order."""
    outside = await asyncpg.connect(service.work._settings.database)

    def waiting(number: int) -> Callable[[], Awaitable[bool]]:
        async def is_so() -> bool:
            return bool(await outside.fetchval(_WAITING) >= number)

        return is_so

    try:
        await outside.execute(
            "INSERT INTO screening.subject VALUES ($1, $2) ON CONFLICT DO NOTHING", TRIAL, subject
        )
        async with service.pool.acquire() as db, db.transaction():
            await db.execute(
                "SELECT FROM subject WHERE trial = $1 AND subject = $2 FOR UPDATE", TRIAL, subject
            )
            tasks = []
            for number, act in enumerate(acts, 1):
                tasks.append(asyncio.create_task(act()))
                await until(waiting(number))
        return await asyncio.gather(*tasks)
    finally:
        await outside.close()


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, kind(answer) if answer.status_code >= 400 else ""


async def revisions(service: Screening) -> list[tuple[int, int, bool, str]]:
    """Attempt, revision, signed and verdict of all that was told of the subject."""
    return [
        (data["attempt"], data["revision"], data["signed"], data["verdict"])
        for name, data in await service.said(SUBJECT)
        if name == "PatientScreened"
    ]


def submission(service: Screening, person: str, **changes: Any) -> Act:
    body = {"subject": SUBJECT, "form": {**GOOD, **changes}}
    return lambda: service.ask("POST", "screenings", body, sub=person)


async def test_of_two_who_submit_one_wins(service: Screening) -> None:
    answers = await in_turn(service, submission(service, "anna"), submission(service, "bert"))
    assert [said(one) for one in answers] == [(201, ""), (409, "screening-open")]
    assert await revisions(service) == [(1, 1, False, "eligible")]
    assert await service.pool.fetchval("SELECT count(*) FROM screening") == 1


async def test_of_two_who_submit_a_new_subject_one_wins(service: Screening) -> None:
    for number in range(5):
        body = {"subject": f"T1-10{number}", "form": GOOD}
        answers = await asyncio.gather(
            *(service.ask("POST", "screenings", body, sub=who) for who in ("anna", "bert", "carla"))
        )
        assert sorted(one.status_code for one in answers) == [201, 409, 409]


async def test_the_second_of_two_sees_what_the_first_decided(service: Screening) -> None:
    answers = await in_turn(
        service, submission(service, "anna", age=17), submission(service, "bert")
    )
    assert [one.json()["attempt"] for one in answers] == [1, 2]  # the first was not eligible
    assert await revisions(service) == [(1, 1, False, "ineligible"), (2, 1, False, "eligible")]


async def test_a_signature_before_a_correction_falls_with_it(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    answers = await in_turn(
        service, lambda: service.sign(one), lambda: service.correct(one, age=60)
    )
    assert [said(answer) for answer in answers] == [(200, ""), (200, "")]
    assert await revisions(service) == [
        (1, 1, False, "eligible"),
        (1, 1, True, "eligible"),
        (1, 2, False, "eligible"),
    ]
    shown = await service.shown(one)
    assert (shown["revision"], shown["signed"], shown["stratum"]) == (2, False, "old")


async def test_a_signature_after_a_correction_is_for_what_was_seen(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    seen = {"meaning": "as I see it", "revision": one["revision"]}
    answers = await in_turn(
        service,
        lambda: service.correct(one, age=60),
        lambda: service.act(one, "signature", seen),
        lambda: service.act(one, "signature", {"meaning": "whatever it is"}),
    )
    assert [said(answer) for answer in answers] == [
        (200, ""),
        (409, "not-newest-revision"),
        (200, ""),
    ]
    assert (await revisions(service))[-2:] == [(1, 2, False, "eligible"), (1, 2, True, "eligible")]


async def test_a_correction_that_takes_eligibility_leaves_nothing_to_sign(
    service: Screening,
) -> None:
    one = await service.submit(SUBJECT)
    answers = await in_turn(
        service, lambda: service.correct(one, age=17), lambda: service.sign(one)
    )
    assert [said(answer) for answer in answers] == [(200, ""), (409, "not-eligible")]
    assert not any(signed for _, _, signed, _ in await revisions(service))


async def test_two_investigators_sign_once(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    answers = await in_turn(service, lambda: service.sign(one), lambda: service.sign(one))
    assert [said(answer) for answer in answers] == [(200, ""), (409, "already-signed")]
    assert await service.pool.fetchval("SELECT count(*) FROM signature") == 1


async def test_two_corrections_are_both_kept_each_with_what_it_replaced(
    service: Screening,
) -> None:
    one = await service.submit(SUBJECT)
    answers = await in_turn(
        service, lambda: service.correct(one, age=41), lambda: service.correct(one, age=42)
    )
    assert [answer.json()["revision"] for answer in answers] == [2, 3]
    record = await service.said(SUBJECT, "trialops.screening.record")
    replaced = [
        (change["old"], change["new"])
        for name, data in record
        if name == "ScreeningCorrected"
        for change in data["changes"]
    ]
    assert replaced == [(40, 41), (41, 42)]


@pytest.mark.parametrize("signed_first", [True, False])
async def test_a_failure_and_a_signature(service: Screening, signed_first: bool) -> None:
    one = await service.submit(SUBJECT)
    acts: list[Act] = [lambda: service.sign(one), lambda: service.fail(one)]
    answers = await in_turn(service, *(acts if signed_first else reversed(acts)))
    second = (200, "") if signed_first else (409, "screening-failed")
    assert [said(answer) for answer in answers] == [(200, ""), second]
    assert (await service.shown(one))["failed"]


async def test_a_failure_and_a_new_attempt(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    answers = await in_turn(service, lambda: service.fail(one), submission(service, "bert"))
    assert [answer.status_code for answer in answers] == [200, 201]
    late = await service.fail(one)
    assert said(late) == (409, "not-newest-attempt")


@pytest.mark.parametrize("drawn_first", [True, False])
async def test_a_draw_that_is_heard_while_the_site_ends_the_screening(
    service: Screening, drawn_first: bool
) -> None:
    one = await service.submit(SUBJECT)
    assert (await service.sign(one)).status_code == 200
    acts: list[Act] = [lambda: service.hears(randomized(SUBJECT)), lambda: service.fail(one)]
    answers = await in_turn(service, *(acts if drawn_first else reversed(acts)))
    [answer] = [answer for answer in answers if answer is not None]
    # The draw stands whatever is said after it; a failure before it was heard is known as one.
    assert said(answer) == ((409, "already-randomized") if drawn_first else (200, ""))
    shown = await service.shown(one)
    assert (shown["randomized"], shown["failed"]) == (True, not drawn_first)
    assert said(await submission(service, "anna")()) == (409, "already-randomized")


async def test_a_draw_of_an_attempt_before_is_for_the_subject(service: Screening) -> None:
    one = await service.submit(SUBJECT)
    assert (await service.sign(one)).status_code == 200
    assert (await service.correct(one, age=17)).status_code == 200
    second = await service.submit(SUBJECT)  # before the draw of the signed revision is heard
    await service.hears(randomized(SUBJECT))
    assert said(await submission(service, "anna")()) == (409, "already-randomized")
    assert said(await service.fail(second)) == (409, "already-randomized")
    assert (await service.correct(second, age=60)).status_code == 200  # a correction always is


@pytest.mark.parametrize("reason", ["site_closed", "consent_withdrawn"])
@pytest.mark.parametrize("refused_first", [True, False])
async def test_a_refusal_that_is_heard_while_the_site_corrects(
    service: Screening, reason: str, refused_first: bool
) -> None:
    one: Json = await service.submit(SUBJECT)
    acts: list[Act] = [
        lambda: service.hears(refused(one, reason)),
        lambda: service.correct(one, age=41),
    ]
    await in_turn(service, *(acts if refused_first else reversed(acts)))
    shown = await service.shown(one)
    # Of a corrected revision the randomizer will say again what it finds, but for a consent taken
    # back, which it tells once an attempt.
    again = reason == "consent_withdrawn"
    assert (shown["revision"], shown["refused"]) == (2, again)
    expected = (201, "") if again else (409, "screening-open")
    assert said(await submission(service, "anna")()) == expected

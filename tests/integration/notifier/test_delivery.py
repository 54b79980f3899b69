"""What a server answers decides what comes next; a message is never lost and never sent for fun."""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from services.notifier import claims, sending
from tests.integration.notifier.facts import reported
from tests.integration.notifier.house import House, house, person
from tests.integration.notifier.servers import DROP, HANG
from tests.waiting import until

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECRET = "a-secret-of-the-hook"


def events(said: list[dict[str, object]]) -> list[str]:
    """The rules of the alerts that were raised."""
    return [str(one["rule"]) for one in said]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("451 4.3.0 try later", "451 4.3.0 try later"),
        ("421 4.3.2 going down", "421 4.3.2 going down"),
        (DROP, "SMTPServerDisconnected"),
    ],
)
async def test_what_may_pass_is_tried_again_by_the_platforms_clock(
    notifier: House, answer: str, told: str
) -> None:
    await check_tried_again(notifier, answer, told)


async def test_a_mail_server_that_hangs_is_tried_again(postgres: str, tmp_path: Path) -> None:
    async with house(postgres, tmp_path, delivery_timeout_s=2) as notifier:
        await check_tried_again(notifier, HANG, "no answer in time")


async def check_tried_again(notifier: House, answer: str, told: str) -> None:
    """Twice this answer, then the letter is taken."""
    await notifier.call(person("officer", "safety_officer"))
    notifier.mail.answers["officer"] = [answer, answer]
    await notifier.hears(reported())
    await notifier.rest()
    assert notifier.mail.letters == []
    await notifier.passes(6 * MINUTE)
    [letter] = notifier.mail.letters
    failures = await notifier.said("AlertDeliveryFailed")
    assert [(one["attempt"], one["answer"]) for one in failures] == [(1, told), (2, told)]
    assert failures[0]["again_at"] == "2026-11-22T12:01:00Z"
    [delivered] = await notifier.said("AlertDelivered")
    assert (delivered["attempt"], delivered["answer"]) == (3, "250 2.0.0 kept")
    assert delivered["delivery"] in letter["Message-ID"]


async def test_a_refusal_is_final_and_the_next_contact_is_called_at_once(notifier: House) -> None:
    await notifier.call(
        person("first", "safety_officer", 1),
        person("second", "safety_officer", 2),
        person("manager", "trial_manager"),
    )
    notifier.mail.answers["first"] = ["550 5.1.1 <first@trial.example> unknown here"]
    await notifier.hears(reported(urgent=True))
    await notifier.rest()
    assert len(notifier.mail.to("second")) == 1
    [failed] = await notifier.said("AlertDeliveryFailed")
    assert (failed["again_at"], failed["answer"]) == (None, "550 5.1.1 (address) unknown here")
    assert "contact_unreached" in events(await notifier.said("AlertRaised"))
    assert "a contact cannot be reached" in notifier.mail.to("manager")[0]["Subject"]


async def test_a_letter_that_cannot_be_written_is_a_try_that_failed(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    # An address as no contact may be given one: a line break, once it is decoded.
    await notifier.pool.execute(
        "UPDATE contact SET channels = replace(channels::text, 'officer@', $1)::jsonb"
        " WHERE id = 'officer'",
        "=?utf-8?b?DQpCY2M6?=@",
    )
    await notifier.hears(reported())
    await notifier.passes(3 * HOUR)
    failures = await notifier.said("AlertDeliveryFailed")
    assert [one["answer"] for one in failures[:5]] == ["ValueError"] * 5
    assert "contact_unreached" in events(await notifier.said("AlertRaised"))
    assert "a contact cannot be reached" in notifier.mail.to("manager")[0]["Subject"]


async def test_the_tries_are_bounded(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    notifier.mail.answers["officer"] = ["451 later"] * 50
    await notifier.hears(reported())
    await notifier.passes(3 * HOUR)
    failures = await notifier.said("AlertDeliveryFailed")
    assert [one["attempt"] for one in failures[:5]] == [1, 2, 3, 4, 5]
    assert failures[4]["again_at"] is None


async def test_an_acknowledgement_ends_the_tries(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    notifier.mail.answers["officer"] = ["451 later"] * 50
    await notifier.hears(reported())
    await notifier.rest()
    [alert] = await notifier.alerts()
    path = f"/v1/alerts/{alert['id']}"
    await notifier.ask("POST", f"{path}/acknowledge", "safety_officer", {})
    asked = notifier.mail.asked
    await notifier.passes(2 * DAY)
    assert notifier.mail.asked == asked == 1
    answer = await notifier.ask("GET", f"{path}/deliveries", "safety_officer")
    [shown] = answer.json()["items"]
    assert (shown["state"], len(shown["tries"])) == ("cancelled", 1)


async def test_a_high_alert_takes_the_contacts_next_channel(notifier: House) -> None:
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": SECRET}
    await notifier.call(
        person("first", "safety_officer", 1, webhook), person("second", "safety_officer", 2)
    )
    notifier.mail.answers["first"] = ["550 no"]
    await notifier.hears(reported())
    await notifier.rest()
    assert len(notifier.hook.taken) == 1
    assert notifier.mail.to("second") == []


async def test_nobody_on_call_is_an_alert_and_no_endless_one(notifier: House) -> None:
    await notifier.call(person("manager", "trial_manager"))
    await notifier.hears(reported(urgent=True))
    await notifier.rest()
    assert events(await notifier.said("AlertRaised")) == ["urgent_safety_report", "nobody_on_call"]
    assert "an alert reached nobody" in notifier.mail.to("manager")[0]["Subject"]
    await notifier.call()
    await notifier.passes(2 * DAY)
    assert len(await notifier.alerts()) == 2
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    await notifier.rest()
    assert len(notifier.mail.to("officer")) == 1
    states = {alert["rule"]: alert["state"] for alert in await notifier.alerts()}
    assert states == {"urgent_safety_report": "open", "nobody_on_call": "settled"}


async def test_when_nobody_at_all_can_be_reached_it_ends_and_is_told(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    for name in ("officer", "manager"):
        notifier.mail.answers[name] = ["550 no"] * 500
    await notifier.hears(reported(urgent=True))
    await notifier.rest()
    rules = sorted(events(await notifier.said("AlertRaised")))
    assert rules == [
        "contact_unreached",
        "contact_unreached",
        "nobody_on_call",
        "nobody_on_call",
        "urgent_safety_report",
    ]
    await notifier.passes(7 * DAY)
    assert len(await notifier.alerts()) == 5
    assert notifier.mail.asked < 100
    notifier.mail.answers.clear()
    await notifier.passes(2 * DAY)
    states = {alert["rule"]: alert["state"] for alert in await notifier.alerts()}
    assert states == {
        "urgent_safety_report": "open",
        "contact_unreached": "settled",
        "nobody_on_call": "settled",
    }


async def test_a_webhook_is_signed_and_refuses_what_is_not_its_own(notifier: House) -> None:
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": SECRET}
    first = {**person("first", "safety_officer"), "channels": [webhook]}
    await notifier.call(first)
    notifier.hook.answers = [503, 200]
    await notifier.hears(reported())
    await notifier.passes(2 * MINUTE)
    one, again = notifier.hook.taken
    assert one.headers["webhook-id"] == again.headers["webhook-id"]
    assert one.body == again.body
    [alert] = await notifier.alerts()
    told = json.loads(one.body)
    assert told["alert"]["id"] == str(alert["id"])
    assert told["alert"]["url"] == f"https://portal.test/alerts/{alert['id']}"
    for taken in (one, again):
        head = f"{taken.headers['webhook-id']}.{taken.headers['webhook-timestamp']}."
        mac = hmac.digest(SECRET.encode(), head.encode() + taken.body, hashlib.sha256)
        assert taken.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    answers = [one["answer"] for one in await notifier.said("AlertDeliveryFailed")]
    assert answers == ["503 Service Unavailable"]


@pytest.mark.parametrize(
    ("answer", "told", "tried_again"),
    [
        (302, "302 a redirect is not followed", False),
        (404, "404 Not Found", False),
        (429, "429 Too Many Requests", True),
    ],
)
async def test_what_a_receiver_answers(
    notifier: House, answer: int | str, told: str, tried_again: bool
) -> None:
    await check_answer(notifier, answer, told, tried_again)


async def test_a_receiver_that_hangs_is_tried_again(postgres: str, tmp_path: Path) -> None:
    async with house(postgres, tmp_path, delivery_timeout_s=2) as notifier:
        await check_answer(notifier, HANG, "no answer in time", tried_again=True)


async def check_answer(notifier: House, answer: int | str, told: str, tried_again: bool) -> None:
    """One webhook is sent and so answered."""
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": SECRET}
    await notifier.call({**person("first", "safety_officer"), "channels": [webhook]})
    notifier.hook.answers = [answer]
    await notifier.hears(reported())
    await notifier.rest()
    [failed] = await notifier.said("AlertDeliveryFailed")
    assert (failed["answer"], failed["again_at"] is not None) == (told, tried_again)
    assert len(notifier.hook.taken) == 1


async def test_a_server_that_is_not_there_is_tried_again(postgres: str, tmp_path: Path) -> None:
    async with house(postgres, tmp_path, mail="127.0.0.1:1") as notifier:
        await notifier.call(person("officer", "safety_officer"))
        await notifier.hears(reported())
        await notifier.rest()
        [failed] = await notifier.said("AlertDeliveryFailed")
        assert failed["again_at"] is not None


async def test_without_a_mail_server_that_is_told(postgres: str, tmp_path: Path) -> None:
    async with house(postgres, tmp_path, mail=None) as notifier:
        await notifier.call(person("officer", "safety_officer"))
        await notifier.hears(reported())
        await notifier.rest()
        [failed] = await notifier.said("AlertDeliveryFailed")
        assert (failed["answer"], failed["again_at"]) == ("no mail server is set", None)


async def test_a_letter_whose_outcome_was_lost_comes_again_under_its_own_name(
    notifier: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the server took the letter and before that is written down."""
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(sending, "GRACE_S", 0)
    await notifier.call(person("officer", "safety_officer"))
    first = notifier.replicas[0]
    died = asyncio.Event()

    async def dies(*_: object) -> None:
        died.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(first.work, "transact", dies)
    second = await notifier.open(start=False)
    await notifier.hears(reported(), at=1)
    await asyncio.wait_for(died.wait(), 10)
    assert notifier.mail.asked == 1
    await first.stop()
    second.start()
    await notifier.rest()
    one, again = notifier.mail.letters
    assert one["Message-ID"] == again["Message-ID"]
    assert one.as_bytes() == again.as_bytes()
    assert len(await notifier.said("AlertDelivered")) == 1


_VICTIM = """
import asyncio, sys, json
from pathlib import Path
import asyncpg
from services.notifier.app import build
from shared.runtime.settings import Settings
from shared.runtime.work import Work
from shared.runtime.clock import PlatformClock
async def main():
    settings = Settings(**json.loads(sys.argv[1]))
    service = build(settings)
    schema = {"search_path": "notifier"}
    async with asyncpg.create_pool(settings.database, min_size=1, server_settings=schema) as pool:
        work = Work("notifier", pool, settings, PlatformClock().now, lambda: None)
        await service.jobs[0](work)
asyncio.run(main())
"""


async def test_kill_9_in_the_middle_of_a_letter(
    notifier: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed process held is sent by another once the lease is over, and told once."""
    await notifier.call(person("officer", "safety_officer"))
    await notifier.replicas[0].stop()
    notifier.mail.answers["officer"] = [HANG]
    await notifier.hears(reported())
    given = notifier.settings.model_dump(mode="json", exclude_none=True)
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", _VICTIM, json.dumps(given))
    try:

        async def in_the_middle() -> bool:
            return notifier.mail.asked == 1

        await until(in_the_middle, 30)
    finally:
        victim.kill()
        await victim.wait()
    held = await notifier.pool.fetchval("SELECT count(*) FROM delivery WHERE lease IS NOT NULL")
    assert held == 1
    assert await notifier.pool.fetchval("SELECT count(*) FROM timer WHERE kind = 'delivery'") == 1
    await notifier.pool.execute("UPDATE delivery SET lease_until = lease_until - interval '1 min'")
    notifier.replicas[0].start()
    await notifier.rest()
    assert len(notifier.mail.letters) == 1
    [delivered] = await notifier.said("AlertDelivered")
    assert delivered["attempt"] == 1


async def test_tries_are_kept_for_ever(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    await notifier.hears(reported())
    await notifier.rest()
    for statement in ("UPDATE try SET answer = ''", "DELETE FROM try", "DELETE FROM alert"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await notifier.pool.execute(statement)

"""Whom an alert calls, when, and until when: with real servers and time that the test moves."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.notifier.facts import (
    closed,
    dead,
    overdue,
    paused,
    reported,
    resolved,
    resumed,
    stopped,
    warned,
)
from tests.integration.notifier.house import House, person
from tests.integration.notifier.servers import SLOW
from tests.integration.runtime.records import Sent
from tests.waiting import until

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def acknowledge(
    notifier: House, alert: object, role: str = "safety_officer", note: str | None = None
) -> int:
    body = {} if note is None else {"note": note}
    answer = await notifier.ask("POST", f"/v1/alerts/{alert}/acknowledge", role, body)
    return answer.status_code


async def test_a_critical_alert_calls_one_after_the_other_until_somebody_acknowledges(
    notifier: House,
) -> None:
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": "a-secret-of-the-hook"}
    await notifier.call(
        person("first", "safety_officer", 1, webhook),
        person("second", "safety_officer", 2),
        person("manager", "trial_manager", 1),
    )
    await notifier.hears(reported(urgent=True))
    await notifier.rest()
    assert (len(notifier.mail.to("first")), len(notifier.hook.taken)) == (1, 1)
    await notifier.passes(14 * MINUTE)
    assert notifier.mail.to("second") == []
    await notifier.passes(2 * MINUTE)
    assert len(notifier.mail.to("second")) == 1
    await notifier.passes(5 * HOUR)
    assert (len(notifier.mail.to("first")), len(notifier.hook.taken)) == (2, 2)
    [alert] = await notifier.alerts()
    assert await acknowledge(notifier, alert["id"], note="I call the site") == 200
    sent = notifier.mail.asked
    await notifier.passes(3 * DAY)
    assert notifier.mail.asked == sent
    assert notifier.mail.to("manager") == []
    [alert] = await notifier.alerts()
    assert (alert["state"], alert["acknowledged_by"]) == ("settled", "someone")
    _, raised, *rest = await notifier.said()
    assert (raised["is"], raised["rule"]) == ("AlertRaised", "urgent_safety_report")
    steps = [(one["step"], one["contact"]) for one in rest if one["is"] == "AlertEscalated"]
    assert steps[:2] == [(2, "second"), (3, "first")]
    assert len([one for one in rest if one["is"] == "AlertDelivered"]) == sent + 2
    [acknowledged] = await notifier.said("AlertAcknowledged")
    assert (acknowledged["person"], acknowledged["settled"]) == ("someone", True)
    [noted] = await notifier.said("AlertNoted")
    assert noted["note"] == "I call the site"


async def test_a_week_without_anybody_is_not_hundreds_of_calls(notifier: House) -> None:
    await notifier.call(person("first", "safety_officer", 1), person("second", "safety_officer", 2))
    await notifier.hears(reported(urgent=True))
    await notifier.passes(7 * DAY)
    assert 14 <= notifier.mail.asked <= 24


async def test_a_high_alert_goes_to_one_channel_of_one_person(notifier: House) -> None:
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": "a-secret-of-the-hook"}
    await notifier.call(
        person("first", "safety_officer", 1, webhook), person("second", "safety_officer", 2)
    )
    await notifier.hears(reported())
    await notifier.rest()
    assert [letter["To"] for letter in notifier.mail.letters] == ["first@trial.example"]
    await notifier.passes(HOUR)
    assert len(notifier.mail.to("second")) == 1
    assert notifier.hook.taken == []


async def test_news_go_out_once_a_day_in_one_message(notifier: House) -> None:
    await notifier.call(person("manager", "trial_manager"), person("statistician", "statistician"))
    await notifier.hears(closed(1))
    await notifier.passes(19 * HOUR)
    assert notifier.mail.letters == []
    await notifier.passes(2 * HOUR)
    [letter] = notifier.mail.to("manager")
    assert "news of the day (1)" in letter["Subject"]
    assert len(notifier.mail.to("statistician")) == 1
    await notifier.passes(3 * DAY)
    assert len(notifier.mail.letters) == 2
    assert len(await notifier.said("AlertDelivered")) == 2


async def test_repeats_add_to_the_alert_and_call_nobody(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    first = reported()
    assert await notifier.hears(first, reported(2)) == []
    assert await notifier.hears(first.again(), reported(3)) == []
    await notifier.rest()
    [alert] = await notifier.alerts()
    assert alert["repeats"] == 3
    assert notifier.mail.asked == 1


async def test_an_acknowledgement_lapses_while_the_cause_stands(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    await notifier.hears(overdue(1))
    await notifier.rest()
    [alert] = await notifier.alerts()
    assert await acknowledge(notifier, alert["id"]) == 200
    await notifier.passes(23 * HOUR)
    assert notifier.mail.asked == 1
    await notifier.passes(2 * HOUR)
    assert notifier.mail.asked == 2
    assert len(await notifier.said("AlertLapsed")) == 1
    assert await acknowledge(notifier, alert["id"]) == 200
    await notifier.hears(stopped(2))
    await notifier.passes(3 * DAY)
    assert notifier.mail.asked == 2
    [alert] = await notifier.alerts()
    assert alert["state"] == "settled"


LETTER = uuid4()


@pytest.mark.parametrize(
    ("raising", "settling"),
    [
        (overdue(1), stopped(2)),
        (dead(LETTER, 1), resolved(LETTER, 2)),
        (paused(1), resumed(2)),
    ],
    ids=["clock", "dead letter", "pause"],
)
@pytest.mark.parametrize("settled", ["first", "last"])
async def test_what_settles_a_cause_may_come_before_what_raises_it(
    notifier: House, raising: Sent, settling: Sent, settled: str
) -> None:
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    order = [settling, raising] if settled == "first" else [raising, settling]
    for one in order:
        await notifier.hears(one)
    await notifier.passes(3 * DAY)
    assert notifier.mail.asked == (0 if settled == "first" else 1)
    [alert] = await notifier.alerts()
    assert alert["state"] == "settled"
    told = [one["alert"] for one in await notifier.said("AlertSettled")]
    assert told == ([] if settled == "first" else [str(alert["id"])])


async def test_a_pause_after_a_resumption_is_another_alert(notifier: House) -> None:
    await notifier.call(person("manager", "trial_manager"))
    await notifier.hears(paused(1), resumed(2), paused(3))
    await notifier.hears(resumed(2).again(7))
    await notifier.rest()
    assert [alert["state"] for alert in await notifier.alerts()] == ["settled", "open"]
    await notifier.hears(resumed(4))
    assert [alert["state"] for alert in await notifier.alerts()] == ["settled", "settled"]


async def test_letters_come_in_the_order_of_their_causes_after_a_time_away(
    notifier: House,
) -> None:
    await notifier.call(person("officer", "safety_officer"))
    notifier.mail.answers["officer"] = [SLOW]  # none overtakes it
    await notifier.replicas[0].stop()
    await notifier.hears(reported(1, urgent=True), warned(2), warned(3, "tenth"), overdue(4))
    notifier.now += 9 * DAY
    notifier.replicas[0].start()
    await notifier.rest()
    subjects = [str(letter["Subject"]) for letter in notifier.mail.to("officer")]
    assert [one.partition(": ")[2] for one in subjects[:4]] == [
        "a safety report has come in",
        "a reporting clock runs out",
        "a reporting clock runs out",
        "a reporting clock is overdue",
    ]


async def test_two_replicas_send_each_letter_once(notifier: House) -> None:
    await notifier.open()
    await notifier.call(person("first", "safety_officer", 1), person("second", "safety_officer", 2))
    await asyncio.gather(
        *(
            notifier.hears(reported(number, case=f"c{number}"), at=number % 2)
            for number in range(1, 21)
        )
    )
    await notifier.passes(2 * HOUR)
    for name in ("first", "second"):
        letters = notifier.mail.to(name)
        assert len({letter["Message-ID"] for letter in letters}) == len(letters) == 20
    assert len(await notifier.said("AlertRaised")) == 20
    assert len(await notifier.said("AlertEscalated")) == 20


async def test_a_critical_letter_goes_out_at_once(notifier: House) -> None:
    """The sender is told of the commit: it does not wait for its next look at the table."""
    await notifier.call(person("officer", "safety_officer"))
    took = []
    for number in range(1, 8):
        began = time.monotonic()
        await notifier.hears(reported(number, case=f"c{number}", urgent=True))

        async def there(number: int = number) -> bool:
            return len(notifier.mail.letters) == number

        await until(there, every=0.002)
        took.append(time.monotonic() - began)
    assert sorted(took)[3] < 0.25, took


async def test_a_fact_of_no_trial_calls_the_people_of_all(notifier: House) -> None:
    await notifier.call(person("here", "trial_manager", sub="both"))
    other = person("there", "trial_manager", 2)
    await notifier.call(other, trial="CDISCPILOT01")
    await notifier.hears(dead(uuid4(), 1, trial=None))
    await notifier.passes(HOUR)
    [alert] = await notifier.alerts()
    assert alert["trial"] is None
    assert (len(notifier.mail.to("here")), len(notifier.mail.to("there"))) == (1, 1)


async def test_a_record_that_cannot_be_read_stops_nothing(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"))
    good, bad = reported(1), reported(2, case="c2")
    broken = Sent(bad.topic, 0, 2, bad.key, b'{"case": 1}', bad.headers)
    letters = await notifier.hears(good, broken, reported(3, case="c3"))
    assert [letter["reason"] for letter in letters] == ["the data are no AdverseEventReported"]
    await notifier.rest()
    assert notifier.mail.asked == 2

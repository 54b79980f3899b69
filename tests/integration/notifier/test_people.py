"""Who may see and do what over HTTP, and what contacts are kept as."""

import json
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tests.integration.notifier.facts import closed, dead, overdue, reported
from tests.integration.notifier.house import TRIAL, House, Json, house, person

CONTACTS = f"/v1/trials/{TRIAL}/contacts"
SECRET = "a-secret-of-the-hook"


async def listed(notifier: House, role: str, query: str = "", **claims: Any) -> list[Json]:
    answer = await notifier.ask("GET", f"/v1/alerts{query}", role, **claims)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_an_alert_is_seen_by_those_whom_it_calls(notifier: House) -> None:
    await notifier.hears(reported(), closed(1), dead(uuid7(), 1, trial=None))

    async def rules(role: str, **claims: Any) -> set[str]:
        return {str(one["rule"]) for one in await listed(notifier, role, **claims)}

    assert await rules("safety_officer") == {"safety_report", "randomization_closed"}
    manager = {"randomization_closed", "dead_letter", "nobody_on_call"}
    assert await rules("trial_manager") == manager
    assert await rules("trial_manager", trials=[TRIAL]) == manager - {"dead_letter"}
    assert await rules("safety_officer", trials=["CDISCPILOT01"]) == set()
    assert await rules("safety_officer", sites=["IT002"]) == {"randomization_closed"}
    assert await rules("site") == set()
    [alert] = await listed(notifier, "safety_officer", "?severity=high")
    assert alert == alert | {
        "trial": TRIAL,
        "severity": "high",
        "event": "AdverseEventReported",
        "subject": "IT001-0007",
        "state": "open",
    }
    path = f"/v1/alerts/{alert['id']}"
    strangers: tuple[tuple[str, Json], ...] = (
        ("site", {}),
        ("safety_officer", {"sites": ["IT002"]}),
    )
    for who, claims in strangers:
        for method, end in (("GET", ""), ("GET", "/deliveries"), ("POST", "/acknowledge")):
            body: object = {} if method == "POST" else None
            refused = await notifier.ask(method, path + end, who, body, **claims)
            assert refused.status_code == 404


async def test_pages_and_filters(notifier: House) -> None:
    await notifier.hears(*(reported(n, case=f"c{n}") for n in range(1, 6)), overdue(6))
    first = (await notifier.ask("GET", "/v1/alerts?limit=4", "safety_officer")).json()
    assert len(first["items"]) == 4
    rest = await listed(notifier, "safety_officer", f"?limit=4&after={first['next']}")
    assert [one["rule"] for one in rest] == ["safety_report", "clock_overdue"]
    assert rest[1]["due"] == "2026-11-29T12:00:00Z"
    assert len(await listed(notifier, "safety_officer", f"?trial={TRIAL}&severity=critical")) == 1
    assert await listed(notifier, "safety_officer", "?state=settled") == []
    for query, status in (
        ("trial=UNKNOWN", 404),
        ("state=asleep", 422),
        ("after=x", 422),
        ("limit=0", 422),
    ):
        answer = await notifier.ask("GET", f"/v1/alerts?{query}", "safety_officer")
        assert answer.status_code == status, query
    other = await notifier.ask(
        "GET", f"/v1/alerts?trial={TRIAL}", "safety_officer", trials=["CDISCPILOT01"]
    )
    assert other.status_code == 404


async def test_an_alert_is_taken_up_once(notifier: House) -> None:
    await notifier.hears(reported(), overdue(2))
    settled, acknowledged = (one["id"] for one in await listed(notifier, "safety_officer"))
    for alert, state, then in (
        (settled, "settled", "already-settled"),
        (acknowledged, "acknowledged", "already-acknowledged"),
    ):
        path = f"/v1/alerts/{alert}/acknowledge"
        first = await notifier.ask("POST", path, "safety_officer", {"note": "mine"}, key="k")
        assert (first.status_code, first.json()["state"]) == (200, state)
        again = await notifier.ask("POST", path, "safety_officer", {"note": "mine"}, key="k")
        assert again.content == first.content
        late = await notifier.ask("POST", path, "safety_officer", {"note": None}, sub="other")
        assert (late.status_code, late.json()["type"]) == (409, f"/problems/{then}")
    bodies: tuple[object, ...] = ({"note": ""}, {"note": 3}, {"text": "x"}, [])
    for body in bodies:
        path = f"/v1/alerts/{settled}/acknowledge"
        answer = await notifier.ask("POST", path, "safety_officer", body)
        assert answer.status_code == 422, body


async def test_contacts_are_kept_and_their_secrets_are_not_shown(notifier: House) -> None:
    webhook = {"kind": "webhook", "url": notifier.hook.url, "secret": SECRET}
    put = await notifier.call(person("officer", "safety_officer", 2, webhook, sites=["IT001"]))
    got = (await notifier.ask("GET", CONTACTS, "trial_manager")).json()
    assert got == {"items": put, "next": None}
    [shown] = put
    assert shown["id"] == "officer"
    assert shown["channels"][1] == {"kind": "webhook", "url": notifier.hook.url}
    everything = await notifier.pool.fetch("SELECT contact::text FROM contact")
    [fact] = await notifier.said("ContactsChanged")
    assert SECRET not in f"{everything} {fact} {got}"
    without = {"kind": "webhook", "url": notifier.hook.url}
    await notifier.call(person("officer", "safety_officer", 1, without))
    await notifier.ask("POST", "/v1/contacts/officer/test", "trial_manager")
    await notifier.rest()
    [taken] = notifier.hook.taken
    assert taken.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"role": "boss"}, ["contacts", 0, "role"]),
        ({"order": "1"}, ["contacts", 0, "order"]),
        ({"order": 0}, ["contacts", 0, "order"]),
        ({"name": " "}, ["contacts", 0, "name"]),
        ({"channels": []}, ["contacts", 0, "channels"]),
        ({"sites": ["XX999"]}, ["contacts", 0, "sites", 0]),
        ({"more": 1}, ["contacts", 0, "more"]),
        ({"channels": [{"kind": "mail", "address": "no\r\nBcc: x@y.z"}]}, None),
        ({"channels": [{"kind": "mail", "address": "a@b.example>"}]}, None),
        ({"channels": [{"kind": "mail", "address": "=?utf-8?b?DQpCY2M6?=@b.example"}]}, None),
        ({"channels": [{"kind": "webhook", "url": "file:///etc/passwd", "secret": SECRET}]}, None),
        ({"channels": [{"kind": "webhook", "url": "http://u:p@h/", "secret": SECRET}]}, None),
        (
            {"channels": [{"kind": "webhook", "url": "http://h/"}]},
            ["contacts", 0, "channels", 0, "secret"],
        ),
        ({"channels": [{"kind": "pigeon", "address": "roof"}]}, None),
    ],
)
async def test_a_contact_that_cannot_be_is_refused_with_its_place(
    notifier: House, change: Json, loc: list[object] | None
) -> None:
    body = {"contacts": [{**person("officer", "safety_officer"), **change}]}
    answer = await notifier.ask("PUT", CONTACTS, "trial_manager", body)
    assert answer.status_code == 422, answer.text
    if loc:
        assert answer.json()["errors"][0]["loc"] == loc
    assert (await notifier.ask("GET", CONTACTS, "trial_manager")).json()["items"] == []


async def test_contacts_are_the_trial_managers(notifier: House) -> None:
    for role in ("site", "investigator", "safety_officer", "statistician", "auditor"):
        assert (await notifier.ask("GET", CONTACTS, role)).status_code == 403
    for path in (CONTACTS, "/v1/trials/UNKNOWN/contacts"):
        answer = await notifier.ask("GET", path, "trial_manager", trials=["CDISCPILOT01"])
        assert answer.status_code == 404
    await notifier.call(person("officer", "safety_officer"))
    taken = await notifier.ask(
        "PUT",
        "/v1/trials/CDISCPILOT01/contacts",
        "trial_manager",
        {"contacts": [person("officer", "safety_officer")]},
    )
    assert taken.json()["errors"][0]["loc"] == ["contacts", 0, "id"]
    test = "/v1/contacts/officer/test"
    for claims in ({"trials": ["CDISCPILOT01"]},):
        assert (await notifier.ask("POST", test, "trial_manager", **claims)).status_code == 404
    for name in ("nobody", "%00", "a%20b", "%F0%9F%92%89", "x" * 65):
        unknown = await notifier.ask("POST", f"/v1/contacts/{name}/test", "trial_manager")
        assert unknown.status_code == 404, name
    assert (await notifier.ask("POST", test, "site")).status_code == 403


async def test_a_test_tells_whether_a_contact_can_be_reached(notifier: House) -> None:
    await notifier.call(person("officer", "safety_officer"), person("manager", "trial_manager"))
    notifier.mail.answers["officer"] = ["550 5.7.1 no"]

    async def tested() -> Json:
        await notifier.ask("POST", "/v1/contacts/officer/test", "trial_manager")
        await notifier.rest()
        items = (await notifier.ask("GET", CONTACTS, "trial_manager")).json()["items"]
        return next(dict(item["test"]) for item in items if item["id"] == "officer")

    first = await tested()
    assert (first["reached"], first["answer"]) == (False, "mail: 550 5.7.1 no")
    [alert] = await listed(notifier, "trial_manager")
    assert (alert["event"], alert["state"]) == ("ContactUnreached", "open")
    assert len(notifier.mail.to("manager")) == 1
    assert (await tested())["reached"] is True
    [alert] = await listed(notifier, "trial_manager")
    assert alert["state"] == "settled"
    said = [one["reached"] for one in await notifier.said("ContactTested")]
    assert said == [False, True]


async def test_the_first_contacts_are_taken_from_the_file_once(
    postgres: str, tmp_path: Path
) -> None:
    one = {name: value for name, value in person("x", "safety_officer").items() if name != "id"}
    file = tmp_path / "contacts.json"
    file.write_text(json.dumps({"*": {"contacts": [one]}, TRIAL: {"contacts": [one, one]}}))
    async with house(postgres, tmp_path, contacts=file) as notifier:
        await notifier.open()
        got = (await notifier.ask("GET", CONTACTS, "trial_manager")).json()["items"]
        assert len(got) == 2
        other = "/v1/trials/CDISCPILOT01/contacts"
        assert len((await notifier.ask("GET", other, "trial_manager")).json()["items"]) == 1
        await notifier.call()
        await notifier.open()
        assert (await notifier.ask("GET", CONTACTS, "trial_manager")).json()["items"] == []

"""Signing in, what every page sends along, forms that must be one's own, whose rows are seen."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.portal import sessions, sign_in
from services.portal.pages import PAGES
from services.portal.security import COOKIE
from shared.runtime.clock import wall
from tests.integration.portal.house import TRIAL, House, person
from tests.integration.portal.said import raised, randomized, reported, screened

HOME = f"/trials/{TRIAL}/subjects"


async def said(portal: House) -> list[tuple[str, Any]]:
    """What the portal has said so far: the names of its events, and about whom."""
    rows = await portal.work.pool.fetch("SELECT headers::jsonb, value FROM outbox ORDER BY id")
    return [(str(row[0]), row[1].decode()) for row in rows]


async def test_the_right_password_opens_a_session_that_only_a_hash_is_kept_of(
    portal: House,
) -> None:
    async with portal.browser() as browser:
        answer = await browser.sign_in("anna")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        secret = browser.http.cookies[COOKIE]
        assert len(secret) >= 43
        row = await portal.work.pool.fetchrow("SELECT s.*, s::text AS text FROM session AS s")
        assert row is not None
        assert row["person"] == "anna" and secret not in row["text"]
        assert "Anna" in await browser.see(HOME)
    events = await said(portal)
    assert "SignedIn" in events[0][0]
    assert '"person":"anna"' in events[0][1]


@pytest.mark.parametrize("name", ["anna", "nobody"])
async def test_a_wrong_password_and_an_unknown_name_look_the_same(portal: House, name: str) -> None:
    async with portal.browser() as browser:
        answer = await browser.sign_in(name, "wrong")
        assert answer.status_code == 422
        assert "Name and password do not go together." in answer.text
        assert COOKIE not in browser.http.cookies
        await browser.see(HOME, 303)
    [(headers, value)] = await said(portal)
    assert "SignInRefused" in headers
    assert ("anna" in value) is (name == "anna") and "nobody" not in value


async def test_tries_are_bounded_for_a_name_and_another_name_goes_on(portal: House) -> None:
    async with portal.browser() as browser:
        for _ in range(10):
            assert (await browser.sign_in("anna", "wrong")).status_code == 422
        answer = await browser.sign_in("anna")
        assert answer.status_code == 429
        assert (await browser.sign_in("bert")).status_code == 303
        await portal.work.pool.execute(
            "UPDATE sign_in_failure SET since = since - interval '16 minutes'"
        )
        assert (await browser.sign_in("anna")).status_code == 303


async def test_whoever_guesses_somebodys_password_does_not_shut_them_out(portal: House) -> None:
    async with portal.browser(at="127.0.0.2") as stranger, portal.browser() as browser:
        for _ in range(10):
            await stranger.sign_in("anna", "wrong")
        assert (await stranger.sign_in("anna")).status_code == 429
        assert (await browser.sign_in("anna")).status_code == 303


async def test_whoever_tries_many_names_shuts_the_door_for_their_own_address(portal: House) -> None:
    async with portal.browser(at="127.0.0.2") as stranger, portal.browser() as browser:
        await stranger.sign_in("nobody", "wrong")
        await portal.work.pool.execute("UPDATE sign_in_failure SET count = 299")
        assert (await stranger.sign_in("nemo", "wrong")).status_code == 422
        assert (await stranger.sign_in("anna")).status_code == 429
        assert (await browser.sign_in("anna")).status_code == 303


async def test_tries_at_once_are_as_few_as_one_after_the_other(portal: House) -> None:
    async with portal.browser() as browser:
        answers = await asyncio.gather(*(browser.sign_in("anna", "wrong") for _ in range(25)))
    told = Counter(answer.status_code for answer in answers)
    # Two are looked at side by side, so one may be under way while the last is counted.
    assert told.keys() == {422, 429} and 10 <= told[422] <= 11


async def test_a_crowd_at_the_door_leaves_room_for_the_other_pages(
    portal: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with portal.browser("bert") as inside, portal.browser() as browser:
        with monkeypatch.context() as crowded:
            crowded.setattr(sign_in, "_WAITING", 0)
            answer = await browser.sign_in("anna")
            assert answer.status_code == 503
            assert "Try again in a minute" in answer.text
            await inside.see(HOME)
        assert (await browser.sign_in("anna")).status_code == 303


async def test_old_failures_are_forgotten(portal: House) -> None:
    async with portal.browser() as browser:
        for name in ("nobody", "nemo", "niemand"):
            await browser.sign_in(name, "wrong")
        await portal.work.pool.execute(
            "UPDATE sign_in_failure SET since = since - interval '16 minutes'"
        )
        await browser.sign_in("anna", "wrong")
    # Of the name at this address, and of the address.
    assert await portal.work.pool.fetchval("SELECT count(*) FROM sign_in_failure") == 2


async def test_a_session_ends_by_age_by_idleness_and_with_its_person(portal: House) -> None:
    async with portal.browser("anna") as browser:
        await browser.see(HOME)
        await portal.work.pool.execute("UPDATE session SET seen_at = $1", wall() - sessions.IDLE)
        await browser.see(HOME, 303)
        await portal.work.pool.execute("UPDATE session SET seen_at = $1", wall())
        await browser.see(HOME)
        await portal.work.pool.execute("UPDATE session SET ends_at = $1", wall())
        await browser.see(HOME, 303)
    async with portal.browser("anna") as browser:
        portal.people.write_text("[]")
        await browser.see(HOME, 303)


async def test_what_a_page_fetches_by_itself_keeps_no_session_alive(portal: House) -> None:
    async with portal.browser("anna") as browser:
        long_ago = wall() - timedelta(minutes=30)
        await portal.work.pool.execute("UPDATE session SET seen_at = $1", long_ago)
        await browser.http.get(HOME, headers={"hx-request": "true"})
        assert await portal.work.pool.fetchval("SELECT seen_at FROM session") == long_ago
        await browser.see(HOME)
        assert await portal.work.pool.fetchval("SELECT seen_at FROM session") > long_ago


async def test_signing_out_ends_the_session_itself(portal: House) -> None:
    async with portal.browser("anna") as browser:
        secret = browser.http.cookies[COOKIE]
        answer = await browser.send("/sign-out", {}, page=HOME)
        assert answer.status_code == 303
        browser.http.cookies.set(COOKIE, secret)
        await browser.see(HOME, 303)
    assert "SignedOut" in (await said(portal))[-1][0]


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize("body", [b"a" * 9000, b"a&" * 2500], ids=["bytes", "fields"])
async def test_a_form_too_large_is_told_so_before_the_door(
    portal: House, path: str, body: bytes
) -> None:
    async with portal.browser() as browser:
        answer = await browser.http.post(path, content=body, headers={"origin": browser.url})
        assert answer.status_code == 413
        assert "content-security-policy" in answer.headers


async def test_an_origin_that_is_none_is_refused(portal: House) -> None:
    async with portal.browser() as browser:
        answer = await browser.http.post("/sign-in", headers={"origin": "http://[evil"})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "evil"]
)
async def test_signing_in_leads_nowhere_else(portal: House, onward: str) -> None:
    async with portal.browser() as browser:
        answer = await browser.sign_in("anna", next=onward)
        assert answer.headers["location"] == "/"


async def test_a_link_is_followed_after_signing_in(portal: House) -> None:
    async with portal.browser() as browser:
        answer = await browser.http.get("/alerts/a1?x=1")
        assert answer.headers["location"] == "/sign-in?next=%2Falerts%2Fa1%3Fx%3D1"
        answer = await browser.sign_in("anna", next="/alerts/a1?x=1")
        assert answer.headers["location"] == "/alerts/a1?x=1"


async def test_every_page_has_the_strict_headers(portal: House) -> None:
    async with portal.browser("tom") as browser:
        for path in ("/sign-in", "/", f"/trials/{TRIAL}/enrolment", "/alerts/none", HOME):
            answer = await browser.http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


async def test_no_page_has_script_or_style_of_its_own(portal: House) -> None:
    await portal.hear(screened(), randomized(), reported(), raised())
    async with portal.browser("tom") as browser:
        for page in ("enrolment", "operations", "alerts"):
            text = await browser.see(f"/trials/{TRIAL}/{page}")
            assert " style=" not in text and "<style" not in text and " on" + "click" not in text
            assert text.count("<script") == text.count("<script src=")


FORMS = [page for page in PAGES if page.method == "POST"]


@pytest.mark.parametrize("page", FORMS, ids=[page.path for page in FORMS])
async def test_a_form_without_its_token_is_refused(portal: House, page: Any) -> None:
    who = next(s for s, r in ROLES.items() if r in page.roles)
    path = page.path.format_map(_Any())
    async with portal.browser(who) as browser:
        for token in ("", "0" * 64):
            answer = await browser.http.post(
                path, data={"csrf": token}, headers={"origin": browser.url}
            )
            assert answer.status_code == 403
            assert "no longer valid" in answer.text


ROLES = {
    "ines": "investigator",
    "anna": "site",
    "olga": "safety_officer",
    "tom": "trial_manager",
    "ada": "statistician",
    "noor": "auditor",
}


class _Any(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return TRIAL if name.startswith("trial") else "x"


async def test_a_form_of_another_site_is_refused_with_the_right_token(portal: House) -> None:
    path = f"/trials/{TRIAL}/enrolment/pause"
    async with portal.browser("tom") as browser:
        answer = await browser.send(path, {"reason": "x"}, origin="https://evil.example")
        assert answer.status_code == 403
        answer = await browser.send(path, {"reason": "x"}, origin="null")
        assert answer.status_code == 403


async def test_a_person_sees_the_rows_of_their_own_sites_alone(portal: House) -> None:
    await portal.hear(screened("T1-001"), screened("T2-002"), reported("T1-001"))
    async with portal.browser("anna") as browser:
        text = await browser.see(HOME)
        assert "T1-001" in text and "T2-002" not in text
        assert "T1-001" in await browser.see(f"/trials/{TRIAL}/adverse-events")
    async with portal.browser("bert") as browser:
        text = await browser.see(HOME)
        assert "T2-002" in text and "T1-001" not in text
        for query in ("", "?subject=T1-001"):
            text = await browser.see(f"/trials/{TRIAL}/adverse-events{query}")
            assert "adverse-events/c1" not in text
    async with portal.browser("zoe") as browser:
        await browser.see(HOME, 404)
        await browser.see("/trials/NO-SUCH-TRIAL/subjects", 404)


async def test_a_page_is_for_its_roles(portal: House) -> None:
    seen = {
        sub: {
            page.path
            for page in PAGES
            if page.method == "GET" and page.path.count("{") == 1 and "{trial}" in page.path
        }
        for sub in ROLES
    }
    for sub, paths in seen.items():
        async with portal.browser(sub) as browser:
            for path in sorted(paths):
                page = next(p for p in PAGES if p.path == path and p.method == "GET")
                answer = await browser.http.get(path.format(trial=TRIAL))
                assert (answer.status_code == 403) is (ROLES[sub] not in page.roles), (sub, path)
                assert answer.status_code != 500, (sub, path, answer.text)


async def test_an_alert_calls_only_whom_it_calls(portal: House) -> None:
    await portal.hear(raised())
    async with portal.browser("olga") as browser:
        assert "Acknowledge" in await browser.see(f"/trials/{TRIAL}/alerts")
        text = await browser.see("/alerts/a1")
        assert "T1-001" in text and "does not answer" in text
    async with portal.browser("tom") as browser:
        assert "/alerts/a1" not in await browser.see(f"/trials/{TRIAL}/alerts")
        await browser.see("/alerts/a1", 404)


async def test_a_service_that_is_down_is_a_sentence_and_keeps_what_was_typed(
    portal: House,
) -> None:
    await portal.hear(randomized())
    async with portal.browser("tom") as browser:
        text = await browser.see(f"/trials/{TRIAL}/enrolment")
        assert "Randomization does not answer at the moment." in text
        answer = await browser.send(
            f"/trials/{TRIAL}/enrolment/pause", {"reason": "a reason <b>typed</b>"}
        )
        assert answer.status_code == 503
        assert "a reason &lt;b&gt;typed&lt;/b&gt;</textarea>" in answer.text
    async with portal.browser("anna") as browser:
        text = await browser.see(HOME)
        assert "T1-001" in text and "does not answer" in text


async def test_the_database_away_is_a_sentence_too(portal: House) -> None:
    async with portal.browser("anna") as browser:
        owner = await asyncpg.connect(portal.owner)
        try:
            await owner.execute("ALTER TABLE portal.session RENAME TO gone")
            answer = await browser.http.get(HOME)
            assert answer.status_code == 503
            assert "cannot reach its database" in answer.text
        finally:
            await owner.execute("ALTER TABLE portal.gone RENAME TO session")
            await owner.close()


async def test_the_first_home_is_where_something_goes_on(portal: House) -> None:
    portal.people.write_text(json.dumps([person("max", "trial_manager", trials=["*"])]))
    await portal.hear(screened(), trial="TSITE")
    async with portal.browser("max") as browser:
        home = await browser.http.get("/")
        assert home.headers["location"] == "/trials/TSITE/enrolment"
        await browser.see("/trials/TPAUSE/enrolment")
        home = await browser.http.get("/")
        assert home.headers["location"] == "/trials/TPAUSE/enrolment"

"""The forms over real HTTP: a screening and an adverse event from the first word to the last."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.portal.house import TRIAL, Browser, House
from tests.integration.portal.neighbours import street

NEW = f"/trials/{TRIAL}/screenings/new"
CHECK = f"/trials/{TRIAL}/screenings/check"
EVENT = f"/trials/{TRIAL}/adverse-events/new"
FORM = {
    "site": "T1",
    "number": "001",
    "form/age": "40",
    "form/consent_signed": "true",
    "form/weight/value": "70,50",
    "form/weight/unit": "kg",
}
STOOD = {name: text for name, text in FORM.items() if name.startswith("form/")}
EVENT_FORM = {
    "subject": "T1-001",
    "form/term": "fall <b>from bed</b>",
    "form/site_aware_at": "2026-03-01T09:30",
    "form/seriousness": "death",
    "form/grade": "5",
}


@pytest.fixture
async def house(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    """A portal with screening and safety."""
    async with street(postgres, tmp_path) as opened:
        yield opened


async def screened(browser: Browser, **others: str) -> str:
    """Where the screening that was kept is."""
    answer = await browser.send(NEW, FORM | {"once": str(uuid4())} | others)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def test_a_form_is_kept_and_shown_with_its_verdict_and_evidence(house: House) -> None:
    async with house.browser("anna") as browser:
        page = await browser.see(f"{await screened(browser)}?told=screened")
        assert "The form is kept." in page
        assert "Eligible" in page
        assert "Age <b>40</b>" in page


@pytest.mark.parametrize("once", [str(uuid4()), "１２", "2 "], ids=["ours", "no-ascii", "space"])
async def test_sending_a_form_twice_keeps_it_once(house: House, once: str) -> None:
    async with house.browser("anna") as browser:
        assert await screened(browser, once=once) == await screened(browser, once=once)


async def test_what_is_wrong_is_told_beside_it_and_in_a_summary_and_all_stays_typed(
    house: House,
) -> None:
    wrong = FORM | {"form/age": "forty", "form/weight/unit": "cm", "number": "1"}
    async with house.browser("anna") as browser:
        answer = await browser.send(NEW, wrong)
        assert answer.status_code == 422
        page = answer.text
        assert 'href="#form/age">Age</a> must be a whole number' in page
        assert 'href="#form/weight/value">Weight, unit</a> cannot be converted to kg' in page
        assert 'href="#number">Number</a> must be 3 to 6 digits' in page
        assert 'id="q-age-error1"' in page and 'aria-describedby="q-age-hint q-age-error1"' in page
        for text in (
            'value="forty"',
            'value="70,50"',
            'value="cm" selected',
            'value="true" checked',
        ):
            assert text in page


async def test_the_verdict_while_typing_is_a_fragment_and_keeps_nothing(house: House) -> None:
    async with house.browser("anna") as browser:
        typing = FORM | {"number": "", "form/age": "17"}
        answer = await browser.send(CHECK, typing, page=NEW, **{"hx-request": "true"})
        assert "<html" not in answer.text
        assert "Not eligible: 1 criterion in the way" in answer.text
        whole = await browser.send(CHECK, typing, page=NEW)
        assert "<html" in whole.text
        assert 'value="17"' in whole.text
        assert "Nothing is known" in await browser.see(f"/trials/{TRIAL}/subjects/T1-001")


async def test_not_known_and_nothing_said_are_told_apart(house: House) -> None:
    async with house.browser("anna") as browser:
        typing = {"site": "T1", "number": "", "form/age/is": "?"}
        page = (await browser.send(CHECK, typing, page=NEW)).text
        assert "2 without an answer · 1 not known" in page
        assert 'id="form/age/is=?" value="?" checked' in page


async def test_another_sites_screening_is_not_there(house: House) -> None:
    async with house.browser("anna") as browser:
        where = await screened(browser)
        answer = await browser.send(NEW, FORM | {"site": "T2"})
        assert answer.status_code == 422
    async with house.browser("bert") as other:
        for path in ("", "/corrections"):
            await other.see(where + path, 404)
        await other.see(f"/trials/{TRIAL}/subjects/T1-001", 404)
        await other.see(f"{EVENT}?subject=T1-001", 422)
    async with house.browser("tom") as manager:
        await manager.see(where, 403)


async def test_a_correction_shows_old_and_new_before_it_is_kept(house: House) -> None:
    async with house.browser("anna") as browser:
        path = await screened(browser) + "/corrections"
        page = await browser.see(path)
        assert 'value="40"' in page
        assert 'value="70.50"' in page  # no criterion reads it
        changed = STOOD | {"form/age": "17", "reason": "misread"}
        answer = await browser.send(path, changed)
        assert answer.status_code == 200
        assert "<del>40</del>" in answer.text
        assert "<ins>17</ins>" in answer.text
        assert "Not eligible: 1 criterion in the way" in answer.text  # before it is kept
        assert "Adult." in answer.text
        reviewed = answer.text.partition('name="reviewed" value="')[2].partition('"')[0]
        other = await browser.send(path, changed | {"form/age": "16", "reviewed": reviewed})
        assert other.status_code == 200  # something else than was looked at: look again
        kept = await browser.send(path, changed | {"reviewed": reviewed, "once": str(uuid4())})
        assert kept.status_code == 303
        assert "Not eligible" in await browser.see(kept.headers["location"])
        back = await browser.send(path, STOOD | {"reason": "misread", "reviewed": reviewed})
        assert back.status_code == 200  # another revision than was looked at
        assert "<del>17</del>" in back.text


async def test_a_correction_that_breaks_a_rule_is_told_before_it_is_looked_at(
    house: House,
) -> None:
    async with house.browser("anna") as browser:
        path = await screened(browser) + "/corrections"
        wrong = STOOD | {"form/weight/unit": "mm", "reason": "x"}
        answer = await browser.send(path, wrong)
        assert answer.status_code == 422
        assert "to be put right" in answer.text
        assert "What changes" not in answer.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"form/age": "17"}, "Is needed: say why"),
        ({"form/age": "40", "reason": "x"}, "says what it said before"),
        ({"form/age": "", "reason": "x"}, "Had a value: give one"),
    ],
)
async def test_a_correction_that_says_too_little_is_not_kept(
    house: House, changes: dict[str, str], said: str
) -> None:
    async with house.browser("anna") as browser:
        path = await screened(browser) + "/corrections"
        answer = await browser.send(path, STOOD | changes)
        assert answer.status_code == 422
        assert said in answer.text


async def test_an_investigator_signs_and_a_coordinator_cannot(house: House) -> None:
    async with house.browser("anna") as browser:
        where = await screened(browser)
        assert "/signature" not in await browser.see(where)
        refused = await browser.send(f"{where}/signature", {"meaning": "x"}, page=where)
        assert refused.status_code == 403
    async with house.browser("ines") as investigator:
        empty = await investigator.send(f"{where}/signature", {"meaning": " "}, page=where)
        assert empty.status_code == 422
        assert "must not be empty" in empty.text
        stale = {"meaning": "checked", "revision": "2"}
        other = await investigator.send(f"{where}/signature", stale, page=where)
        assert other.status_code == 409
        assert "has been corrected" in other.text
        assert 'name="revision" value="1"' in other.text
        seen = {"meaning": "checked", "revision": "1"}
        signed = await investigator.send(f"{where}/signature", seen, page=where)
        assert signed.status_code == 303
        page = await investigator.see(where)
        assert "<dd>signed</dd>" in page
        assert "/signature" not in page
        again = await investigator.send(f"{where}/signature", {"meaning": "checked"}, page=where)
        assert again.status_code == 409
        assert "has been signed" in again.text


async def test_a_screening_is_ended_with_a_reason(house: House) -> None:
    async with house.browser("anna") as browser:
        where = await screened(browser)
        fields = {"reason": "moved away", "code": "lost_to_follow_up"}
        unknown = await browser.send(f"{where}/failure", fields | {"code": "x"}, page=where)
        assert unknown.status_code == 422
        ended = await browser.send(f"{where}/failure", fields, page=where)
        assert ended.status_code == 303
        assert "Screen failure" in await browser.see(where)


async def reported(browser: Browser, **others: str) -> str:
    """Where the case is."""
    answer = await browser.send(EVENT, EVENT_FORM | others, page=f"{EVENT}?subject=T1-001")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def test_an_event_is_reported_in_the_sites_time_and_its_clocks_are_shown(
    house: House,
) -> None:
    async with house.browser("ines") as browser:
        page = await browser.see(await reported(browser))
        assert "fall &lt;b&gt;from bed&lt;/b&gt;" in page
        assert "SUSAR" in page
        assert "Expedited report, 7 days" in page
        assert "2026-03-01 09:30 CET" in page
        assert "EU-CTR: SUSAR" in page


async def test_an_event_says_whether_it_was_serious(house: House) -> None:
    async with house.browser("ines") as browser:
        unsaid = {name: text for name, text in EVENT_FORM.items() if "serious" not in name}
        answer = await browser.send(EVENT, unsaid, page=f"{EVENT}?subject=T1-001")
        assert answer.status_code == 422
        assert "tick what it meant" in answer.text
        assert "fall &lt;b&gt;from bed" in answer.text
        where = await reported(browser, **{"form/seriousness": "[]"})
        assert "not serious" in await browser.see(where)


async def test_causality_is_asked_of_an_investigator(house: House) -> None:
    async with house.browser("anna") as coordinator:
        assert "form/causality" not in await coordinator.see(f"{EVENT}?subject=T1-001")
    async with house.browser("ines") as investigator:
        page = await investigator.see(f"{EVENT}?subject=T1-001")
        assert "form/causality/surgery" in page  # the arm is not known: it could be


async def test_a_follow_up_is_a_new_version_with_what_it_changed(house: House) -> None:
    async with house.browser("ines") as browser:
        where = await reported(browser)
        path = f"{where}/follow-ups"
        assert 'value="2026-03-01T09:30"' in await browser.see(path)
        same = {name: text for name, text in EVENT_FORM.items() if name != "subject"}
        nothing = await browser.send(path, same)
        assert nothing.status_code == 422
        kept = await browser.send(path, same | {"form/outcome": "fatal"})
        assert kept.status_code == 303, kept.text
        page = await browser.see(where)
        assert "Follow-up, version 2" in page
        assert "<del>not known</del>" in page
        assert "<ins>fatal</ins>" in page


async def test_a_safety_officer_judges_and_records_a_report_and_a_site_cannot(
    house: House,
) -> None:
    async with house.browser("anna") as site:
        where = await reported(site)
        assert "/assessments" not in await site.see(where)
        refused = await site.send(f"{where}/assessments", {"reason": "x"}, page=NEW)
        assert refused.status_code == 403
    async with house.browser("olga") as officer:
        without = await officer.send(f"{where}/assessments", {"reason": ""}, page=where)
        assert without.status_code == 422
        assert "A reason is needed." in without.text
        judged = {"causality/surgery": "related", "expected/surgery": "false", "reason": "label"}
        answer = await officer.send(f"{where}/assessments", judged, page=where)
        assert answer.status_code == 303
        assert "Surgery: related, unexpected" in await officer.see(where)
        sent = {"what": "EU-CTR expedited_7", "submitted_at": "2026-03-01T12:00"}
        never = await officer.send(
            f"{where}/submissions", sent | {"submitted_at": "soon"}, page=where
        )
        assert never.status_code == 422
        assert (await officer.send(f"{where}/submissions", sent, page=where)).status_code == 303
        page = await officer.see(where)
        assert "Report sent to EU-CTR" in page
        assert "Follow-up report, 8 days" in page


async def test_survival_and_withdrawal_are_told_on_the_subjects_page(house: House) -> None:
    here = f"/trials/{TRIAL}/subjects/T1-001"
    async with house.browser("anna") as browser:
        future = {"status": "alive", "date": "2026-03-02"}
        answer = await browser.send(f"{here}/survival", future, page=here)
        assert answer.status_code == 422
        assert "is in the future" in answer.text
        dead = {"status": "dead", "date": "2026-02-28", "cause": "pneumonia"}
        assert (await browser.send(f"{here}/survival", dead, page=here)).status_code == 303
        left = {"from": "treatment", "date": "2026-02-20", "reason": ""}
        answer = await browser.send(f"{here}/withdrawals", left, page=here)
        assert "no reason was given" in answer.text
        left["reason"] = "own wish"
        assert (await browser.send(f"{here}/withdrawals", left, page=here)).status_code == 303
        twice = await browser.send(f"{here}/withdrawals", left, page=here)
        assert twice.status_code == 409


async def test_a_subjects_life_is_told_in_order(house: House) -> None:
    async with house.browser("ines") as browser:
        await screened(browser)
        await reported(browser)
        page = await browser.see(f"/trials/{TRIAL}/subjects/T1-001")
        assert "Screening 1: eligible" in page
        assert "Randomization does not answer" in page
    async with house.browser("tom") as manager:
        page = await manager.see(f"/trials/{TRIAL}/subjects/T1-001")
        assert "fall" not in page
        assert "/survival" not in page


async def test_a_page_that_told_what_was_wrong_can_be_loaded_again(house: House) -> None:
    async with house.browser("anna") as browser:
        for tried in ("survival", "withdrawals"):
            await browser.see(f"/trials/{TRIAL}/subjects/T1-001/{tried}")
        where = await screened(browser)
        await browser.see(f"{where}/signature")
        case = await reported(browser)
        await browser.see(f"{case}/submissions")


async def test_screening_away_keeps_what_was_typed(portal: House) -> None:
    async with portal.browser("anna") as browser:
        answer = await browser.send(NEW, FORM)
        assert answer.status_code == 503
        assert "Screening does not answer" in answer.text
        assert 'value="70,50"' in answer.text

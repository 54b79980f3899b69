"""The screening log's page over real HTTP, for each role that may see it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.portal.house import TRIAL, Browser, House
from tests.integration.portal.neighbours import street

LOG = f"/trials/{TRIAL}/screening-log"
NEW = f"/trials/{TRIAL}/screenings/new"
FORM = {
    "site": "T1",
    "form/age": "40",
    "form/consent_signed": "true",
    "form/weight/value": "70",
    "form/weight/unit": "kg",
}


@pytest.fixture
async def house(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    async with street(postgres, tmp_path) as opened:
        yield opened


async def screened(browser: Browser, number: str, **others: str) -> str:
    """Where the screening is."""
    form = FORM | {"number": number, "once": str(uuid4())} | others
    answer = await browser.send(NEW, form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def test_the_flow_and_the_dearest_criterion_are_shown(house: House) -> None:
    async with house.browser("anna") as browser:
        assert "Nobody has been screened yet." in await browser.see(LOG)
        await screened(browser, "001", **{"form/age": "17"})
        await screened(browser, "002", **{"form/age": "16", "form/consent_signed": "false"})
        ended = await screened(browser, "003")
        fields = {"reason": "private words", "code": "lost_to_follow_up"}
        assert (await browser.send(f"{ended}/failure", fields, page=ended)).status_code == 303
        await screened(browser, "004")
        page = await browser.see(LOG)
        assert "<b>4</b> assessed for eligibility" in page
        assert "<b>3</b> excluded" in page
        assert "<b>2</b> not meeting the criteria" in page
        assert "<b>1</b> still in screening" in page
        assert page.index('id="row-I1"') < page.index('id="row-I2"')  # I1 alone kept one out
        assert "Lost to follow-up" in page
        assert "private words" not in page
        assert "T1-00" not in page
        assert LOG in await browser.see(f"/trials/{TRIAL}/subjects")


async def test_it_is_taken_away_as_csv(house: House) -> None:
    async with house.browser("anna") as browser:
        await screened(browser, "001", **{"form/age": "17"})
        answer = await browser.http.get(f"{LOG}.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        named = f'attachment; filename="screening-log-{TRIAL}.csv"'
        assert answer.headers["content-disposition"] == named
        assert f"{TRIAL},T1,consort,not_meeting_criteria,1," in answer.text.splitlines()


async def test_it_is_for_the_own_sites_and_for_its_roles(house: House) -> None:
    async with house.browser("anna") as browser:
        await screened(browser, "001")
    async with house.browser("bert") as other:
        assert "Nobody has been screened yet." in await other.see(LOG)
        for address in (f"{LOG}?site=T1", f"{LOG}.csv?site=T1"):
            await other.see(address, 404)
        await other.see(f'{LOG}?site=T1"%0d%0ax: y', 422)
    for sub in ("tom", "ada"):
        async with house.browser(sub) as reader:
            page = await reader.see(LOG)
            assert "<b>1</b> assessed for eligibility" in page
            assert f'href="{LOG}?site=T1"' in page
            assert "Screening log: T1" in await reader.see(f"{LOG}?site=T1")
    for sub in ("olga", "noor"):
        async with house.browser(sub) as nobody:
            await nobody.see(LOG, 403)
            await nobody.see(f"{LOG}.csv", 403)


async def test_screening_away_is_a_sentence(portal: House) -> None:
    async with portal.browser("tom") as browser:
        for path in (LOG, f"{LOG}.csv"):
            assert "Screening does not answer" in await browser.see(path, 503)

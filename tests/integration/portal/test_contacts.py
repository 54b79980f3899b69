"""The contacts' pages over real HTTP on a real notifier."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.notifier.app import build
from tests.integration.portal.house import TRIAL, Browser, House
from tests.integration.portal.neighbours import street

LIST = f"/trials/{TRIAL}/contacts"
NEW = f"{LIST}/-"
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
EVA = {
    "name": "Eva <Lind>",
    "role": "safety_officer",
    "order": "1",
    "sites": "",
    "channels": "eva@trial.example",
    "secret": "",
    "sub": "",
    "do": "keep",
}


@pytest.fixture
async def house(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "contacts_key").write_text(base64.b64encode(b"k" * 32).decode())
    async with street(postgres, tmp_path, {"notifier": build}) as opened:
        yield opened


async def send(browser: Browser, page: str, **changes: str) -> httpx.Response:
    """The form of a page as it stands, with changes."""
    seen = (await browser.see(page)).partition('name="seen" value="')[2].partition('"')[0]
    return await browser.send(page, {**EVA, "seen": seen, **changes}, page=page)


async def pages(browser: Browser) -> list[str]:
    """Where the contacts are, in the order of calling."""
    rows = (await browser.see(LIST)).split('<th scope="row"><a href="')[1:]
    return [row.partition('"')[0] for row in rows]


async def test_a_contact_is_added_changed_and_taken_out(house: House) -> None:
    async with house.browser("tom") as browser:
        assert "Nobody is called in this trial." in await browser.see(LIST)
        assert (await send(browser, NEW)).status_code == 303
        hook = {"name": "Pager", "order": "2", "sites": "t1, t2"}
        hook |= {"channels": "https://pager.example/hook", "secret": SECRET}
        added = await send(browser, NEW, **hook)
        assert added.status_code == 303, added.text
        page = await browser.see(LIST)
        assert "Eva &lt;Lind&gt;" in page
        assert "T1, T2" in page
        assert SECRET not in page
        eva, pager = await pages(browser)
        assert SECRET not in await browser.see(pager)
        # a known address keeps its secret, and the others of the list stay as they are
        assert (
            await send(browser, pager, **hook | {"order": "3", "secret": ""})
        ).status_code == 303
        assert (await send(browser, eva, name="Eva L.")).status_code == 303
        assert await pages(browser) == [eva, pager]
        assert (await send(browser, eva, do="remove")).status_code == 303
        assert await pages(browser) == [pager]
        await browser.see(eva, 404)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, 'id="name-error"'),
        ({"order": "soon"}, 'id="order-error"'),
        ({"sites": "t-1"}, 'id="sites-error"'),
        ({"channels": ""}, 'id="channels-error"'),
        ({"channels": "nobody"}, 'id="channels-error"'),
        ({"channels": "https://pager.example/hook", "secret": "short"}, 'id="secret-error"'),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    house: House, changes: dict[str, Any], said: str
) -> None:
    async with house.browser("tom") as browser:
        answer = await send(browser, NEW, **changes)
        assert answer.status_code == 422, answer.text
        assert said in answer.text
        assert "eva@trial.example" in answer.text or "channels" in changes
        assert await pages(browser) == []


async def test_nobody_overwrites_what_another_has_changed(house: House) -> None:
    async with house.browser("tom") as browser:
        assert (await send(browser, NEW)).status_code == 303
        [eva] = await pages(browser)
        seen = (await browser.see(eva)).partition('name="seen" value="')[2].partition('"')[0]
        assert (await send(browser, NEW, name="Ben")).status_code == 303
        stale = await browser.send(eva, {**EVA, "name": "Eve", "seen": seen}, page=eva)
        assert stale.status_code == 409
        assert "changed the contacts meanwhile" in stale.text
        assert 'value="Eve"' in stale.text


async def test_a_contact_is_tried(house: House) -> None:
    async with house.browser("tom") as browser:
        assert (await send(browser, NEW)).status_code == 303
        [eva] = await pages(browser)
        assert "never" in await browser.see(LIST)
        tried = await browser.send(f"{eva}/test", {"once": str(uuid4())}, page=LIST)
        assert tried.status_code == 303
        assert "under way" in await browser.see(LIST)
        gone = await browser.send(f"{LIST}/nobody/test", {"once": str(uuid4())}, page=LIST)
        assert gone.status_code == 404


async def test_contacts_are_for_the_trial_manager(house: House) -> None:
    for sub in ("anna", "ines", "olga", "ada", "noor"):
        async with house.browser(sub) as browser:
            await browser.see(LIST, 403)
            await browser.see(NEW, 403)

"""Live: a stream says that something in one's scope changed, and never what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.integration.portal.house import TRIAL, House
from tests.integration.portal.said import randomized, screened


@asynccontextmanager
async def stream(portal: House, sub: str) -> AsyncIterator[AsyncIterator[str]]:
    """The names of a stream's events as they come, and nothing in them."""
    async with portal.browser(sub) as browser:
        path = f"/stream?trial={TRIAL}"
        async with browser.http.stream("GET", path) as answer:
            assert answer.status_code == 200
            yield names(answer.aiter_lines())


async def names(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Event names; their data is empty."""
    async for line in lines:
        if line.startswith("event:"):
            yield line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            assert line.removeprefix("data:").strip() == ""


async def following(events: AsyncIterator[str]) -> str:
    """The next event."""
    return await asyncio.wait_for(anext(events), 10)


async def begun(events: AsyncIterator[str]) -> None:
    """A new stream first says that everything may have changed."""
    assert await following(events) == "connected"
    told = {await following(events) for _ in range(5)}
    assert told == {
        f"{kind}-changed" for kind in ("subjects", "cases", "clocks", "alerts", "trial")
    }


async def test_a_change_is_told_to_its_own_site(portal: House) -> None:
    async with stream(portal, "anna") as own, stream(portal, "bert") as other:
        await begun(own)
        await begun(other)
        await portal.hear(screened("T1-001"))
        assert await following(own) == "subjects-changed"
        await portal.hear(randomized("T2-002"))
        assert await following(other) == "subjects-changed"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(own), 1.5)


async def test_who_comes_is_told_that_all_may_have_changed_since_the_page_was_made(
    portal: House,
) -> None:
    async with stream(portal, "anna") as events:
        await begun(events)


async def test_many_changes_at_once_are_few_messages(portal: House) -> None:
    async with stream(portal, "anna") as events:
        await begun(events)
        await portal.hear(*(screened(f"T1-{number:03}") for number in range(30)))
        await following(events)
        told = 1
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(anext(events), 1.5)
                told += 1
        assert told <= 5


async def test_nobody_listens_without_a_session(portal: House) -> None:
    async with portal.browser() as browser:
        assert (await browser.http.get(f"/stream?trial={TRIAL}")).status_code == 401


async def test_a_lost_listener_comes_back_and_says_that_all_may_have_changed(
    portal: House,
) -> None:
    async with stream(portal, "anna") as events:
        await begun(events)
        ended = await portal.work.pool.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND usename = current_user"
        )
        assert ended == 1
        told = {await following(events) for _ in range(5)}
        assert "subjects-changed" in told

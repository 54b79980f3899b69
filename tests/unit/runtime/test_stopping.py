"""What is under way shares one time, and nothing of it can take another's."""

import asyncio
import logging
import time

import pytest

from shared.runtime import stopping
from shared.runtime.stopping import Stopping


async def test_before_the_signal_every_share_is_whole() -> None:
    stop = Stopping(8)
    assert stop.left() == 8
    assert stop.left(0.5) == 4
    stop.begin()
    assert 7 < stop.left() <= 8


async def test_the_parts_come_one_after_the_other_and_the_last_ends_with_the_time() -> None:
    order = (
        stopping.REQUESTS,
        stopping.CONSUMER,
        stopping.OUTBOX,
        stopping.RELAY,
        stopping.WORK,
        stopping.DATABASE,
        stopping.ALL,
    )
    assert sorted(order) == list(order)
    assert stopping.ALL == 1


async def test_however_many_hang_the_time_is_one(caplog: pytest.LogCaptureFixture) -> None:
    """Even what does not end when it is cancelled."""
    over = asyncio.Event()

    async def stubborn() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    stop, began = Stopping(0.5), time.monotonic()
    stop.begin()
    with caplog.at_level(logging.WARNING):
        for share, name in ((0.4, "one"), (0.6, "two"), (1.0, "three")):
            assert not await stop.within(share, name, stubborn())
    assert time.monotonic() - began < 2
    assert stop.left() == 0
    assert [one.__dict__["fields"]["kind"] for one in caplog.records] == ["one", "two", "three"]
    over.set()
    await asyncio.sleep(0)  # those that were left behind end


async def test_what_one_does_not_use_is_the_next_ones() -> None:
    stop = Stopping(10)
    stop.begin()
    assert await stop.within(0.4, "quick", asyncio.sleep(0))
    assert stop.left(0.5) > 4.5


async def test_a_fault_is_told_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise OSError

    stop = Stopping(1)
    with caplog.at_level(logging.WARNING):
        assert await stop.within(1, "broken", fails())
    assert [one.message for one in caplog.records] == ["did not end in order"]

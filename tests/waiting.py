"""Waiting in tests: poll with a deadline, never sleep and hope."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(
    predicate: Callable[[], Awaitable[bool]], seconds: float = 10, every: float = 0.02
) -> None:
    """Return once the predicate holds; AssertionError if it does not within the seconds."""
    deadline = time.monotonic() + seconds
    while not await predicate():
        assert time.monotonic() < deadline, f"not within {seconds} s: {predicate}"
        await asyncio.sleep(every)


def until_true(predicate: Callable[[], bool], seconds: float = 10, every: float = 0.02) -> None:
    """The same for tests that are not async."""
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, f"not within {seconds} s: {predicate}"
        time.sleep(every)

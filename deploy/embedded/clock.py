"""The platform's clock of an embedded run: the wall's, moved forward by the state's offset."""

import asyncio
import fcntl
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from deploy.embedded.files import write_private
from deploy.embedded.state import State
from deploy.wrong_use import WrongUse

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_MOVE = re.compile(r"\+((?:[0-9]{1,9}[wdhms])+)")
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # a service adds its own spans to a time
_LOOK_EVERY = 0.02  # seconds, while another one moves the clock


def parse_move(text: str) -> timedelta:
    """`+6d`, `+1d12h`: how far forward, in w, d, h, m and s; WrongUse for anything else."""
    whole = _MOVE.fullmatch(text)
    if whole is None:
        raise WrongUse(f"{text!r} is neither `now` nor a move forward such as +6d or +1d12h")
    try:
        parts = re.findall(r"(\d+)([wdhms])", whole[1])
        return sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())
    except OverflowError:
        raise WrongUse(f"{text} is too far") from None


def now(state: State) -> datetime:
    """The platform's time. UTC."""
    return datetime.now(UTC) + offset(state)


def offset(state: State) -> timedelta:
    """How far the platform's clock is ahead of the wall's; WrongUse where there is none."""
    try:
        seconds = json.loads(state.clock.read_text())["offset_seconds"]
    except FileNotFoundError:
        raise WrongUse(f"no platform was ever started in {state.folder} (trialops up)") from None
    return timedelta(seconds=seconds)


@asynccontextmanager
async def moving(state: State) -> AsyncIterator[None]:
    """Be the only one who moves the clock, from the first look at it to the last move.

    Whoever else moves it waits, so that of two moves at once none is lost.
    """
    with (state.folder / "clock.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK_EVERY)
        yield


def reachable(ahead: timedelta) -> timedelta:
    """The same offset; WrongUse if the clock cannot go there."""
    try:
        moved = datetime.now(UTC) + ahead
    except OverflowError:
        moved = datetime.max.replace(tzinfo=UTC)
    if moved > _LATEST:
        raise WrongUse(f"the clock does not go past the year {_LATEST.year}")
    return ahead


def set_offset(state: State, ahead: timedelta) -> None:
    """Set the clock for every service at once; only who is `moving` it may."""
    seconds = reachable(ahead).total_seconds()
    number = int(seconds) if seconds.is_integer() else seconds
    write_private(state.clock, json.dumps({"offset_seconds": number}))

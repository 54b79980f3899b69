"""The platform's time passing: the clock moved forward with a stop at each due instant on the way.

Who sets the clock far ahead at once would let a reminder and the deadline that it reminds of come
due together. So the clock stops at every instant at which a timer is due, until that and all that
follows of it is done; what is done there may set new timers, nearer than the goal.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from deploy.embedded import clock
from deploy.embedded.settle import Rest
from deploy.embedded.state import State

Settle = Callable[[], Awaitable[Rest]]
"""Waits until the platform is at rest."""


def stop(wall: datetime, goal: timedelta, due: datetime | None) -> timedelta:
    """The next offset of the clock: where the next timer is due if the goal is no nearer.

    The goal is an offset too: while the clock stops on its way, time passes on it as on the wall's.
    """
    return goal if due is None else min(due - wall, goal)


async def forward(state: State, settle: Settle, by: timedelta) -> frozenset[str]:
    """Move the clock, stop by stop; returns who was down and not waited for. WrongUse, Unsettled.

    What is under way is waited for before the first move and after each.
    """
    async with clock.moving(state):
        goal = clock.reachable(clock.offset(state) + by)
        return await _pass(state, settle, goal)


async def until(state: State, settle: Settle, moment: datetime) -> frozenset[str]:
    """Move the clock to a moment, stop by stop; no move back if it has passed already."""
    async with clock.moving(state):
        ahead = clock.reachable(moment - datetime.now(UTC))
        return await _pass(state, settle, max(ahead, clock.offset(state)))


async def _pass(state: State, settle: Settle, goal: timedelta) -> frozenset[str]:
    rest = await settle()
    down = rest.down
    while (offset := clock.offset(state)) < goal:
        # A timer that came due while we looked is done by the next look.
        clock.set_offset(state, max(offset, stop(datetime.now(UTC), goal, rest.due)))
        rest = await settle()
        down |= rest.down
    return down

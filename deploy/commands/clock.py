"""`trialops clock`: show the platform's clock, or move it forward."""

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from datetime import timedelta

    from deploy.embedded.state import State


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("clock", help="show (now) or move (+6d) the platform's clock")
    parser.add_argument("move", metavar="now|+TIME", help="a sum of w, d, h, m and s, as +1d12h")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 where the platform does not come to rest."""
    from deploy.embedded import clock
    from deploy.embedded.state import State

    state = State(arguments.state)
    if arguments.move != "now":
        by = clock.parse_move(arguments.move)
        if not _move(state, by):
            return 1
    now = clock.now(state)
    print(json.dumps({"now": now.isoformat(timespec="milliseconds").replace("+00:00", "Z")}))
    return 0


def _move(state: "State", by: "timedelta") -> bool:
    """Move it, stop by stop; False where the platform does not come to rest."""
    from deploy.embedded import passage
    from deploy.embedded.settle import Settler, Unsettled

    endpoints = state.read_endpoints()
    if state.supervisor() is None:  # it was killed, or its addresses would be gone
        raise WrongUse(f"no platform runs in {state.folder} (trialops up)")

    async def go() -> frozenset[str]:
        async with Settler(endpoints) as settler:
            return await passage.forward(state, settler.settle, by)

    try:
        down = asyncio.run(go())
    except Unsettled as fault:
        print(f"trialops: {fault}", file=sys.stderr)
        return False
    for service in sorted(down):
        print(f"trialops: {service} is down and was not waited for", file=sys.stderr)
    return True

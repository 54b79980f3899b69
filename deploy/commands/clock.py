"""`trialops clock`: show the platform's clock, or move it forward."""

import argparse
import asyncio
import json
import sys

from deploy.commands import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("clock", help="show (now) or move (+6d) the platform's clock")
    parser.add_argument("move", metavar="now|+TIME", help="a sum of w, d, h, m and s, as +1d12h")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.embedded import clock
    from deploy.embedded.settle import Settler, Unsettled
    from deploy.embedded.state import State

    state = State(arguments.state)
    if arguments.move == "now":
        now = clock.now(state)
    else:
        by = clock.parse_move(arguments.move)
        endpoints = state.read_endpoints()

        async def between_quiet_times() -> set[str]:
            async with Settler(endpoints) as settler:
                down = await settler.settle()
                clock.move(state, by)
                return down | await settler.settle()

        try:
            down = asyncio.run(between_quiet_times())
        except Unsettled as fault:
            print(f"trialops: {fault}", file=sys.stderr)
            return 1
        for service in sorted(down):
            print(f"trialops: {service} is down and was not waited for", file=sys.stderr)
        now = clock.now(state)
    print(json.dumps({"now": now.isoformat(timespec="milliseconds").replace("+00:00", "Z")}))
    return 0

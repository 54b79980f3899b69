"""`trialops status`: every process of the embedded platform and whether it is ready."""

import argparse
import asyncio
import json
import sys

from deploy.commands import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("status", help="the processes, exit 0 if all are ready")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.embedded import background
    from deploy.embedded.state import State

    answers = asyncio.run(background.readiness(State(arguments.state)))
    for part, ready in answers:
        print(json.dumps({"name": part.name, "pid": part.pid, "ready": ready}))
    if not answers:
        print(f"trialops: nothing runs in {arguments.state}", file=sys.stderr)
    return 0 if answers and all(ready for _, ready in answers) else 1

"""`trialops up`: the embedded platform, here or in the background."""

import argparse
import os
import sys

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("up", help="start Kafka, PostgreSQL and the services")
    parser.add_argument("--detach", action="store_true", help="in the background, ready on return")
    parser.add_argument(
        "--replicas",
        action="append",
        default=[],
        type=_count,
        metavar="SERVICE=N",
        help="run N processes of a service",
    )
    parser.add_argument(
        "--secure",
        action="store_true",
        help="Kafka asks for a login and keeps each service to its own topics (for a new state,"
        " which then stays so)",
    )
    parser.set_defaults(run=run)


def _count(text: str) -> tuple[str, int]:
    service, _, number = text.partition("=")
    if not number.isdecimal() or not 1 <= int(number) <= 20:
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=N with N from 1 to 20")
    return service, int(number)


def run(arguments: argparse.Namespace) -> int:
    from deploy.embedded import background, kafka_logins, platform
    from deploy.embedded.services import SERVICES
    from deploy.embedded.sign_ins import sign_ins
    from deploy.embedded.state import State

    counts = dict(arguments.replicas)
    if unknown := counts.keys() - set(SERVICES):
        raise WrongUse(f"no service {min(unknown)!r}, there are {', '.join(SERVICES)}")
    state = State(arguments.state)
    outside = bool(os.environ.get("TRIALOPS_KAFKA"))
    secure = kafka_logins.secured(state, asked=arguments.secure, outside=outside)

    def report(line: str) -> None:
        _say(line)
        # Passwords are for the eyes of who sits here, and not for a log.
        if line == platform.READY and sys.stderr.isatty():
            for row in sign_ins(state):
                _say(row)

    if arguments.detach:
        return 0 if background.start(state, counts, report, secure=secure) else 1
    return platform.serve(state, counts, report, secure=secure)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

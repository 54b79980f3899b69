"""`trialops restore`: what a service's restored database has forgotten, and a person's decision."""

import argparse
import subprocess

from deploy.commands import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "restore", help="a database older than its topics: see what it lacks, decide to go on"
    )
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument(
        "--accept", metavar="REASON", help="take back what can be, go on from the topics' ends"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 where nothing is behind or it was made good, 1 with a line that says what is."""
    from deploy.embedded.keys import Keys
    from deploy.embedded.services import SERVICES, Backing, Replica, ServiceProcess
    from deploy.embedded.state import State
    from deploy.wrong_use import WrongUse

    if arguments.service not in SERVICES:
        raise WrongUse(f"no service {arguments.service!r}: one of {', '.join(SERVICES)}")
    state = State(arguments.state)
    endpoints = state.read_endpoints()
    secured = "kafka_login" in endpoints
    backing = Backing(endpoints["kafka"], endpoints["postgres"], "localhost:0", secured)
    process = ServiceProcess(
        Replica(arguments.service), 0, endpoints["services"], state, backing, Keys(state.keys)
    )
    decision = () if arguments.accept is None else ("--accept", arguments.accept)
    program = process.program("restore", *decision)
    return subprocess.run(
        program.command, cwd=program.folder, env=program.environment, check=False
    ).returncode

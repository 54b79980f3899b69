"""`trialops down`: end every process of the embedded platform."""

import argparse

from deploy.commands import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("down", help="stop the embedded platform")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.embedded import background
    from deploy.embedded.state import State

    background.stop(State(arguments.state))
    return 0

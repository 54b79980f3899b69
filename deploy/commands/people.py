"""`trialops people`: who may sign in at the portal of the embedded platform, and how."""

import argparse
import json

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("people", help="who may sign in at the portal, and how")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """A person a line."""
    from deploy.embedded.state import State

    state = State(arguments.state)
    try:
        everyone = state.people.read()
    except FileNotFoundError:
        raise WrongUse(f"no platform was ever started in {state.folder} (trialops up)") from None
    for person in everyone:
        print(json.dumps(person.as_json()))
    return 0

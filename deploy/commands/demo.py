"""`trialops demo`: two trials through a platform of its own, every figure checked."""

import argparse
import json
import sys

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "demo", help="replay trials through a platform of its own and check every figure"
    )
    parser.add_argument("--trial", metavar="T", help="only this one of the two trials")
    parser.add_argument(
        "--site",
        metavar="S",
        action="append",
        default=[],
        help="of the CDISC pilot only the subjects of these sites (default: all 17)",
    )
    parser.add_argument("--once", action="store_true", help="stop at the end, at a terminal too")
    parser.set_defaults(run=run, default_state=".trialops-demo")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 only if every figure is as the data say."""
    from deploy.demo.show import TRIALS, show
    from deploy.embedded.state import State

    if arguments.trial not in (None, *TRIALS):
        raise WrongUse(f"the demo has no trial {arguments.trial!r}, only {' and '.join(TRIALS)}")
    trials = TRIALS if arguments.trial is None else (arguments.trial,)
    watched = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    stay = watched and not arguments.once
    shown = show(State(arguments.state), trials, arguments.site, stay)
    if shown is None:
        return 1
    if not sys.stdout.isatty():  # who watches has seen the table
        print(json.dumps(shown.as_json()))
    return 0 if shown.ok else 1

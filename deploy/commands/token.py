"""`trialops token`: a signed development token."""

import argparse
import json

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("token", help="a development token of a role")
    parser.add_argument("role", metavar="ROLE")
    parser.add_argument("--trial", help="only this trial (default: all)")
    parser.add_argument("--site", action="append", default=[], help="only these sites")
    parser.add_argument("--name", help="the person's `sub` (default: the role)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.embedded.keys import Keys
    from deploy.embedded.state import State
    from deploy.tokens import ROLES, Bearer, issue

    if arguments.role not in ROLES:
        raise WrongUse(f"no role {arguments.role!r}, there are {', '.join(ROLES)}")
    keys = Keys(State(arguments.state).keys)
    if not keys.exist:
        raise WrongUse(f"no platform was ever started in {arguments.state} (trialops up)")
    trials = (arguments.trial,) if arguments.trial else ()
    bearer = Bearer(arguments.role, trials, tuple(arguments.site), arguments.name)
    token, expires = issue(keys, bearer)
    at = expires.isoformat().replace("+00:00", "Z")
    print(json.dumps({"token": token, "sub": bearer.sub, "expires_at": at}))
    return 0

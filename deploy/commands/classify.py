"""`trialops classify`: seriousness, SUSAR and clocks offline, an adverse event a line."""

import argparse
from datetime import UTC, datetime

from deploy import over_lines
from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse


def add(subparsers: Subparsers) -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "classify", help="seriousness, SUSAR and clocks of events read as NDJSON, offline"
    )
    over_lines.add_trial(parser)
    parser.add_argument(
        "--authority",
        action="append",
        metavar="A",
        help="EU-CTR, UK or FDA-312.32; may repeat (default: the protocol's)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers every line of standard input, in order; 1 when one was bad."""
    from services.safety.authorities import AUTHORITIES
    from services.safety.lines import answer
    from services.safety.rules import SafetyRules, known
    from shared.contracts.study import ProtocolError

    named = []
    for name in dict.fromkeys(arguments.authority or ()):
        authority = known(name)
        if authority is None:
            raise WrongUse(f"no authority {name!r}, there are {', '.join(AUTHORITIES)}")
        named.append(authority)
    try:
        rules = SafetyRules.of(over_lines.versions_of(arguments).at(datetime.now(UTC)))
    except ProtocolError as error:
        raise WrongUse(str(error)) from None
    authorities = tuple(named) or rules.authorities
    return over_lines.answer_all(lambda line: answer(rules, authorities, line), "events")

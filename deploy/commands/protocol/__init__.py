"""`trialops protocol`: what a protocol file says, and whether it can be used, offline."""

from deploy.commands import Subparsers
from deploy.commands.protocol import check, diff, explain


def add(subparsers: Subparsers) -> None:
    """Registers the command and its verbs."""
    parser = subparsers.add_parser("protocol", help="checks, compares and explains protocol files")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    check.add(verbs)
    diff.add(verbs)
    explain.add(verbs)

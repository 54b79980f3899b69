"""`trialops design`: what a design or a stopping boundary would do, offline, before a trial."""

from deploy.commands import Subparsers
from deploy.commands.design import boundary, characteristics, probabilities, simulate


def add(subparsers: Subparsers) -> None:
    """Registers the command and its verbs."""
    parser = subparsers.add_parser(
        "design", help="operating characteristics of designs and stopping boundaries"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    characteristics.add(verbs)
    probabilities.add(verbs)
    boundary.add(verbs)
    simulate.add(verbs)

"""`trialops design probabilities`: the arms' chances for one subject under minimisation."""

import argparse
import json
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.randomizer.minimisation import Factor, Minimisation


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "probabilities", help="scores and probabilities of minimisation, asked in JSON"
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """One answer to the question on standard input."""
    asked = _asked()
    answer = {
        "scores": [float(score) for score in asked.scores()],
        "probabilities": [float(chance) for chance in asked.probabilities()],
    }
    print(json.dumps(answer))
    return 0


def _asked() -> "Minimisation":
    from deploy.commands.design.asked import listed, number, question, text, whole, wrong
    from services.randomizer.minimisation import Minimisation, MinimisationError

    asked = question()
    if asked.take("design", text) != "minimisation":
        raise wrong("design", "is not minimisation")
    try:
        read = Minimisation(
            metric=asked.take("metric", text),
            p=asked.take("p", number),
            ratio=asked.take("ratio", listed(whole)),
            factors=asked.take("factors", listed(_factor)),
        )
    except MinimisationError as fault:
        raise WrongUse(" ".join(str(fault).split())) from None
    asked.done()
    return read


def _factor(value: object, place: str) -> "Factor":
    from deploy.commands.design.asked import Asked, listed, number, text, whole
    from services.randomizer.minimisation import Factor

    asked = Asked(value, f"{place}.")
    factor = Factor(
        name=asked.take("name", text),
        weight=asked.take("weight", number),
        counts=asked.take("counts", listed(whole)),
    )
    asked.done()
    return factor

"""`trialops design boundary`: when so many events stop a trial, and how often that happens."""

import argparse
import json
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from fractions import Fraction

    from deploy.commands.design.asked import Asked
    from services.safety.boundaries.boundary import BetaBinomial, Pocock


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "boundary", help="a stopping boundary and its characteristics, asked in JSON"
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """One answer to the question on standard input."""
    from services.safety.boundaries.stopping import course

    boundary, rates = _asked()
    region = boundary.region()
    courses = [course(region, p) for p in rates]
    answer = {
        "boundaries": [{"n": n, "stop_if_at_least": least} for n, least in region.items()],
        "operating_characteristics": [
            {
                "p": float(one.p),
                "p_stop": float(one.p_stop),
                "expected_n": float(one.expected_n),
                "expected_events": float(one.expected_events),
            }
            for one in courses
        ],
    }
    print(json.dumps(answer))
    return 0


def _asked() -> "tuple[Pocock | BetaBinomial, list[Fraction]]":
    """The boundary, and the event rates that are asked for: p0 and p1."""
    from deploy.commands.design.asked import number, question, text, wrong
    from services.safety.boundaries.boundary import BoundaryError

    asked = question()
    method = asked.take("method", text)
    if method not in ("pocock", "beta_binomial"):
        raise wrong("method", "is neither pocock nor beta_binomial")
    p0 = asked.take("p0", number)
    # A posterior asks for no alternative; where one is named it is answered for.
    p1 = asked.take("p1", number) if method == "pocock" else asked.take_or("p1", number, p0)
    if not p0 <= p1 <= 1:
        raise wrong("p1", "is not from p0 to 1")
    try:
        boundary = _pocock(asked, p0) if method == "pocock" else _beta_binomial(asked, p0)
    except BoundaryError as fault:
        raise WrongUse(str(fault)) from None
    asked.done()
    return boundary, list(dict.fromkeys((p0, p1)))


def _pocock(asked: "Asked", p0: "Fraction") -> "Pocock":
    from fractions import Fraction

    from deploy.commands.design.asked import listed, number, whole
    from services.safety.boundaries.boundary import Pocock

    looks = asked.take("looks", listed(whole))
    return Pocock(p0, looks, asked.take_or("cross_p0", number, Fraction(1, 10)))


def _beta_binomial(asked: "Asked", p0: "Fraction") -> "BetaBinomial":
    from deploy.commands.design.asked import listed, number, whole, wrong
    from services.safety.boundaries.boundary import MOST_SUBJECTS, BetaBinomial

    prior = asked.take("prior", listed(number))
    if len(prior) != 2:
        raise wrong("prior", "is not two numbers")
    n_max = asked.take("n_max", whole)
    if not 1 <= n_max <= MOST_SUBJECTS:
        raise wrong("n_max", f"is not from 1 to {MOST_SUBJECTS}")

    def read_looks(value: object, place: str) -> tuple[int, ...]:
        if value == "every":
            return tuple(range(1, n_max + 1))
        return listed(whole)(value, place)

    looks = asked.take("looks", read_looks)
    if looks and looks[-1] > n_max:
        raise wrong("looks", "go beyond n_max")
    return BetaBinomial(p0, asked.take("alpha", number), (prior[0], prior[1]), looks)

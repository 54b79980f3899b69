"""`trialops design simulate`: a trial of a protocol file, played through many times."""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.commands.design import options
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.randomizer.plan import Plan
    from services.randomizer.simulation.accrual import Accrual

_MOST_RUNS = 1_000_000
_WHOLE = re.compile(r"[1-9][0-9]{0,6}").fullmatch
_CHANCE = re.compile(r"0?\.[0-9]{1,9}").fullmatch


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "simulate", help="play a protocol's trial through: balance, guessing, power, caps"
    )
    parser.add_argument("--protocol", required=True, type=Path, metavar="FILE")
    parser.add_argument(
        "--accrual", required=True, type=Path, metavar="FILE", help="how the sites enrol (YAML)"
    )
    parser.add_argument("--runs", required=True, type=_runs, help="simulated trials")
    parser.add_argument("--seed", type=options.seed, default=0, help="of the simulation")
    parser.add_argument("--power", type=_chance, default=0.8, help="under exact balance")
    parser.add_argument("--alpha", type=_chance, default=0.05, help="two-sided")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="an SVG of the figures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """One JSON object; ``WrongUse`` for a file that is wrong, with its line."""
    from services.randomizer.simulation.course import play
    from services.randomizer.simulation.figures import Figures
    from services.randomizer.simulation.power import Comparison

    if arguments.power <= arguments.alpha:
        raise WrongUse("--power: is no more than --alpha")
    chart: Path | None = arguments.chart
    if chart is not None and (chart.is_dir() or not chart.parent.is_dir()):
        raise WrongUse(f"cannot write {chart}: no file can be there")  # before all runs, not after
    plan, accrual = _read(arguments.protocol, arguments.accrual)
    chance = random.Random(arguments.seed)  # noqa: S311  a simulation is to be repeatable
    figures = Figures(plan, accrual, Comparison(arguments.power, arguments.alpha))
    for _ in _watched(range(arguments.runs)):
        figures.add(play(plan, accrual, chance))
    answer = {
        "trial": plan.trial,
        "protocol_version": plan.protocol_version,
        "design": plan.scheme.section["design"],
        "runs": arguments.runs,
        "seed": arguments.seed,
        **figures.answer(),
    }
    if chart is not None:
        from deploy.commands.design.chart import drawing

        try:
            chart.write_text(drawing(answer, figures.histogram()), encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"cannot write {chart}: {error.strerror}") from None
    print(json.dumps(answer))
    return 0


def _read(protocol: Path, accrual: Path) -> "tuple[Plan, Accrual]":
    from services.randomizer.plan import Plan
    from services.randomizer.simulation.accrual import AccrualError, parse
    from shared.contracts import protocol_file, study

    try:
        known = protocol_file.load(protocol)
        plan = Plan.of(known)
        if plan.scheme.design.needs_list:
            raise known.fault(("randomization", "design"), "draws from a list, not by chance")
        raw = accrual.read_bytes()
        return plan, parse(raw, str(accrual), plan, by_site=known.strata_by_site)
    except (study.ProtocolError, AccrualError) as fault:
        raise WrongUse(str(fault)) from None
    except OSError as error:
        raise WrongUse(f"cannot read {accrual}: {error.strerror}") from None


def _watched(runs: range) -> Iterable[int]:
    """The runs, with a bar on a terminal that would otherwise stay dark."""
    if not sys.stderr.isatty():
        return runs
    from rich.console import Console
    from rich.progress import track

    return track(runs, "simulating", console=Console(stderr=True), transient=True)


def _runs(text: str) -> int:
    if not _WHOLE(text) or int(text) > _MOST_RUNS:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {_MOST_RUNS}")
    return int(text)


def _chance(text: str) -> float:
    if not _CHANCE(text) or not 0 < float(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no decimal between 0 and 1")
    return float(text)

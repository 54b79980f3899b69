"""`python -m bench`: every measurement, run after run, and the figures that come out.

JSON goes to standard output, the table and what is under way to standard error. Exit code 0 where
every figure is what is asked, 1 where one is not, 2 for wrong use.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.figures import FIGURES, Figure, Unknown, chosen, measurements
from bench.ground import ground
from bench.machine import machine
from bench.report import Results, results, tables

RUNS = 5
_WIDTH = 140


def read(line: Sequence[str]) -> argparse.Namespace:
    """The arguments; an unknown figure ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, allow_abbrev=False)
    names = ", ".join(figure.name for figure in FIGURES)
    parser.add_argument("--only", metavar="NAME[,NAME...]", help=f"these figures alone: {names}")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each (default {RUNS})")
    arguments = parser.parse_args(line)
    try:
        arguments.figures = chosen(arguments.only)
    except Unknown as why:
        parser.error(str(why))
    if arguments.runs < 1:
        parser.error("--runs is at least 1")
    return arguments


async def measured(
    folder: Path, figures: Sequence[Figure], runs: int, console: Console
) -> dict[str, dict[int, float]]:
    """Each measurement's value by run; every other run goes the other way round.

    One that fails is missing in that run, and said to be.
    """
    needed = {name for figure in figures for name in (figure.subject, figure.baseline)}
    values: dict[str, dict[int, float]] = {}
    async with ground(folder) as made:
        every = [(name, call) for name, call in measurements(made).items() if name in needed]
        for run in range(runs):
            for name, call in every if run % 2 == 0 else reversed(every):
                try:
                    value = await call()
                except Exception as fault:
                    said = f"failed: {type(fault).__name__} {fault}"
                    await made.clear()
                else:
                    values.setdefault(name, {})[run] = value
                    said = f"{value:.3f}"
                console.print(
                    f"run {run + 1} of {runs}: {name} {said}", highlight=False, markup=False
                )
    return {name: values.get(name, {}) for name, _ in every}


def main(line: Sequence[str]) -> int:
    """Run it."""
    arguments = read(line)
    os.umask(0o077)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(stderr=True, width=_WIDTH)
    with tempfile.TemporaryDirectory(prefix="trialops-bench-") as name:
        folder = Path(name)
        here = machine(folder)
        console.print("{cpu}, {cores} cores, fsync of the disk {fsync_ms} ms".format(**here))
        told: Results = results(
            here,
            arguments.figures,
            asyncio.run(measured(folder / "state", arguments.figures, arguments.runs, console)),
            arguments.runs,
        )
    console.print(*tables(told))
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0 if all(figure["met"] for figure in told["figures"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

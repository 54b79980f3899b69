"""`make chaos`: every fault, or those named, from a seed that is printed."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos import small_run
from tests.chaos.faults import TABLE
from tests.chaos.planted import BUGS
from tests.chaos.report import table
from tests.chaos.run import run, to_stderr


def main() -> int:
    """Exit code 0 where everything held, 1 where something did not, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--only", action="append", help="a part of the names of the faults to run")
    parser.add_argument("--short", action="store_true", help="those that `make test` runs")
    parser.add_argument("--list", action="store_true", help="print their names and end")
    parser.add_argument("--keep", type=Path, help="a folder for the platforms' state, kept")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant it: the run has to fail")
    given = parser.parse_args()
    chosen = [
        fault
        for fault in TABLE
        if (not given.short or fault.short)
        and (not given.only or any(part in fault.name for part in given.only))
    ]
    alone = [
        name
        for name in small_run.names()
        if not given.short and (not given.only or any(part in name for part in given.only))
    ]
    if not (chosen or alone):
        parser.error("no fault has such a name (--list)")
    if given.list:
        sys.stdout.writelines(f"{name}\n" for name in [*(one.name for one in chosen), *alone])
        return 0
    to_stderr(f"seed {given.seed}, {len(chosen) + len(alone)} faults")
    with tempfile.TemporaryDirectory(prefix="trialops-chaos-") as folder:
        state = (given.keep or Path(folder)) / "run"
        results = run(chosen, state, given.seed, to_stderr, given.bug)
        results += small_run.results(alone, state / "alone", given.bug)
    for result in results:
        sys.stdout.write(f"{result.line()}\n")
    to_stderr(f"\n{table(results)}\n\nseed {given.seed}")
    return 0 if all(result.held for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())

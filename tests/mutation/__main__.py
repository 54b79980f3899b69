"""Mutants of what decides eligibility, and those that no test kills; what `make mutation` runs.

mutmut changes one thing at a time in the modules that `[tool.mutmut]` of pyproject.toml names;
each mutant meets the tests that reach it. Names (`services.screening.rules*`) try those alone, in
the mutants that a whole run left behind.
"""

import io
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

from tests.mutation.report import report, share

CHECKOUT = Path(__file__).resolve().parents[2]
MUTANTS = CHECKOUT / "mutants"
WANTED = 0.9


def main(names: list[str]) -> int:
    """0 where enough mutants are killed, 1 where too few are, 2 where they could not be tried."""
    os.chdir(CHECKOUT)
    if not names:
        shutil.rmtree(MUTANTS, ignore_errors=True)
    make()
    tried = subprocess.run(
        (sys.executable, "-m", "tests.mutation.trying", *names), cwd=MUTANTS, check=False
    )
    if tried.returncode != 0:
        return 2
    statuses = results()
    if names:
        statuses = {name: said for name, said in statuses.items() if said != "not checked"}
    sys.stdout.write(report(statuses))
    return int(share(statuses.values()) < WANTED)


def make() -> None:
    """The mutants of every function that has changed since they were made, in `mutants/`."""
    MUTANTS.mkdir(exist_ok=True)
    set_mutant_under_test("mutant_generation")
    with redirect_stdout(io.StringIO()):  # a line for every file
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(os.cpu_count() or 1)


def results() -> dict[str, str]:
    """What became of each mutant, in mutmut's words."""
    told = subprocess.run(
        (sys.executable, "-m", "mutmut", "results", "--all", "true"),
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.strip().split(": ", 1) for line in told.splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

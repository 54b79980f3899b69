"""Mutants of what decides eligibility, and those that no test kills; what `make mutation` runs.

mutmut changes one thing at a time in the modules that `[tool.mutmut]` of pyproject.toml names and
runs the tests that reach it. Names (`services.screening.rules*`) try those mutants alone. What was
found stays in `mutants/`, so that a second run tries only what has changed.
"""

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STATS = CHECKOUT / "mutants" / "mutmut-cicd-stats.json"
MUTMUT = (sys.executable, "-m", "mutmut")
WANTED = 0.9


def main(names: list[str]) -> int:
    """0 where enough mutants are killed; mutmut's own code where it could not run."""
    ran = subprocess.run((*MUTMUT, "run", *names), cwd=CHECKOUT, check=False).returncode
    if ran != 0:
        return ran
    told = subprocess.run(
        (*MUTMUT, "results"), cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout
    subprocess.run((*MUTMUT, "export-cicd-stats"), cwd=CHECKOUT, check=True, capture_output=True)
    stats = json.loads(STATS.read_text())
    killed = stats["killed"] + stats["timeout"] + stats["segfault"]
    tried = killed + stats["survived"] + stats["no_tests"] + stats["suspicious"]
    sys.stdout.write(f"{told}{killed} of {tried} mutants killed: {killed / tried:.1%}\n")
    return int(killed < WANTED * tried)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

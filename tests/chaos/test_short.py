"""The most telling faults, in `make test`; `make chaos` runs all of them."""

import secrets
from pathlib import Path

from tests.chaos.faults import TABLE
from tests.chaos.run import run, to_stderr


def test_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    seed = secrets.token_hex(4)
    results = run([fault for fault in TABLE if fault.short], tmp_path / "chaos", seed, to_stderr)
    violated = [
        f"{result.fault}: {text}"
        for result in results
        for faults in result.violations.values()
        for text in faults
    ]
    again = f"make chaos CHAOS='--short --seed {seed}'"
    assert not violated, "\n".join([*violated, again])

"""Forms decided a line after the other, in memory, by the engine or by a function written by hand.

`engine` and `by_hand` take a line's bytes to a decision in Python; `screen` and `by_hand_told` to
the JSON that is answered, which `screen` gives with all evidence, 11 KB a line, `by_hand_told`
with each criterion's truth alone. Counted is the process's own CPU.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from bench.lines import lines
from bench.loops import by_hand
from services.screening.lines import answer
from services.screening.trial import Decided, Trial
from shared.contracts.jsontext import dumps
from shared.contracts.lines import read
from shared.contracts.subjects import TrialId
from shared.contracts.versions import load_all

TRIAL = TrialId("NCT06903312")
TODAY = date(2026, 4, 1)
LINES, ROUNDS = 1000, 4


Decide = Callable[[bytes], object]


def ways(protocols: Path) -> dict[str, Decide]:
    """Each way to decide a line."""
    trial = Trial.of(load_all(protocols)[TRIAL])

    def engine(line: bytes) -> Decided:
        said = read(line)
        return trial.decide(said.subject, said.form, TODAY)

    return {
        "engine": engine,
        "screen": lambda line: dumps(answer(trial, line, lambda _: TODAY)),
        "by_hand": partial(by_hand.decide, today=TODAY),
        "by_hand_told": partial(by_hand.answer, today=TODAY),
    }


def main() -> None:
    """Print the lines decided in a second of CPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--protocols", type=Path, required=True)
    parser.add_argument("how")
    arguments = parser.parse_args()
    every = lines(LINES)
    decide = ways(arguments.protocols)[arguments.how]
    for line in every:
        decide(line)
    started = time.process_time()
    for _ in range(ROUNDS):
        for line in every:
            decide(line)
    rate = LINES * ROUNDS / (time.process_time() - started)
    sys.stdout.write(json.dumps({"rate": rate}) + "\n")


if __name__ == "__main__":
    main()

"""Draws of permuted blocks in memory, and the exact characteristics of two-arm designs.

`draws` are those of `services.randomizer.scheme`, blocks of 2, 4 and 6 at random, each from the
state that the one before left. `macs` counts as many draws' worth of HMAC-SHA256 and nothing else:
one for the arm, and one for the size of each block, of which there is one in four draws. `exact` is
how long the characteristics of n = 200 take for all five designs, one after the other. Counted is
the process's own CPU.
"""

import argparse
import hmac
import json
import sys
import time
from collections.abc import Callable

from services.randomizer.characteristics import blocks, coins
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import SEED_BYTES, Seed
from shared.contracts.subjects import SubjectId, TrialId

DRAWS, ROUNDS = 10_000, 5
SIZES = (2, 4, 6)
N = 200

SEED = Seed(TrialId("NCT00000001"), bytes(range(SEED_BYTES)))
MESSAGE = b"trialops.draw.v1" + bytes(4) + b"young" + bytes(4) + b"arm" + bytes(8 + 4)


def draws() -> float:
    """Draws a second."""
    section = {"design": "permuted_block", "block_sizes": list(SIZES)}
    scheme = Scheme.of(section, {"young": {"A": 1, "B": 1}})
    subject = SubjectId("IT001-0001")

    def once() -> None:
        at: dict[str, StratumState] = {}
        for _ in range(DRAWS):
            drawn = scheme.draw(at, subject, "young", SEED)
            if drawn is None:
                raise ValueError("blocks never run out")
            at["young"] = drawn[1]

    return DRAWS / _best_s(once)


def macs() -> float:
    """Draws a second, were they their HMACs alone."""
    many = DRAWS + DRAWS * len(SIZES) // sum(SIZES)

    def once() -> None:
        for _ in range(many):
            hmac.digest(SEED.secret, MESSAGE, "sha256")

    return DRAWS / _best_s(once)


def exact() -> float:
    """Seconds for the figures of all five designs."""

    def once() -> None:
        blocks.exact((1, 1), SIZES, N)
        for coin in (
            coins.big_stick(4),
            coins.biased_coin(0.65),
            coins.random_allocation(N),
            coins.complete(),
        ):
            coins.exact(coin, N)

    return _best_s(once)


def _best_s(once: Callable[[], None]) -> float:
    """The quickest of some rounds: what else the machine does only adds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        once()
        taken.append(time.process_time() - started)
    return min(taken)


WAYS: dict[str, Callable[[], float]] = {"draws": draws, "macs": macs, "exact": exact}


def main() -> None:
    """Print the rate, or the seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=WAYS)
    rate = WAYS[parser.parse_args().how]()
    sys.stdout.write(json.dumps({"rate": rate}) + "\n")


if __name__ == "__main__":
    main()

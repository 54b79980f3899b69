"""`trialops design characteristics`: balance and predictability of a design, exact or simulated."""

import argparse
import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.commands.design import options
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.randomizer.characteristics.coins import Coin
    from services.randomizer.characteristics.figures import Figures
    from services.randomizer.characteristics.simulated import Chance, Course

_OPTIONS = {
    "permuted_block": ("ratio", "block_sizes"),
    "big_stick": ("mti",),
    "biased_coin": ("p",),
    "random_allocation": (),
    "complete": (),
}
_MOST_DRAWS = 10_000  # exact sums beyond it take longer than a simulation
_MOST_SIMULATED = 10**8  # draws in all, some minutes' worth
_RUNS = 10_000  # by default, where they are not too many draws
_LARGEST_BLOCK = 1_000
_MOST_WORK = 4 * 10**6  # ways to leave places in a block: some seconds' worth
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}").fullmatch
_DECIMAL = re.compile(r"[0-9]*\.?[0-9]+([eE]-?[0-9]{1,2})?").fullmatch


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "characteristics", help="balance and predictability of a design over n subjects"
    )
    parser.add_argument("--design", required=True, choices=tuple(_OPTIONS))
    parser.add_argument("--n", required=True, type=_count, help="subjects")
    parser.add_argument("--ratio", type=_ratio, metavar="1:1[:1...]")
    parser.add_argument("--block-sizes", type=_sizes, metavar="4[,6,8]", help="each as likely")
    parser.add_argument("--mti", type=_count, metavar="4", help="maximum tolerated imbalance")
    parser.add_argument("--p", type=_bias, metavar="0.65", help="chance of the smaller arm")
    parser.add_argument("--method", choices=("exact", "simulate"), default="exact")
    parser.add_argument(
        "--runs", type=_count, help=f"simulated trials: {_RUNS}, or as many as n leaves"
    )
    parser.add_argument("--seed", type=options.seed, default=0, help="of the simulation")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """One answer; ``WrongUse`` for what is no design."""
    design = _design(arguments)
    answer: dict[str, object] = {
        "design": arguments.design,
        "n": arguments.n,
        "method": arguments.method,
    }
    if arguments.method == "exact":
        if arguments.n > _MOST_DRAWS:
            raise WrongUse(f"--n: exact goes up to {_MOST_DRAWS}, beyond it simulate")
        answer |= asdict(design.exact())
    else:
        from services.randomizer.characteristics.simulated import simulate

        runs = arguments.runs or max(1, min(_RUNS, _MOST_SIMULATED // arguments.n))
        if arguments.n * runs > _MOST_SIMULATED:
            raise WrongUse(f"--n times --runs: simulate goes up to {_MOST_SIMULATED} draws in all")
        chance = random.Random(arguments.seed)  # noqa: S311  a simulation is to be repeatable
        found = simulate(lambda: design.play(chance), arguments.n, runs)
        errors = found.standard_errors
        answer |= asdict(found.figures)
        answer["standard_errors"] = None if errors is None else asdict(errors)
        answer |= {"runs": runs, "seed": arguments.seed}
    print(json.dumps(answer))
    return 0


@dataclass(frozen=True)
class _Design:
    """The two ways to come to the figures."""

    exact: "Callable[[], Figures]"
    play: "Callable[[Chance], Course]"


def _design(arguments: argparse.Namespace) -> _Design:
    """The design that the options make, each of its own needed and no other's taken."""
    given = {
        option
        for options in _OPTIONS.values()
        for option in options
        if getattr(arguments, option) is not None
    }
    needed = set(_OPTIONS[arguments.design])
    for option in sorted(needed - given):
        raise WrongUse(f"{arguments.design} needs {_written(option)}")
    for option in sorted(given - needed):
        raise WrongUse(f"{arguments.design} has no {_written(option)}")
    return _blocks(arguments) if arguments.design == "permuted_block" else _coin(arguments)


def _written(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _blocks(arguments: argparse.Namespace) -> _Design:
    from services.randomizer.characteristics import blocks, simulated

    n, ratio, sizes = arguments.n, arguments.ratio, arguments.block_sizes
    for size in sizes:
        if size % sum(ratio):
            raise WrongUse(f"--block-sizes: {size} is no multiple of {sum(ratio)}, the ratio's sum")
        if arguments.method == "exact" and size > _LARGEST_BLOCK:
            raise WrongUse(f"--block-sizes: exact goes up to {_LARGEST_BLOCK}, beyond it simulate")
        if arguments.method == "exact" and blocks.work(ratio, size) > _MOST_WORK:
            raise WrongUse(
                f"--block-sizes: {size} for {len(ratio)} arms is too large to be exact, simulate"
            )
    return _Design(
        lambda: blocks.exact(ratio, sizes, n),
        lambda chance: simulated.fill(ratio, sizes, n, chance),
    )


def _coin(arguments: argparse.Namespace) -> _Design:
    from services.randomizer.characteristics import coins, simulated

    coin: Coin
    match arguments.design:
        case "big_stick":
            coin = coins.big_stick(arguments.mti)
        case "biased_coin":
            coin = coins.biased_coin(arguments.p)
        case "random_allocation":
            if arguments.n % 2:
                raise WrongUse(f"--n: {arguments.n} cannot be halved between two arms")
            coin = coins.random_allocation(arguments.n)
        case _:
            coin = coins.complete()
    return _Design(
        lambda: coins.exact(coin, arguments.n),
        lambda chance: simulated.toss(coin, arguments.n, chance),
    )


def _whole(text: str) -> int:
    if not _WHOLE(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number up to 999999999")
    return int(text)


def _count(text: str) -> int:
    if not (number := _whole(text)):
        raise argparse.ArgumentTypeError("0 is less than 1")
    return number


def _ratio(text: str) -> tuple[int, ...]:
    shares = tuple(_count(share) for share in text.split(":"))
    if len(shares) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is one arm only")
    return shares


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(_count(size) for size in text.split(","))
    if len(set(sizes)) < len(sizes):
        raise argparse.ArgumentTypeError(f"{text!r} lists a size twice")
    return sizes


def _bias(text: str) -> float:
    if not _DECIMAL(text) or not Decimal("0.5") <= Decimal(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no decimal from 0.5 to 1")
    return float(text)

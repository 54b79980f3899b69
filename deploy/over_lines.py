"""What the commands share that answer standard input line by line: the trial, and the loop."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from shared.contracts.versions import Versions

_CHECKOUT = Path(__file__).parents[1]


def add_trial(parser: argparse.ArgumentParser) -> None:
    """The options that name a trial and the folder of its file."""
    parser.add_argument("--trial", required=True, metavar="T", help="the trial's id")
    folder = os.environ.get("TRIALOPS_PROTOCOLS", _CHECKOUT / "protocols")
    parser.add_argument("--protocols", type=Path, default=folder, metavar="DIR")


def versions_of(arguments: argparse.Namespace) -> "Versions":
    """The versions of the trial's protocol; raises ``WrongUse`` and ``ProtocolError``."""
    from shared.contracts.versions import load_all

    protocols = load_all(arguments.protocols)
    if arguments.trial not in protocols:
        known = ", ".join(protocols) or "none"
        raise WrongUse(f"no trial {arguments.trial!r}, there are {known}")
    found: Versions = protocols[arguments.trial]
    return found


def answer_all(answer: Callable[[bytes | None], Mapping[str, object]], what: str) -> int:
    """Answers every line of standard input at once and in order; 1 when one was bad, else 0."""
    from shared.contracts.jsontext import dumps
    from shared.contracts.lines import lines

    code = 0
    for line in _watched(lines(sys.stdin.buffer), what):
        answered = answer(line)
        if "errors" in answered:
            code = 1
        sys.stdout.buffer.write(dumps(answered) + b"\n")
        sys.stdout.buffer.flush()
    return code


def _watched(found: Iterator[bytes | None], what: str) -> Iterator[bytes | None]:
    """The lines, counted on a terminal that would otherwise stay dark."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from found
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    with Progress(
        TextColumn("{task.completed:.0f} {task.description}"),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(what)
        for line in found:
            yield line
            progress.advance(task)

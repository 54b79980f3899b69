"""`trialops screen`: decides eligibility offline, a form a line."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from shared.contracts.study import Protocol
    from shared.contracts.subjects import SiteId

_CHECKOUT = Path(__file__).parents[2]


def add(subparsers: Subparsers) -> None:
    """Registers the command."""
    parser = subparsers.add_parser("screen", help="eligibility of forms read as NDJSON, offline")
    parser.add_argument("--trial", required=True, metavar="T", help="the trial's id")
    parser.add_argument("--as-of", metavar="DATE", help="today, YYYY-MM-DD (default: at the site)")
    folder = os.environ.get("TRIALOPS_PROTOCOLS", _CHECKOUT / "protocols")
    parser.add_argument("--protocols", type=Path, default=folder, metavar="DIR")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers every line of standard input, in order; 1 when one was bad."""
    from services.screening.eligibility import Eligibility
    from services.screening.lines import answer, lines
    from shared.contracts.jsontext import dumps
    from shared.contracts.study import ProtocolError, load_all

    day = None if arguments.as_of is None else _day(arguments.as_of)
    try:
        protocols = load_all(arguments.protocols)
        if arguments.trial not in protocols:
            known = ", ".join(protocols) or "none"
            raise WrongUse(f"no trial {arguments.trial!r}, there are {known}")
        protocol = protocols[arguments.trial]
        eligibility = Eligibility.of(protocol)
    except ProtocolError as error:
        raise WrongUse(str(error)) from None
    today = _today(protocol, day)
    code = 0
    for line in _watched(lines(sys.stdin.buffer)):
        answered = answer(eligibility, line, today)
        if "errors" in answered:
            code = 1
        sys.stdout.buffer.write(dumps(answered) + b"\n")
    sys.stdout.buffer.flush()
    return code


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise WrongUse(f"--as-of {text!r} is no day, YYYY-MM-DD")
    return day


def _today(protocol: "Protocol", day: date | None) -> "Callable[[SiteId], date]":
    if day is not None:
        return lambda _: day
    return lambda site: protocol.today(site, datetime.now(UTC))


def _watched(found: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """The lines, counted on a terminal that would otherwise stay dark."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from found
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    with Progress(
        TextColumn("{task.completed:.0f} forms"), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("")
        for line in found:
            yield line
            progress.advance(task)

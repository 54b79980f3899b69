"""`trialops screen`: decides eligibility offline, a form a line."""

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from deploy import over_lines
from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from shared.contracts.subjects import SiteId
    from shared.contracts.versions import Versions


def add(subparsers: Subparsers) -> None:
    """Registers the command."""
    parser = subparsers.add_parser("screen", help="eligibility of forms read as NDJSON, offline")
    over_lines.add_trial(parser)
    parser.add_argument("--as-of", metavar="DATE", help="today, YYYY-MM-DD (default: at the site)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers every line of standard input, in order; 1 when one was bad."""
    from services.screening.lines import answer
    from services.screening.trial import Trial
    from shared.contracts.study import ProtocolError

    day = None if arguments.as_of is None else _day(arguments.as_of)
    try:
        trial = Trial.of(over_lines.versions_of(arguments))
    except ProtocolError as error:
        raise WrongUse(str(error)) from None
    today = _today(trial.versions, day)
    return over_lines.answer_all(lambda line: answer(trial, line, today), "forms")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise WrongUse(f"--as-of {text!r} is no day, YYYY-MM-DD")
    return day


def _today(versions: "Versions", day: date | None) -> "Callable[[SiteId], date]":
    if day is not None:
        return lambda _: day
    return lambda site: versions.today(site, datetime.now(UTC))

"""`trialops protocol check`: every fault of protocol files, each with file, line and place."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from shared.contracts.study import Protocol, ProtocolError


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "check",
        help="every fault of protocol files, as `file:line: place: what`, a line each",
        description="Checks protocol files as every service does at its start, and prints every "
        "fault: 0 without one, 1 with.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the faults of each file; 1 when there is one."""
    for path in arguments.files:
        if path.is_dir():
            raise WrongUse(f"{path} is a folder: name its files")
        if not path.is_file():
            raise WrongUse(f"there is no file {path}")
    every = 0
    for path in arguments.files:
        found = faults(path)
        sys.stdout.writelines(f"{line}\n" for line in found)
        sys.stderr.write(f"{path}: {len(found) or 'no'} fault{'s' if len(found) != 1 else ''}\n")
        every += len(found)
    if not every:
        between = _between(arguments.files)
        sys.stdout.writelines(f"{line}\n" for line in between)
        every += len(between)
    return 1 if every else 0


def faults(path: Path) -> list[str]:
    """Every fault of a file, in its order: of what all services share, and of each one's part."""
    from shared.contracts.protocol_file import load
    from shared.contracts.study import ProtocolError

    try:
        protocol = load(path)
    except ProtocolError as error:
        found = [error, *_of_eligibility(error.rest)]
    else:
        found = [*_of_sections(protocol)]
    return list(ProtocolError.of(found).lines) if found else []


def _between(paths: Sequence[Path]) -> list[str]:
    """What is wrong between the versions of a trial, where more than one file of it is given."""
    from shared.contracts.protocol_file import load
    from shared.contracts.study import Protocol, ProtocolError
    from shared.contracts.versions import in_order

    trials: dict[str, list[Protocol]] = {}
    for protocol in map(load, paths):
        trials.setdefault(protocol.id, []).append(protocol)
    found: list[str] = []
    for versions in trials.values():
        try:
            if len(versions) > 1:
                in_order(versions)
        except ProtocolError as error:
            found += error.lines
    return found


def _of_eligibility(protocol: "Protocol | None") -> Iterable["ProtocolError"]:
    """What is wrong in the eligibility section of a file that has faults elsewhere."""
    from services.screening.section import Section
    from shared.contracts.study import ProtocolError

    try:
        if protocol is not None:
            Section.of(protocol)
    except ProtocolError as error:
        yield error


def _of_sections(protocol: "Protocol") -> Iterable["ProtocolError"]:
    """What each service would say of its own section."""
    from services.notifier.rules import NotificationRules
    from services.randomizer.plan import Plan
    from services.safety.rules import SafetyRules
    from services.screening.eligibility import Eligibility
    from shared.contracts.study import ProtocolError

    for section in (Eligibility, Plan, SafetyRules, NotificationRules):
        try:
            section.of(protocol)
        except ProtocolError as error:
            yield error

"""`trialops protocol diff`: what two versions of a protocol say otherwise, and what it would do."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.screening.eligibility import Eligibility
    from shared.contracts.study import Protocol
    from shared.contracts.subjects import SiteId, SubjectId

Outcome = dict[str, object]

#: So many lines that are no form are told of one by one; the rest is counted.
_TOLD: Final = 20


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "diff",
        help="what a version changes, and which verdicts would differ",
        description="Lists what file B says otherwise than file A; exit 0 where it says the same.",
    )
    parser.add_argument("before", type=Path, metavar="A")
    parser.add_argument("after", type=Path, metavar="B")
    parser.add_argument(
        "--forms",
        type=Path,
        metavar="FILE",
        help="past forms as for `screen`; a JSON line for each that is decided otherwise",
    )
    parser.add_argument("--as-of", metavar="DATE", help="today, YYYY-MM-DD (default: at the site)")
    parser.add_argument("--json", action="store_true", help="the changes as JSON, one a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the changes, or, with forms, those decided otherwise; 1 where there are some."""
    from deploy.protocol_changes import changes
    from services.screening.eligibility import Eligibility
    from shared.contracts.jsontext import dumps
    from shared.contracts.protocol_file import load
    from shared.contracts.study import ProtocolError
    from shared.contracts.versions import check_change

    try:
        before, after = load(arguments.before), load(arguments.after)
        if before.id != after.id:
            raise WrongUse(f"{arguments.before} is of {before.id}, {arguments.after} of {after.id}")
        found = list(changes(before, after))
        sides = Eligibility.of(before), Eligibility.of(after)
        if after.amendment is not None:
            check_change(before, after)
    except ProtocolError as error:
        raise WrongUse(str(error)) from None
    told = sys.stdout if arguments.forms is None else sys.stderr
    for change in found:
        lines = [dumps(change.answer()).decode()] if arguments.json else change.lines()
        told.writelines(f"{line}\n" for line in lines)
    if arguments.forms is None:
        return 1 if found else 0
    return _forms(arguments.forms, sides, _today(after, arguments.as_of))


def _forms(
    file: Path, sides: "tuple[Eligibility, Eligibility]", today: "Callable[[SiteId], date]"
) -> int:
    from shared.contracts.jsontext import dumps

    counted = Counter[str]()
    for subject, before, after in _decided(file, sides, today):
        counted["forms"] += 1
        if before is None:
            counted["bad"] += 1
        if before == after:
            continue
        counted["otherwise"] += 1
        counted[f"{_verdict(before)} -> {_verdict(after)}"] += 1
        sys.stdout.buffer.write(
            dumps({"subject": subject, "before": before, "after": after}) + b"\n"
        )
    sys.stdout.flush()
    forms, otherwise, bad = (counted.pop(name, 0) for name in ("forms", "otherwise", "bad"))
    kinds = "".join(f"; {n} {kind}" for kind, n in counted.most_common())
    sys.stderr.write(f"{otherwise} of {forms} forms are decided otherwise{kinds}\n")
    if bad:
        sys.stderr.write(f"lines that are no form, and were passed over: {bad}\n")
    return 1 if otherwise or bad else 0


def _decided(
    file: Path, sides: "tuple[Eligibility, Eligibility]", today: "Callable[[SiteId], date]"
) -> Iterator[tuple[str | None, Outcome | None, Outcome | None]]:
    """Each form with what either version makes of it, None for a line that is no form."""
    from shared.contracts.lines import BadLine, lines, read
    from shared.contracts.subjects import site_of

    try:
        opened = file.open("rb")
    except OSError as error:
        raise WrongUse(f"{file}: cannot be read ({error.strerror})") from None
    told = 0
    with opened:
        for number, line in enumerate(lines(opened), 1):
            try:
                said = read(line)
            except BadLine as error:
                if told < _TOLD:
                    place, msg = error.errors[0]
                    at = ".".join(map(str, place)) or "line"
                    sys.stderr.write(f"{file}:{number}: {at}: {msg}\n")
                told += 1
                yield error.subject, None, None
                continue
            day = today(site_of(said.subject))
            before, after = (_outcome(side, said.subject, said.form, day) for side in sides)
            yield said.subject, before, after


def _outcome(
    side: "Eligibility", subject: "SubjectId", form: Mapping[str, object], day: date
) -> Outcome:
    from services.screening.form import FormErrors

    try:
        decision = side.decide(subject, form, day)
    except FormErrors as why:
        return {"errors": [{"loc": list(loc), "msg": msg} for loc, msg in why.errors]}
    return {
        "verdict": decision.verdict,
        "stratum": decision.stratum,
        "unmet": decision.unmet,
        "unknown": decision.unknown,
    }


def _verdict(outcome: Outcome | None) -> str:
    return str((outcome or {}).get("verdict", "refused"))


def _today(protocol: "Protocol", text: str | None) -> "Callable[[SiteId], date]":
    from shared.contracts.versions import day_of

    if text is None:
        return lambda site: protocol.today(site, datetime.now(UTC))
    day = day_of(text)
    if day is None:
        raise WrongUse(f"--as-of {text!r} is no day, YYYY-MM-DD")
    return lambda _: day

"""`trialops protocol explain`: the criteria of a protocol file as a person would say them."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.screening.boundaries import Row
    from services.screening.saying import Sentence
    from services.screening.section import Section
    from shared.contracts.study import Protocol

_WIDTH: Final = 100
_MARGIN: Final = " " * 8


def add(subparsers: Subparsers) -> None:
    """Registers the verb."""
    parser = subparsers.add_parser(
        "explain",
        help="the criteria of a protocol file as a person would say them",
        description="Says each criterion and stratum as it is decided, beside its text.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--table",
        action="store_true",
        help="for each number and day the values just inside, on and just outside its limits",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints every criterion of the file, and the strata."""
    from services.screening.boundaries import Boundaries
    from services.screening.section import Section
    from shared.contracts.protocol_file import load
    from shared.contracts.study import ProtocolError

    try:
        protocol = load(arguments.file)
        section = Section.of(protocol)
        boundaries = Boundaries(protocol, section) if arguments.table else None
    except ProtocolError as error:
        raise WrongUse(str(error)) from None
    rows = (
        {words.id: boundaries.of(words.id) for words, _ in section.criteria} if boundaries else {}
    )
    write = _machine if arguments.json else _people
    for line in write(protocol, section, rows):
        sys.stdout.write(f"{line}\n")
    return 0


def _people(
    protocol: "Protocol", section: "Section", rows: "dict[str, list[Row]]"
) -> Iterator[str]:
    from services.screening.saying import said

    study = protocol.study
    yield fill(f"{study.id}, version {study.version}: {study.title}", _WIDTH)
    for words, statement in section.criteria:
        yield ""
        must = "must hold" if words.category == "inclusion" else "must not hold"
        yield f"{words.id:<7} {words.category}: {must}"
        yield _wrapped(f"“{' '.join(words.text.split())}”")
        yield from _sentence(said(statement, section.fields))
        if words.id in rows:
            yield from _table(rows[words.id])
    for stratum, (_, when) in zip(protocol.strata, section.strata or (), strict=False):
        yield ""
        ratio = " : ".join(f"{arm} {share}" for arm, share in stratum.ratio.items())
        yield f"{stratum.id:<7} stratum: {ratio}"
        yield _wrapped(f"“{stratum.title}”")
        yield from _sentence(said(when, section.fields))


def _sentence(sentence: "Sentence") -> Iterator[str]:
    for depth, text in sentence.lines():
        yield _wrapped(text, f"{'  ' * depth}- ")


def _wrapped(text: str, bullet: str = "") -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=_MARGIN + bullet,
        subsequent_indent=_MARGIN + " " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(rows: "list[Row]") -> Iterator[str]:
    told = None
    for row in rows:
        if row.limit != told:
            told = row.limit
            yield _wrapped(f"{told}:")
        yield f"{_MARGIN}    {row.where:<8} {_answer(row.outcome):<8} {row.value}"


def _answer(outcome: bool | None) -> str:
    return "unknown" if outcome is None else "true" if outcome else "false"


def _machine(
    protocol: "Protocol", section: "Section", rows: "dict[str, list[Row]]"
) -> Iterator[str]:
    from services.screening.saying import said
    from shared.contracts.jsontext import dumps

    for words, statement in section.criteria:
        says = ["  " * depth + text for depth, text in said(statement, section.fields).lines()]
        made: dict[str, object] = {
            "id": words.id,
            "category": words.category,
            "text": words.text,
            "says": says,
        }
        if words.id in rows:
            made["table"] = [row.answer() for row in rows[words.id]]
        yield dumps(made).decode()
    for stratum, (_, when) in zip(protocol.strata, section.strata or (), strict=False):
        says = ["  " * depth + text for depth, text in said(when, section.fields).lines()]
        yield dumps({"stratum": stratum.id, "title": stratum.title, "says": says}).decode()

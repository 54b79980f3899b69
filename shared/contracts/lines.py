"""A line of a batch: a subject and its form as JSON, and what else a command reads with them.

A bad line answers ``{"subject", "errors": [{"loc", "msg"}]}`` and the rest goes on. Places in the
form count from the form. No more than one line is kept.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

from shared.contracts.jsontext import BadJson, Loc, loads
from shared.contracts.subjects import SubjectId, well_formed_subject

#: The longest line in bytes, without its end.
LONGEST: Final = 48 * 1024
_NEEDED: Final = ("subject", "form")

Errors = list[tuple[Loc, str]]


class Line(NamedTuple):
    """What a line says, the form and whatever else it holds not yet read."""

    subject: SubjectId
    form: dict[str, object]
    beside: dict[str, object]


class BadLine(ValueError):
    """No such line; ``subject`` is the one that it names, if it names any."""

    def __init__(self, subject: SubjectId | None, errors: Errors) -> None:
        super().__init__(f"{len(errors)} errors in the line")
        self.subject = subject
        self.errors = errors

    def answer(self) -> Mapping[str, object]:
        """What is said of the line."""
        errors = [{"loc": loc, "msg": msg} for loc, msg in self.errors]
        return {"subject": self.subject, "errors": errors}


def lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Every line without its end, None for one that is too long; at most one in memory."""
    while line := source.readline(LONGEST + 2):
        if len(line) - line.endswith(b"\n") <= LONGEST:
            yield line.removesuffix(b"\n")
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(LONGEST)
        yield None


def read(line: bytes | None, beside: Collection[str] = ()) -> Line:
    """What a line says; ``beside`` are the members that it may hold too. Raises ``BadLine``."""
    if line is None:
        raise BadLine(None, [((), f"is longer than {LONGEST // 1024} KiB")])
    if not line.strip():
        raise BadLine(None, [((), "is empty")])
    try:
        said = loads(line)
    except BadJson as error:
        raise BadLine(None, [(_in_form(error.loc), error.msg)]) from None
    if not isinstance(said, dict):
        raise BadLine(None, [((), "must have subject and form")])
    errors: Errors = [((name,), "is missing") for name in _NEEDED if name not in said]
    errors.extend(
        ((name,), "is not known here")
        for name in said
        if name not in _NEEDED and name not in beside
    )
    subject, form = said.get("subject"), said.get("form")
    named = subject if well_formed_subject(subject) else None
    if "subject" in said and named is None:
        errors.append((("subject",), "must be a site and a number, like IT001-0001"))
    if "form" in said and not isinstance(form, dict):
        errors.append((("form",), "must hold the fields of the form"))
    if errors or named is None or not isinstance(form, dict):
        raise BadLine(named, errors)
    return Line(named, form, {name: said[name] for name in said if name not in _NEEDED})


def _in_form(loc: Loc) -> Loc:
    return loc[1:] if len(loc) > 1 and loc[0] == "form" else loc

"""A line of a batch: ``{"subject", "form"}`` as bytes, decided or answered with its errors.

What `trialops screen` reads; no more than one line is kept.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import BinaryIO, Final, NamedTuple

from services.screening.eligibility import Eligibility
from services.screening.form import FormErrors
from services.screening.readers import Errors, Loc
from shared.contracts.jsontext import BadJson, loads
from shared.contracts.subjects import SiteId, SubjectId, site_of, well_formed_subject

#: The longest line in bytes, without its end.
LONGEST: Final = 48 * 1024
_MEMBERS: Final = ("subject", "form")


class Submission(NamedTuple):
    """A subject and its form, the form not yet read."""

    subject: SubjectId
    form: dict[str, object]


class BadLine(ValueError):
    """No submission; ``subject`` is the one that the line names, if it names any."""

    def __init__(self, subject: SubjectId | None, errors: Errors) -> None:
        super().__init__(f"{len(errors)} errors in the line")
        self.subject = subject
        self.errors = errors


def lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Every line without its end, None for one that is too long; at most one in memory."""
    while line := source.readline(LONGEST + 2):
        if len(line) - line.endswith(b"\n") <= LONGEST:
            yield line.removesuffix(b"\n")
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(LONGEST)
        yield None


def submission(line: bytes) -> Submission:
    """What a line submits; raises ``BadLine``."""
    if not line.strip():
        raise BadLine(None, [((), "is empty")])
    try:
        said = loads(line)
    except BadJson as error:
        raise BadLine(None, [(_in_form(error.loc), error.msg)]) from None
    if not isinstance(said, dict):
        raise BadLine(None, [((), "must have subject and form")])
    errors: Errors = [((name,), "is missing") for name in _MEMBERS if name not in said]
    errors.extend(((name,), "is not known here") for name in said if name not in _MEMBERS)
    subject, form = said.get("subject"), said.get("form")
    named = subject if well_formed_subject(subject) else None
    if "subject" in said and named is None:
        errors.append((("subject",), "must be a site and a number, like IT001-0001"))
    if "form" in said and not isinstance(form, dict):
        errors.append((("form",), "must hold the fields of the form"))
    if errors or named is None or not isinstance(form, dict):
        raise BadLine(named, errors)
    return Submission(named, form)


def answer(
    eligibility: Eligibility, line: bytes | None, today: Callable[[SiteId], date]
) -> Mapping[str, object]:
    """The decision on a line, or ``{"subject", "errors"}``; ``today`` is the day at a site."""
    if line is None:
        return bad(None, [((), f"is longer than {LONGEST // 1024} KiB")])
    try:
        subject, form = submission(line)
    except BadLine as error:
        return bad(error.subject, error.errors)
    try:
        decision = eligibility.decide(subject, form, today(site_of(subject)))
    except FormErrors as error:
        return bad(subject, error.errors)
    return {"subject": subject, **decision.answer()}


def bad(subject: SubjectId | None, errors: Errors) -> Mapping[str, object]:
    """The answer to a bad line."""
    return {"subject": subject, "errors": [{"loc": loc, "msg": msg} for loc, msg in errors]}


def _in_form(loc: Loc) -> Loc:
    """Places in the form count from the form."""
    return loc[1:] if len(loc) > 1 and loc[0] == "form" else loc

"""Correcting a screening: values as they were given, what changes and why; looked at, then kept."""

import hashlib
from typing import Any

from starlette.responses import Response

from services.portal import reading, writing
from services.portal.changes import Change, Changes, changes
from services.portal.client import Answer
from services.portal.dictionary import asked_by
from services.portal.pages.screening import typed_of
from services.portal.questions import Dictionary
from services.portal.sheet import Sheet, faults
from services.portal.shown import shown
from services.portal.typed import Loc, Typed
from services.portal.verdict import known
from services.portal.visit import SITE, Page, Visit
from shared.contracts import jsontext


async def ask(visit: Visit) -> Response:
    """The form with what is known."""
    screening = await _screening(visit)
    dictionary = asked_by(visit.protocol)
    return _page(visit, screening, Sheet(dictionary, writing.written(dictionary, known(screening))))


async def correct(visit: Visit) -> Response:
    """What changes, to be looked at; kept once it was."""
    screening = await _screening(visit)
    dictionary = asked_by(visit.protocol)
    typed = reading.compacted(dictionary, typed_of(visit))
    found = changes(dictionary, known(screening), reading.read(dictionary, typed))
    errors = _errors(visit, found)
    if errors:
        return _again(visit, screening, dictionary, typed, errors)
    if visit.form["reviewed"] != digest(found):
        sheet = Sheet(dictionary, typed)
        return _page(visit, screening, sheet, review=rows(found.items), digest=digest(found))
    path = f"/trials/{visit.trial}/screenings/{screening['id']}"
    body = {"changes": found.fields, "reason": visit.form["reason"].strip()}
    answer = await visit.ask(
        "POST", "screening", f"{path}/corrections", body, key=visit.form["once"]
    )
    if answer.ok:
        return visit.see(path, "corrected")
    return _again(visit, screening, dictionary, typed, list(answer.errors), answer)


def rows(items: tuple[Change, ...]) -> list[tuple[str, str, str]]:
    """What changes, in words: question, old value, new value."""
    return [
        (one.asked.label, shown(one.asked, one.old), shown(one.asked, one.new)) for one in items
    ]


def digest(found: Changes) -> str:
    """Names a set of changes: what is kept is what was looked at."""
    return hashlib.sha256(jsontext.dumps(found.fields)).hexdigest()[:16]


def _errors(visit: Visit, found: Changes) -> list[tuple[Loc, str]]:
    errors = list(found.errors)
    if not errors and not found.items:
        errors.append((("form",), "says what it said before: change what is wrong"))
    if not visit.form["reason"].strip():
        errors.append((("reason",), "is needed: say why"))
    return errors


async def _screening(visit: Visit) -> Any:
    path = f"/trials/{visit.trial}/screenings/{visit.path['id']}"
    return await visit.needed("screening", path)


def _again(
    visit: Visit,
    screening: Any,
    dictionary: Dictionary,
    typed: Typed,
    errors: list[tuple[Loc, str]],
    answer: Answer | None = None,
) -> Response:
    sheet = Sheet(dictionary, typed, faults(dictionary, errors))
    problem = answer.detail if answer and not answer.errors else None
    return _page(visit, screening, sheet, answer.status if answer else 422, problem=problem)


def _page(
    visit: Visit,
    screening: Any,
    sheet: Sheet,
    status: int = 200,
    *,
    review: list[tuple[str, str, str]] | None = None,
    digest: str = "",
    problem: str | None = None,
) -> Response:
    return visit.page(
        "correction.html",
        status,
        screening=screening,
        sheet=sheet,
        review=review,
        digest=digest,
        problem=problem,
        hidden_fields=[
            one.label for one in sheet.dictionary.fields if not one.criteria and one.kind != "map"
        ],
    )


PAGES = (
    Page("GET", "/trials/{trial}/screenings/{id}/corrections", SITE, ask),
    Page("POST", "/trials/{trial}/screenings/{id}/corrections", SITE, correct),
)

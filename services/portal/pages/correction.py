"""Correcting a screening: values as they were given, what changes and why; looked at, then kept."""

import hashlib
from dataclasses import dataclass, replace
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
from services.portal.verdict import Verdict, verdict
from services.portal.visit import SITE, Page, Visit
from shared.contracts import jsontext


@dataclass(frozen=True, slots=True)
class Review:
    """What is looked at before a correction is kept; `after` None where nobody could tell."""

    rows: list[tuple[str, str, str]]
    digest: str
    before: Verdict
    after: Verdict | None
    stratum: str | None


async def ask(visit: Visit) -> Response:
    """The form with what is known."""
    screening = await _screening(visit)
    dictionary = asked_by(visit.version(screening["protocol_version"]))
    typed = writing.written(dictionary, screening["form"])
    return _page(visit, screening, Sheet(dictionary, typed))


async def correct(visit: Visit) -> Response:
    """What changes, to be looked at; kept once it was."""
    screening = await _screening(visit)
    dictionary = asked_by(visit.version(screening["protocol_version"]))
    typed = reading.compacted(dictionary, typed_of(visit))
    found = changes(dictionary, screening["form"], reading.read(dictionary, typed))
    errors = _errors(visit, found)
    if errors:
        return _again(visit, screening, dictionary, typed, errors)
    looked_at = digest(screening["revision"], found)
    if visit.form["reviewed"] != looked_at:
        checked = await _check(visit, screening, found)
        wrong = [(loc, said) for loc, said in checked.errors if {*loc[:1]} & {*found.fields}]
        if wrong:
            return _again(visit, screening, dictionary, typed, wrong)
        review = Review(rows(found.items), looked_at, verdict(dictionary, screening), None, None)
        if checked.ok:
            review = _decided(visit, review, checked)
        return _page(visit, screening, Sheet(dictionary, typed), review=review)
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


def digest(revision: int, found: Changes) -> str:
    """Names a set of changes to a revision: what is kept is what was looked at."""
    return hashlib.sha256(jsontext.dumps([revision, found.fields])).hexdigest()[:16]


async def _check(visit: Visit, screening: Any, found: Changes) -> Answer:
    """What screening would decide on the corrected form; nothing is kept."""
    form = {**screening["form"], **found.fields}
    body = {"subject": screening["subject"], "form": form}
    return await visit.ask("POST", "screening", f"/trials/{visit.trial}/screenings/check", body)


def _decided(visit: Visit, review: "Review", checked: Answer) -> "Review":
    protocol = visit.version(checked.body["protocol_version"])
    after = verdict(asked_by(protocol), checked.body)
    stratum = protocol.stratum(after.stratum) if after.stratum else None
    return replace(review, after=after, stratum=stratum.title if stratum else None)


def _errors(visit: Visit, found: Changes) -> list[tuple[Loc, str]]:
    errors = list(found.errors)
    if not errors and not found.items:
        errors.append((("form",), "says what it said before: change what is wrong"))
    if not visit.form["reason"].strip():
        errors.append((("reason",), "is needed: say why"))
    return errors


async def _screening(visit: Visit) -> Any:
    path = f"/trials/{visit.trial}/screenings/{visit.path['id']}"
    return await visit.needed("screening", path, form="true")


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
    review: Review | None = None,
    problem: str | None = None,
) -> Response:
    return visit.page(
        "correction.html",
        status,
        screening=screening,
        sheet=sheet,
        review=review,
        problem=problem,
    )


PAGES = (
    Page("GET", "/trials/{trial}/screenings/{id}/corrections", SITE, ask),
    Page("POST", "/trials/{trial}/screenings/{id}/corrections", SITE, correct),
)

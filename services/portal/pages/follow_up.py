"""Following an adverse event up: the newest version to change; what was changed is sent."""

from typing import Any

from starlette.responses import Response

from services.portal import event_form
from services.portal.changes import changes
from services.portal.client import Answer
from services.portal.pages.adverse_event import sheet_of
from services.portal.pages.case import found
from services.portal.pages.screening import typed_of
from services.portal.questions import Dictionary
from services.portal.sheet import Sheet, faults
from services.portal.typed import Loc, Typed
from services.portal.visit import SITE, Page, Visit


async def ask(visit: Visit) -> Response:
    """The form as the newest version has it."""
    case = await found(visit)
    asked = sheet_of(visit, tuple(case["components"]))
    typed = event_form.written(asked, case["form"], visit.zone(case["site"]))
    return _page(visit, case, Sheet(asked, typed))


async def follow_up(visit: Visit) -> Response:
    """The changed fields alone, as the next version."""
    case = await found(visit)
    asked, typed = sheet_of(visit, tuple(case["components"])), typed_of(visit)
    old = case["form"]
    read = event_form.read(asked, typed, visit.zone(case["site"]), old)
    changed = changes(asked, old, read)
    errors = changed.errors
    if not errors and not changed.items:
        errors = [(("form",), "says what it said before: change what is new")]
    if errors:
        return _again(visit, case, asked, typed, errors)
    here = f"/trials/{visit.trial}/adverse-events/{case['case']}"
    answer = await visit.ask(
        "POST", "safety", f"{here}/follow-ups", {"form": changed.fields}, key=visit.form["once"]
    )
    if answer.ok:
        return visit.see(here, "followed-up")
    return _again(visit, case, asked, typed, list(answer.errors), answer)


def _again(
    visit: Visit,
    case: Any,
    asked: Dictionary,
    typed: Typed,
    errors: list[tuple[Loc, str]],
    answer: Answer | None = None,
) -> Response:
    sheet = Sheet(asked, typed, faults(asked, errors))
    problem = answer.detail if answer and not answer.errors else None
    return _page(visit, case, sheet, answer.status if answer else 422, problem)


def _page(
    visit: Visit, case: Any, sheet: Sheet, status: int = 200, problem: str | None = None
) -> Response:
    zone = visit.zone(case["site"])
    return visit.page("follow_up.html", status, case=case, sheet=sheet, zone=zone, problem=problem)


PAGES = (
    Page("GET", "/trials/{trial}/adverse-events/{case}/follow-ups", SITE, ask),
    Page("POST", "/trials/{trial}/adverse-events/{case}/follow-ups", SITE, follow_up),
)

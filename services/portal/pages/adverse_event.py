"""Reporting an adverse event of a subject, in the time of its site."""

from zoneinfo import ZoneInfo

from starlette.responses import Response

from services.portal import event_form, store
from services.portal.client import Answer
from services.portal.components import components, regimen_field
from services.portal.pages.screening import typed_of
from services.portal.questions import Dictionary
from services.portal.sheet import Sheet, faults
from services.portal.typed import Loc, Typed
from services.portal.verdict import known
from services.portal.visit import SITE, Page, Visit
from shared.contracts.subjects import site_of, well_formed_subject
from shared.runtime.security import Role


async def ask(visit: Visit) -> Response:
    """The empty form of a subject, or first the question which one it is."""
    subject = visit.query.get("subject", "").strip()
    if not subject:
        return visit.page("adverse_event_whom.html", wrong=None)
    if not well_formed_subject(subject) or not _here(visit, subject):
        wrong = "There is no such subject, or not for you. Write it as in IT001-0007."
        return visit.page("adverse_event_whom.html", 422, wrong=wrong)
    return _page(visit, subject, Sheet(await questions(visit, subject)))


async def report(visit: Visit) -> Response:
    """Report it, or show the form again with what is wrong in it."""
    subject = visit.form["subject"]
    if not well_formed_subject(subject) or not _here(visit, subject):
        visit.problem(404, "There is no such subject, or not for you.")
    asked, typed = await questions(visit, subject), typed_of(visit)
    read = event_form.read(asked, typed, visit.zone(site_of(subject)), {})
    errors = [*read.errors, *missing(read.form, read.errors)]
    if errors:
        return _again(visit, subject, asked, typed, errors)
    body = {"subject": subject, "form": read.form}
    path = f"/trials/{visit.trial}/adverse-events"
    answer = await visit.ask("POST", "safety", path, body, key=visit.form["once"])
    if answer.ok:
        return visit.see(f"{path}/{answer.body['case']}", "reported")
    return _again(visit, subject, asked, typed, list(answer.errors), answer)


async def questions(visit: Visit, subject: str) -> Dictionary:
    """The form for a subject: components by arm and regimen, as far as they are known."""
    at = f"/trials/{visit.trial}"
    drawn = await visit.ask("GET", "randomizer", f"{at}/allocations/{subject}")
    arm = drawn.body.get("arm") if drawn.ok else None
    had = components(visit.protocol, arm, await _regimen(visit, subject))
    return sheet_of(visit, had)


def sheet_of(visit: Visit, had: tuple[str, ...], *, judges: bool = False) -> Dictionary:
    """The form for these components. Causality is asked of an investigator, whose to judge it is;
    with ``judges`` it is among the questions whoever looks.
    """
    judges = judges or visit.person.role is Role.INVESTIGATOR
    return event_form.dictionary(visit.protocol.study.severity_scale, had, judges=judges)


async def _regimen(visit: Visit, subject: str) -> object:
    """The regimen that the newest screening tells."""
    field = regimen_field(visit.protocol)
    async with visit.work.reading() as db:
        found = await store.subject(db, visit.trial, subject)
    if field is None or found is None or found.screening is None:
        return None
    path = f"/trials/{visit.trial}/screenings/{found.screening}"
    screening = await visit.ask("GET", "screening", path)
    return known(screening.body).get(field) if screening.ok else None


def missing(form: dict[str, object], errors: list[tuple[Loc, str]]) -> list[tuple[Loc, str]]:
    """What has to be said and is not, in words that say how."""
    told = {loc[0] for loc, _ in errors}
    needed = {
        "term": "is needed",
        "site_aware_at": "is needed, with date and time",
        "seriousness": "is needed: tick what it meant, or that it was not serious",
    }
    return [
        ((name,), says) for name, says in needed.items() if name not in form and name not in told
    ]


def _here(visit: Visit, subject: str) -> bool:
    return well_formed_subject(subject) and (
        visit.protocol.site(site_of(subject)) is not None and visit.may_see_site(site_of(subject))
    )


def _again(
    visit: Visit,
    subject: str,
    asked: Dictionary,
    typed: Typed,
    errors: list[tuple[Loc, str]],
    answer: Answer | None = None,
) -> Response:
    sheet = Sheet(asked, typed, faults(asked, errors))
    problem = answer.detail if answer and not answer.errors else None
    return _page(visit, subject, sheet, answer.status if answer else 422, problem)


def _page(
    visit: Visit, subject: str, sheet: Sheet, status: int = 200, problem: str | None = None
) -> Response:
    zone: ZoneInfo = visit.zone(subject.partition("-")[0])
    return visit.page(
        "adverse_event_form.html", status, subject=subject, sheet=sheet, zone=zone, problem=problem
    )


PAGES = (
    Page("GET", "/trials/{trial}/adverse-events/new", SITE, ask),
    Page("POST", "/trials/{trial}/adverse-events/new", SITE, report),
)

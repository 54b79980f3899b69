"""Adverse events of the sites in scope, with what is due next for each."""

from starlette.responses import Response

from services.portal import store
from services.portal.pages.subjects import page_number
from services.portal.visit import SAFETY_OFFICER, SITE, Page, Visit
from shared.contracts.subjects import well_formed_subject

_ROWS = 50


async def cases(visit: Visit) -> Response:
    """The newest first; of one subject, or the serious ones alone, where that is asked for."""
    at = page_number(visit)
    subject = visit.query.get("subject") or None
    if subject is not None and not well_formed_subject(subject):
        visit.problem(404, "There is no such subject, or not for you.")
    serious = visit.query.get("serious") == "yes"
    async with visit.work.reading() as db:
        found = await store.cases(
            db,
            visit.trial,
            visit.person.only_sites,
            only_serious=serious,
            subject=subject,
            skip=(at - 1) * _ROWS,
            limit=_ROWS,
        )
    return visit.page(
        "cases.html",
        rows=found.items,
        total=found.total,
        at=at,
        rows_a_page=_ROWS,
        serious=serious,
        subject=subject,
    )


PAGES = (Page("GET", "/trials/{trial}/adverse-events", SITE | SAFETY_OFFICER, cases),)

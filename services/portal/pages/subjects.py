"""A site's patients with their states, and those that wait for an investigator's signature."""

from collections.abc import Sequence

from starlette.responses import Response

from services.portal import store
from services.portal.domain import Subject, state_of
from services.portal.visit import INVESTIGATOR, SITE, Page, Visit

_ROWS = 50


async def subjects(visit: Visit) -> Response:
    """My patients: those first for whom something is to be done."""
    at = page_number(visit)
    needs_signature = visit.protocol.study.requires_signature
    async with visit.work.reading() as db:
        found = await store.subjects(
            db,
            visit.trial,
            visit.person.only_sites,
            needs_signature=needs_signature,
            skip=(at - 1) * _ROWS,
            limit=_ROWS,
        )
        state, _ = await store.trial_state(db, visit.trial)
    arms, arms_gone = await _arms(visit, found.items)
    rows = [
        (
            one,
            state_of(one, needs_signature=needs_signature, paused=state == "paused"),
            arms.get(one.subject),
        )
        for one in found.items
    ]
    return visit.page(
        "subjects.html", rows=rows, total=found.total, at=at, rows_a_page=_ROWS, wrong=arms_gone
    )


async def _arms(visit: Visit, rows: Sequence[Subject]) -> tuple[dict[str, str], str | None]:
    """The arms, or treatment codes, that the randomizer shows of the subjects on this page.

    It lists draws by number: those asked for begin before the first of them on the page.
    """
    numbers = sorted(one.number for one in rows if one.number is not None)
    if not numbers:
        return {}, None
    wanted = {one.subject for one in rows}
    arms: dict[str, str] = {}
    after: str | None = str(numbers[0] - 1)
    while after is not None and int(after) < numbers[-1]:
        answer = await visit.ask(
            "GET",
            "randomizer",
            f"/trials/{visit.trial}/allocations",
            query={"after": after, "limit": "1000"},
        )
        if not answer.ok:
            return arms, answer.detail
        for item in answer.body["items"]:
            told = item.get("treatment_code") or item.get("arm")
            if item["subject"] in wanted and told:
                arms[item["subject"]] = told
        after = answer.body["next"]
    return arms, None


async def to_sign(visit: Visit) -> Response:
    """What waits for a signature, the longest first."""
    async with visit.work.reading() as db:
        rows = await store.to_sign(db, visit.trial, visit.person.only_sites)
    if not visit.protocol.study.requires_signature:
        rows = []
    return visit.page("to_sign.html", rows=rows)


def page_number(visit: Visit) -> int:
    """Which page of a list is asked for, from 1."""
    given = visit.query.get("page", "1")
    return min(int(given), 10_000) if given.isascii() and given.isdecimal() and int(given) else 1


PAGES = (
    Page("GET", "/trials/{trial}/subjects", SITE, subjects),
    Page("GET", "/trials/{trial}/to-sign", INVESTIGATOR, to_sign),
)

"""Unblinding one subject: asked with a reason, shown once to the one who asked.

The arm is in the answer to the form alone. The page is not kept by the browser, and asking for its
address again brings the form.
"""

from starlette.responses import Response

from services.portal import store
from services.portal.client import Answer
from services.portal.pages.screened import arm_of
from services.portal.visit import INVESTIGATOR, SAFETY_OFFICER, Page, Visit
from shared.contracts.subjects import SubjectId, site_of

_UNBLINDS = INVESTIGATOR | SAFETY_OFFICER
_LONGEST_REASON = 2000


async def ask(visit: Visit) -> Response:
    """What unblinding means, and why it is done."""
    return await _page(visit)


async def unblind(visit: Visit) -> Response:
    """The arm, this once."""
    reason = visit.form["reason"].strip()
    if not reason or len(reason) > _LONGEST_REASON:
        return await _page(visit, 422, f"Say why, in at most {_LONGEST_REASON} characters.")
    path = f"/trials/{visit.trial}/subjects/{visit.subject}/unblind"
    answer = await visit.ask(
        "POST", "randomizer", path, {"reason": reason}, key=visit.form["once"] or None
    )
    if not answer.ok:
        return await _page(visit, answer.status, answer.detail)
    return await _page(visit, told=answer)


async def _page(
    visit: Visit, status: int = 200, wrong: str | None = None, told: Answer | None = None
) -> Response:
    name = SubjectId(visit.subject)
    if visit.protocol.site(site_of(name)) is None:
        visit.problem(404, "There is no such subject, or not for you.")
    async with visit.work.reading() as db:
        subject = await store.subject(db, visit.trial, name)
    return visit.page(
        "unblinding.html",
        status,
        name=name,
        drawn=subject is not None and subject.number is not None,
        masked=visit.protocol.study.masking == "double",
        emergency=visit.person.role in INVESTIGATOR,
        wrong=wrong,
        told=told.body if told else None,
        arm=arm_of(visit, told) if told else None,
    )


PAGES = (
    Page("GET", "/trials/{trial}/subjects/{subject}/unblind", _UNBLINDS, ask),
    Page("POST", "/trials/{trial}/subjects/{subject}/unblind", _UNBLINDS, unblind),
)

"""A case: why it is reportable, its clocks, its history; a safety officer judges and submits."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from services.portal import case_file, sitetime
from services.portal.client import Answer
from services.portal.components import authorities
from services.portal.labels import label
from services.portal.pages.adverse_event import sheet_of
from services.portal.visit import SAFETY_OFFICER, SITE, Page, Visit
from services.portal.words import CLOCKS

_UTC = ZoneInfo("UTC")
_SENT = ("expedited_7", "expedited_15", "follow_up_8")


async def show(visit: Visit) -> Response:
    """The case as it stands."""
    return await _page(visit)


async def assess(visit: Visit) -> Response:
    """The sponsor's causality and expectedness, component by component, with the reason."""
    case = await found(visit)
    words = {"true": True, "false": False}
    body = {
        "causality": {name: visit.form[f"causality/{name}"] or None for name in case["components"]},
        "expected": {
            name: words.get(visit.form[f"expected/{name}"]) for name in case["components"]
        },
        "reason": visit.form["reason"].strip(),
    }
    return await _post(visit, "assessments", body, "assessed")


async def submit(visit: Visit) -> Response:
    """A report went to an authority."""
    authority, _, kind = visit.form["what"].partition(" ")
    try:
        sent = sitetime.instant(visit.form["submitted_at"].strip(), _UTC)
    except sitetime.NoSuchTime as why:
        return await _page(
            visit, "submissions", Answer(422, errors=[(("submitted_at",), str(why))])
        )
    body = {"authority": authority, "kind": kind, "submitted_at": sent}
    return await _post(visit, "submissions", body, "sent")


async def found(visit: Visit) -> Any:
    """The case in the path; a page that says so where there is none."""
    path = f"/trials/{visit.trial}/adverse-events/{visit.path['case']}"
    return await visit.needed("safety", path)


async def _post(visit: Visit, what: str, body: object, told: str) -> Response:
    here = f"/trials/{visit.trial}/adverse-events/{visit.path['case']}"
    answer = await visit.ask("POST", "safety", f"{here}/{what}", body, key=visit.form["once"])
    return visit.see(here, told) if answer.ok else await _page(visit, what, answer)


async def _page(visit: Visit, tried: str = "", problem: Answer | None = None) -> Response:
    case = await found(visit)
    asked = sheet_of(visit, tuple(case["components"]), judges=True)
    wrong = {str(loc[0]): message for loc, message in problem.errors if loc} if problem else {}
    clocks = case_file.clocks(case)
    return visit.page(
        "case.html",
        problem.status if problem else 200,
        case=case,
        steps=case_file.steps(asked, case),
        values=case_file.values(asked, case["form"]),
        aware=case_file.aware(case),
        clocks=clocks,
        next_due=next((one for one in clocks if one["open"]), None),
        judged=case_file.judged(case),
        label=label,
        sendable=_sendable(visit, clocks),
        now_utc=f"{visit.now.astimezone(UTC):%Y-%m-%dT%H:%M}",
        zone=visit.zone(case["site"]),
        officer=visit.person.role in SAFETY_OFFICER,
        tried=tried,
        problem=problem.detail if problem and not wrong else None,
        wrong=wrong,
    )


def _sendable(visit: Visit, clocks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What can be sent to whom; what a clock waits for comes first."""
    every = [(who, kind) for who in authorities(visit.protocol) for kind in _SENT]
    due = [(one["authority"], one["kind"]) for one in clocks if one["open"] and one["authority"]]
    return [
        (f"{who} {kind}", f"{who}: {CLOCKS[kind]}{' (due)' if (who, kind) in due else ''}")
        for who, kind in dict.fromkeys([*due, *every])
    ]


# A page that told what was wrong has the address of what was tried: asked again, it is the page.
PAGES = (
    Page("GET", "/trials/{trial}/adverse-events/{case}", SITE | SAFETY_OFFICER, show),
    Page("GET", "/trials/{trial}/adverse-events/{case}/assessments", SITE | SAFETY_OFFICER, show),
    Page("GET", "/trials/{trial}/adverse-events/{case}/submissions", SITE | SAFETY_OFFICER, show),
    Page("POST", "/trials/{trial}/adverse-events/{case}/assessments", SAFETY_OFFICER, assess),
    Page("POST", "/trials/{trial}/adverse-events/{case}/submissions", SAFETY_OFFICER, submit),
)

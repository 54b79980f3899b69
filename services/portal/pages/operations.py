"""How the services are, and the events that could not be applied: apply again, or pass over."""

import asyncio

from starlette.responses import Response

from services.portal.client import name_of
from services.portal.visit import TRIAL_MANAGER, Page, Visit

_LONGEST_REASON = 2000


async def operations(visit: Visit) -> Response:
    """Every service in one line, then the dead letters of all."""
    names = visit.parts.services.names
    ready = await asyncio.gather(*(visit.parts.services.ready(name) for name in names))
    answers = await asyncio.gather(*(visit.ask("GET", name, "/dead") for name in names))
    letters = [
        (name, letter)
        for name, answer in zip(names, answers, strict=True)
        if answer.ok
        for letter in answer.body["items"]
    ]
    return visit.page(
        "operations.html",
        health=[(name_of(name), up) for name, up in zip(names, ready, strict=True)],
        letters=letters,
        name_of=name_of,
    )


async def letter(visit: Visit) -> Response:
    """One dead letter with its cause."""
    return await _shown(visit, "", None)


async def settle(visit: Visit) -> Response:
    """Replay or drop it."""
    name, verb = visit.path["letter"], visit.form["do"]
    reason = visit.form["reason"].strip()
    if verb not in ("replay", "drop"):
        visit.problem(422, "This form is not complete. Open the page again.")
    if verb == "drop" and not 0 < len(reason) <= _LONGEST_REASON:
        return await _shown(visit, reason, f"Say why, in at most {_LONGEST_REASON} characters.")
    body = {"reason": reason} if verb == "drop" else None
    answer = await visit.ask("POST", _service(visit), f"/dead/{name}/{verb}", body)
    if not answer.ok:
        return await _shown(visit, reason, answer.detail)
    told = "replayed" if verb == "replay" else "dropped"
    return visit.see(f"/trials/{visit.trial}/operations", told)


async def _shown(visit: Visit, reason: str, wrong: str | None) -> Response:
    service = _service(visit)
    found = await visit.needed(service, f"/dead/{visit.path['letter']}")
    return visit.page(
        "dead_letter.html",
        422 if wrong else 200,
        letter=found,
        service=name_of(service),
        reason=reason,
        wrong=wrong,
    )


def _service(visit: Visit) -> str:
    service = visit.path["service"]
    if service not in visit.parts.services.names:
        visit.problem(404, "There is no such service.")
    return service


_LETTER = "/trials/{trial}/operations/{service}/{letter}"
PAGES = (
    Page("GET", "/trials/{trial}/operations", TRIAL_MANAGER, operations),
    Page("GET", _LETTER, TRIAL_MANAGER, letter),
    Page("POST", _LETTER, TRIAL_MANAGER, settle),
)

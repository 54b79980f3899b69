"""A subject: its whole life, how it stands, what is next; survival and withdrawal told here."""

from typing import Any

from starlette.responses import Response

from services.portal import store, timeline
from services.portal.client import Answer
from services.portal.domain import Subject, state_of
from services.portal.pages.screened import arm_of
from services.portal.timeline import Entry
from services.portal.visit import (
    INVESTIGATOR,
    SAFETY_OFFICER,
    SITE,
    STATISTICIAN,
    TRIAL_MANAGER,
    Page,
    Visit,
)
from shared.contracts.subjects import SubjectId, site_of

_READERS = SITE | SAFETY_OFFICER | TRIAL_MANAGER | STATISTICIAN
_DRAWS = SITE | TRIAL_MANAGER | STATISTICIAN
_EVENTS = SITE | SAFETY_OFFICER
_MOST = 500


async def show(visit: Visit) -> Response:
    """The page."""
    return await _page(visit)


async def survive(visit: Visit) -> Response:
    """Alive on a day, or dead."""
    form = visit.form
    body = {"subject": visit.subject, "status": form["status"], "date": form["date"]}
    if form["status"] == "dead" and form["cause"].strip():
        body["cause"] = form["cause"].strip()
    return await _post(visit, "survival", body, "survival")


async def withdraw(visit: Visit) -> Response:
    """The consent taken back, or the treatment left."""
    form = visit.form
    body = {
        "subject": visit.subject,
        "from": form["from"],
        "date": form["date"],
        "reason": form["reason"].strip(),
    }
    return await _post(visit, "withdrawals", body, "withdrawn")


async def _post(visit: Visit, what: str, body: dict[str, str], told: str) -> Response:
    answer = await visit.ask(
        "POST", "safety", f"/trials/{visit.trial}/{what}", body, key=visit.form["once"]
    )
    if answer.ok:
        return visit.see(f"/trials/{visit.trial}/subjects/{visit.subject}", told)
    return await _page(visit, what, answer)


async def _page(visit: Visit, tried: str = "", problem: Answer | None = None) -> Response:
    name = SubjectId(visit.subject)
    site = site_of(name)
    if visit.protocol.site(site) is None:
        visit.problem(404, "There is no such subject, or not for you.")
    async with visit.work.reading() as db:
        subject = await store.subject(db, visit.trial, name) or Subject(visit.trial, name, site)
        trial, _ = await store.trial_state(db, visit.trial)
        events = await store.cases(
            db,
            visit.trial,
            visit.person.only_sites,
            only_serious=False,
            subject=name,
            skip=0,
            limit=_MOST,
        )
    entries, down = await _entries(visit, subject, events.items)
    needs_signature = visit.protocol.study.requires_signature
    wrong = {str(loc[-1]): msg for loc, msg in problem.errors if loc} if problem else {}
    return visit.page(
        "subject.html",
        problem.status if problem else 200,
        subject=subject,
        state=state_of(subject, needs_signature=needs_signature, paused=trial == "paused"),
        life=timeline.life(entries, visit.zone(site)),
        zone=visit.zone(site),
        down=down,
        tried=tried,
        problem=problem.detail if problem and not wrong else None,
        wrong=wrong,
        writes=visit.person.role in SITE,
        unblinds=visit.person.role in INVESTIGATOR | SAFETY_OFFICER
        and visit.protocol.study.masking == "double"
        and subject.number is not None,
        today=visit.protocol.today(site, visit.now),
    )


async def _entries(visit: Visit, subject: Subject, events: Any) -> tuple[list[Entry], list[str]]:
    """What happened, as far as this person may see it; and which services do not answer."""
    entries = timeline.befallen(subject)
    down: list[str] = []
    if visit.person.role in SITE:
        attempts = await _attempts(visit, subject, down)
        entries += [timeline.screening(one, visit.trial) for one in attempts]
    elif (screened := timeline.seen(subject)) is not None:
        entries.append(screened)
    if visit.person.role in _DRAWS:
        path = f"/trials/{visit.trial}/allocations/{subject.subject}"
        drawn = await visit.ask("GET", "randomizer", path)
        if drawn.ok:
            stratum = visit.protocol.stratum(drawn.body["stratum"])
            title = stratum.title if stratum else None
            entries.append(timeline.allocation(drawn.body, arm_of(visit, drawn), title))
        elif drawn.status != 404:
            down.append(drawn.detail)
    elif subject.randomized_at is not None:
        entries.append(Entry(subject.randomized_at, "good", "Randomized"))
    if visit.person.role in _EVENTS:
        terms = await _terms(visit, subject, down) if events else {}
        entries += [timeline.event(one, visit.trial, terms.get(one["case"])) for one in events]
    return entries, down


async def _terms(visit: Visit, subject: Subject, down: list[str]) -> dict[str, str]:
    """What the site called its adverse events, by case."""
    path = f"/trials/{visit.trial}/adverse-events"
    query = {"subject": subject.subject, "limit": "1000"}
    answer = await visit.ask("GET", "safety", path, query=query)
    if not answer.ok:
        down.append(answer.detail)
        return {}
    return {str(one["case"]): str(one["term"]) for one in answer.body["items"]}


async def _attempts(visit: Visit, subject: Subject, down: list[str]) -> list[Any]:
    """The subject's screenings: screening lists them by site."""
    found: list[Any] = []
    after: str | None = ""
    while after is not None:
        query = {"site": subject.site, "limit": "1000"} | ({"after": after} if after else {})
        path = f"/trials/{visit.trial}/screenings"
        answer = await visit.ask("GET", "screening", path, query=query)
        if not answer.ok:
            down.append(answer.detail)
            break
        found += [one for one in answer.body["items"] if one["subject"] == subject.subject]
        after = answer.body["next"]
    return found


# A page that told what was wrong has the address of what was tried: asked again, it is the page.
PAGES = (
    Page("GET", "/trials/{trial}/subjects/{subject}", _READERS, show),
    Page("GET", "/trials/{trial}/subjects/{subject}/survival", _READERS, show),
    Page("GET", "/trials/{trial}/subjects/{subject}/withdrawals", _READERS, show),
    Page("POST", "/trials/{trial}/subjects/{subject}/survival", SITE, survive),
    Page("POST", "/trials/{trial}/subjects/{subject}/withdrawals", SITE, withdraw),
)

"""Alerts that call the person, the clocks that run, and taking an alert up."""

from starlette.responses import Response

from services.portal import store
from services.portal.people import Person
from services.portal.store import Scope
from services.portal.visit import EVERYONE, Page, Visit
from shared.contracts.subjects import TrialId
from shared.runtime.security import Role

_DONE = 50
_OPEN = 200
_LONGEST_NOTE = 2000

SEES_CLOCKS = frozenset({Role.SITE, Role.INVESTIGATOR, Role.SAFETY_OFFICER})


async def alerts(visit: Visit) -> Response:
    """Open alerts, the worst first; then the clocks by time left; then what is done."""
    scope = scope_of(visit.person, [visit.trial])
    shows_clocks = visit.person.role in SEES_CLOCKS
    async with visit.work.reading() as db:
        opened = await store.alerts(db, scope, visit.trial, done=False, limit=_OPEN)
        done = await store.alerts(db, scope, visit.trial, done=True, limit=_DONE)
        sites = visit.person.only_sites
        clocks = await store.clocks(db, visit.trial, sites) if shows_clocks else []
        everywhere = await store.open_alerts(db, scope_of(visit.person, _trials(visit)))
        state, _ = await store.trial_state(db, visit.trial)
    elsewhere = {trial: number for trial, number in everywhere.items() if trial != visit.trial}
    return visit.page(
        "alerts.html",
        opened=opened,
        done=done,
        clocks=clocks,
        shows_clocks=shows_clocks,
        elsewhere=elsewhere,
        state=state,
    )


async def alert(visit: Visit) -> Response:
    """One alert: what it is about, who was told, and taking it up. Letters lead here."""
    return await _shown(visit, await _known(visit))


async def acknowledge(visit: Visit) -> Response:
    """Take it up: the calls stop."""
    known = await _known(visit)
    note = visit.form["note"].strip()
    if len(note) > _LONGEST_NOTE:
        wrong = f"The note is longer than {_LONGEST_NOTE} characters."
        return await _shown(visit, known, note, wrong, 422)
    body = {"note": note} if note else {}
    name, key = known["alert"], visit.form["once"] or None
    answer = await visit.ask("POST", "notifier", f"/alerts/{name}/acknowledge", body, key=key)
    if not answer.ok:
        return await _shown(visit, known, note, answer.detail, answer.status)
    return visit.see(f"/trials/{known['trial']}/alerts", "acknowledged")


async def _known(visit: Visit) -> dict[str, object]:
    scope = scope_of(visit.person, _trials(visit))
    async with visit.work.reading() as db:
        known = await store.alert(db, scope, visit.path["alert"])
    if known is None:
        visit.problem(404, "There is no such alert, or it does not call you.")
    return known


async def _shown(
    visit: Visit,
    known: dict[str, object],
    note: str = "",
    wrong: str | None = None,
    status: int = 200,
) -> Response:
    path = f"/alerts/{known['alert']}"
    now = await visit.ask("GET", "notifier", path)
    tried = await visit.ask("GET", "notifier", f"{path}/deliveries") if now.ok else now
    protocol = visit.parts.protocols[TrialId(str(known["trial"]))].at(visit.now)
    return visit.page(
        "alert.html",
        status,
        alert=known,
        protocol=protocol,
        now=now,
        tries=tried.body["items"] if tried.ok else [],
        note=note,
        wrong=wrong,
    )


def scope_of(person: Person, trials: "list[TrialId]") -> Scope:
    """What of alerts the person may see."""
    return Scope(person.role.value, trials, person.only_sites)


def _trials(visit: Visit) -> list[TrialId]:
    return [one.id for one in visit.trials]


PAGES = (
    Page("GET", "/trials/{trial}/alerts", EVERYONE, alerts),
    Page("GET", "/alerts/{alert}", EVERYONE, alert),
    Page("POST", "/alerts/{alert}", EVERYONE, acknowledge),
)

"""The notifier's HTTP: alerts for those whom they call, contacts for the trial manager."""

from datetime import datetime
from typing import Any

from starlette.responses import Response

from services.notifier import bodies, commands, contact_store, deliveries, store
from services.notifier.commands import Book, ContactsError
from services.notifier.contacts import well_formed_id
from services.notifier.deliveries import Delivery, Try
from services.notifier.desk import Desk
from services.notifier.escalation import Alert, NotNowError, State
from services.notifier.store import Filter
from shared.contracts import jsontext
from shared.contracts.envelope import uuid_of
from shared.contracts.events.notification import AlertSeverity
from shared.contracts.subjects import TrialId
from shared.runtime.database import Connection
from shared.runtime.problems import conflict, invalid, not_found
from shared.runtime.routes import Call, Route
from shared.runtime.security import ALL, Role
from shared.runtime.work import Answer

_PEOPLE = frozenset(Role) - {Role.SERVICE}
_MANAGER = frozenset({Role.TRIAL_MANAGER})


class Api:
    """The routes over the trials that run here."""

    def __init__(self, desk: Desk, book: Book) -> None:
        self._desk = desk
        self._book = book

    def routes(self) -> list[Route]:
        """The table."""
        alert, contacts = "/v1/alerts/{alert}", "/v1/trials/{trial}/contacts"
        one, called = {200: bodies.AlertAnswer}, {200: bodies.ContactsAnswer}
        return [
            Route(
                "GET",
                "/v1/alerts",
                _PEOPLE,
                self.alerts,
                "alerts that call you",
                query=bodies.AlertsQuery,
                answers={200: bodies.AlertsAnswer},
            ),
            Route("GET", alert, _PEOPLE, self.alert, "one alert", answers=one),
            Route(
                "POST",
                f"{alert}/acknowledge",
                _PEOPLE,
                self.acknowledge,
                "take an alert up",
                body=bodies.Note,
                answers=one,
            ),
            Route(
                "GET",
                f"{alert}/deliveries",
                _PEOPLE,
                self.deliveries,
                "who was told, and how",
                answers={200: bodies.DeliveriesAnswer},
            ),
            Route("GET", contacts, _MANAGER, self.contacts, "whom a trial calls", answers=called),
            Route(
                "PUT",
                contacts,
                _MANAGER,
                self.set_contacts,
                "say whom a trial calls",
                body=bodies.ContactsBody,
                answers=called,
            ),
            Route(
                "POST",
                "/v1/contacts/{contact}/test",
                _MANAGER,
                self.test,
                "try whether a contact can be reached",
                answers={200: bodies.TestedAnswer},
            ),
        ]

    async def alerts(self, call: Call) -> Response:
        """Alerts that call a role of the caller, in the order in which they were raised."""
        query = call.query
        after = uuid_of(query.after) if query.after is not None else None
        if query.after is not None and after is None:
            raise invalid([(("query", "after"), "is not the `next` of a list")])
        which = _visible(call, query.state, query.severity)
        if query.trial is not None:
            trial = query.trial
            if trial not in self._book.protocols or not call.caller.may_see_trial(trial):
                raise not_found("trial")
            which = Filter([trial], False, which.roles, which.sites, which.state, which.severity)
        async with call.work.reading() as db:
            found = await store.listed(db, which, after, query.limit + 1)
        items, more = found[: query.limit], len(found) > query.limit
        body = {"items": [_alert(one) for one in items], "next": items[-1].id if more else None}
        return _json(body)

    async def alert(self, call: Call) -> Response:
        """One alert as it stands."""
        async with call.work.reading() as db:
            return _json(_alert(await _found(call, db)))

    async def acknowledge(self, call: Call) -> Response:
        """The calls stop; where the cause must be settled too, for a day."""

        async def decide(db: Connection, now: datetime) -> Answer:
            await store.lock(db)
            alert = await _found(call, db)
            try:
                known, said = await commands.acknowledge(
                    db, now, alert, call.caller.sub, call.body.note
                )
            except NotNowError as why:
                raise conflict(str(why), "Somebody has acknowledged this alert already.") from why
            return Answer(_alert(known), events=said)

        return await call.write(decide)

    async def deliveries(self, call: Call) -> Response:
        """Every message about an alert, with every try and what the other server answered."""
        async with call.work.reading() as db:
            alert = await _found(call, db)
            found = await deliveries.of_alert(db, alert.id)
            tries = await deliveries.tries(db, [one.id for one in found])
        items = [_delivery(one, tries.get(one.id, [])) for one in found]
        return _json({"items": items, "next": None})

    async def contacts(self, call: Call) -> Response:
        """The trial's contacts with what their last test gave."""
        trial = self._trial(call)
        async with call.work.reading() as db:
            return _json(await _contacts(db, trial))

    async def set_contacts(self, call: Call) -> Response:
        """The whole list at once."""
        trial = self._trial(call)

        async def decide(db: Connection, now: datetime) -> Answer:
            try:
                said = await commands.set_contacts(
                    self._desk, self._book, db, now, trial, call.body.contacts, call.caller.sub
                )
            except ContactsError as why:
                raise invalid(why.errors) from why
            return Answer(await _contacts(db, trial), events=said)

        return await call.write(decide)

    async def test(self, call: Call) -> Response:
        """A message by every channel; the result stands beside the contact once it is known."""

        async def decide(db: Connection, now: datetime) -> Answer:
            await store.lock(db)
            name = call.path["contact"]
            contact = await contact_store.one(db, name) if well_formed_id(name) else None
            if contact is None or not call.caller.may_see_trial(contact.trial):
                raise not_found("contact")
            written = await commands.test_contact(self._desk, db, now, contact)
            body = {"contact": contact.id, "deliveries": [one.id for one in written]}
            return Answer(body)

        return await call.write(decide)

    def _trial(self, call: Call) -> TrialId:
        trial = TrialId(call.trial)
        if trial not in self._book.protocols:
            raise not_found("trial")
        return trial


def _visible(
    call: Call, state: State | None = None, severity: AlertSeverity | None = None
) -> Filter:
    """Alerts of the caller's trials and sites that call one of the caller's roles."""
    caller = call.caller
    everywhere = ALL in caller.trials
    return Filter(
        trials=None if everywhere else sorted(caller.trials),
        no_trial=everywhere,
        roles=sorted(caller.roles),
        sites=None if ALL in caller.sites else sorted(caller.sites),
        state=state,
        severity=severity,
    )


async def _found(call: Call, db: Connection) -> Alert:
    name = uuid_of(call.path["alert"])
    found = await store.listed(db, _visible(call), None, 1, name) if name else []
    if not found:
        raise not_found("alert")
    return found[0]


async def _contacts(db: Connection, trial: TrialId) -> dict[str, object]:
    tests = await contact_store.last_tests(db, trial)
    items: list[dict[str, object]] = []
    for contact in await contact_store.contacts(db, trial):
        last = tests.get(contact.id)
        test = last and {"at": last.at, "reached": last.reached, "answer": last.answer}
        items.append({**commands.shown(contact), "test": test})
    return {"items": items, "next": None}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "trial": alert.trial,
        "severity": alert.severity,
        "event": alert.event,
        "subject": alert.subject,
        "state": alert.state,
        "site": alert.site,
        "rule": alert.rule,
        "roles": alert.roles,
        "due": alert.due,
        "raised_at": alert.raised_at,
        "last_event_at": alert.last_event_at,
        "repeats": alert.repeats,
        "step": alert.step,
        "next_step_at": alert.next_step_at,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at,
        "lapses_at": alert.lapses_at,
        "must_settle": alert.matter is not None,
        "cause_settled_at": alert.cause_settled_at,
        "settled_at": alert.settled_at,
    }


def _delivery(one: Delivery, tries: list[Try]) -> dict[str, object]:
    return {
        "id": one.id,
        "step": one.step,
        "contact": one.contact,
        "channel": one.channel,
        "state": one.state,
        "written_at": one.written_at,
        "tries": [
            {"attempt": t.attempt, "at": t.at, "outcome": t.outcome, "answer": t.answer}
            for t in tries
        ],
    }


def _json(body: object) -> Response:
    return Response(jsontext.dumps(body), media_type="application/json")

"""What came of a try: kept, told, and drawn the consequence of, in one transaction.

A process that dies between the server's answer and this leaves the message to be sent again, with
the same Message-ID or webhook-id: nobody can know whether the server took it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.notifier import answers, claims, contact_store, deliveries, escalation, store
from services.notifier.answers import Answer
from services.notifier.deliveries import Delivery, Try
from services.notifier.desk import Desk, about, another, named, news
from services.notifier.escalation import Alert
from shared.contracts.events.notification import (
    AlertDelivered,
    AlertDeliveryFailed,
    ContactTested,
)
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent


async def record(
    desk: Desk, db: Connection, now: datetime, sent: Delivery, lease: UUID, answer: Answer
) -> list[NewEvent]:
    """Keep a try and its answer. Nothing where another process has taken the message over."""
    await store.lock(db)
    message = await claims.held(db, sent.id, lease)
    if message is None:
        return []
    one = Try(message.tries + 1, now, answer.outcome, answer.text)
    await deliveries.keep_try(db, message.id, one)
    alerts = await store.several(db, message.alerts)
    if answer.outcome == "delivered":
        await deliveries.end(db, message, "delivered")
        said = [_delivered(alert, message, one) for alert in alerts]
        return [*said, *await _reached(desk, db, now, message, alerts)]
    wanted = message.purpose == "digest" or any(alert.state == "open" for alert in alerts)
    more = answer.outcome == "later" and message.purpose != "test" and wanted
    again_at = answers.again_at(one.attempt, now) if more else None
    said = [_failed(alert, message, one, again_at) for alert in alerts]
    if again_at:
        await deliveries.again(db, message, again_at)
        return said
    if message.purpose == "call" and not wanted:
        await deliveries.end(db, message, "cancelled")
        return said
    await deliveries.end(db, message, "failed")
    return [*said, *await _lost(desk, db, now, message, alerts)]


def _delivered(alert: Alert, message: Delivery, one: Try) -> NewEvent:
    fact = AlertDelivered(
        alert=str(alert.id),
        severity=alert.severity,
        event=alert.event,
        subject=alert.subject,
        site=alert.site,
        delivery=str(message.id),
        contact=message.contact,
        channel=message.channel,
        attempt=one.attempt,
        answer=one.answer,
    )
    return about(alert, fact, one.at)


def _failed(alert: Alert, message: Delivery, one: Try, again_at: datetime | None) -> NewEvent:
    fact = AlertDeliveryFailed(
        alert=str(alert.id),
        severity=alert.severity,
        event=alert.event,
        subject=alert.subject,
        site=alert.site,
        delivery=str(message.id),
        contact=message.contact,
        channel=message.channel,
        attempt=one.attempt,
        answer=one.answer,
        again_at=again_at,
    )
    return about(alert, fact, one.at)


async def _reached(
    desk: Desk, db: Connection, now: datetime, message: Delivery, alerts: Sequence[Alert]
) -> list[NewEvent]:
    """A server took it: the contact can be reached, and so can the roles that were called."""
    for alert in alerts:
        if message.contact in alert.called:
            await store.save(db, replace(alert, reached=True))
    said: list[NewEvent] = []
    contact = await contact_store.one(db, message.contact)
    if contact:
        said += await desk.hear(db, now, news("ContactReached", contact.trial, contact=contact.id))
    for trial, roles in {(alert.trial, named(alert)) for alert in alerts}:
        said += await desk.hear(db, now, news("RolesReached", trial, roles=roles))
    if message.purpose == "test":
        said += await _tested(desk, db, now, message)
    return said


async def _lost(
    desk: Desk, db: Connection, now: datetime, message: Delivery, alerts: Sequence[Alert]
) -> list[NewEvent]:
    """No server will take it. The contact's next channel is tried, then the next contact."""
    if message.purpose == "test":
        return await _tested(desk, db, now, message)
    batch = await deliveries.of_batch(db, message.batch)
    if any(one.state in ("pending", "delivered") for one in batch):
        return []
    contact = await contact_store.one(db, message.contact)
    nth = max(one.nth for one in batch) + 1
    if contact and nth < len(contact.channels):
        await deliveries.add(db, [replace(another(message, contact, nth), written_at=now)])
        return []
    said: list[NewEvent] = []
    if contact:
        unreached = news("ContactUnreached", contact.trial, contact=contact.id)
        said += await desk.hear(db, now, unreached)
    if message.purpose == "digest":
        return said
    for alert in await store.several(db, [alert.id for alert in alerts]):
        others = await desk.on_call(db, alert)
        known, nobody = escalation.missed(alert, message.contact, others, now)
        await store.save(db, known)
        if nobody:
            said += await desk.nobody(db, now, known)
    return said


async def _tested(desk: Desk, db: Connection, now: datetime, message: Delivery) -> list[NewEvent]:
    """A test is over when every channel has answered; one that took it is enough."""
    batch = await deliveries.of_batch(db, message.batch)
    contact = await contact_store.one(db, message.contact)
    if contact is None or any(one.state == "pending" for one in batch):
        return []
    reached = any(one.state == "delivered" for one in batch)
    tries = await deliveries.tries(db, [one.id for one in batch])
    answer = "; ".join(f"{one.channel}: {tries[one.id][-1].answer}" for one in batch)
    await contact_store.end_test(db, contact.id, message.batch, reached=reached, answer=answer)
    fact = ContactTested(contact=contact.id, reached=reached, answer=answer)
    said = [NewEvent(fact, now, trial=contact.trial)]
    if not reached:
        unreached = news("ContactUnreached", contact.trial, contact=contact.id)
        said += await desk.hear(db, now, unreached)
    return said

"""Where news become alerts and alerts become calls; every function in its caller's transaction.

The caller holds `store.lock`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from services.notifier import contact_store, deliveries, domain, escalation, letters, store
from services.notifier.contacts import Contact, on_call
from services.notifier.deliveries import Delivery, Purpose
from services.notifier.escalation import Alert
from services.notifier.letters import Letter
from services.notifier.routing import PLATFORM, URGENCY, Heard, Raising, Routes
from shared.contracts.envelope import Envelope
from shared.contracts.events.base import Event
from shared.contracts.events.notification import (
    AlertEscalated,
    AlertLapsed,
    AlertRaised,
    AlertSettled,
)
from shared.contracts.subjects import TrialId
from shared.runtime import timers
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.timers import Timer

DIGEST: Final = "digest"


def about(
    alert: Alert,
    data: Event,
    now: datetime,
    actor: str | None = None,
    cause: Envelope | None = None,
) -> NewEvent:
    """An event about an alert, under the key of what the alert is about."""
    return NewEvent(data, now, alert.trial, alert.subject, alert.site, actor, cause)


@dataclass(frozen=True)
class Desk:
    """The rules in force, and where letters say that alerts are to be seen."""

    routes: Routes
    portal: str | None

    async def hear(
        self, db: Connection, now: datetime, heard: Heard, cause: Envelope | None = None
    ) -> list[NewEvent]:
        """Settle what the event settles, and raise the alert that it calls for."""
        said: list[NewEvent] = []
        for matter in self.routes.settled(heard, now):
            if heard.at:
                known = await store.settlement(db, matter)
                await store.keep_settlement(db, matter, domain.latest(known, heard.at))
            for alert in await store.unsettled_of(db, matter, heard.at):
                await store.save(db, escalation.settle(alert, now))
                said.append(about(alert, _settled(alert), now, cause=cause))
        raising = self.routes.raised(heard, now)
        return [*said, *await self._raise(db, now, raising, cause)] if raising else said

    async def _raise(
        self, db: Connection, now: datetime, raising: Raising, cause: Envelope | None
    ) -> list[NewEvent]:
        known = await store.newest_of(db, raising.cause)
        settlement = await store.settlement(db, raising.matter) if raising.matter else None
        taken = domain.take(known, settlement, raising, uuid7(), now)
        alert = taken.alert
        if taken.was == "repeat":
            await store.save(db, alert)
        else:
            await store.add(db, alert)
        if raising.at:
            await store.mark_heard(db, raising.at, alert.id)
        if taken.was != "new":
            return []
        fact = AlertRaised(
            alert=str(alert.id),
            severity=alert.severity,
            event=alert.event,
            subject=alert.subject,
            site=alert.site,
            rule=alert.rule,
            roles=alert.roles,
        )
        raised = about(alert, fact, now, cause=cause)
        if alert.severity == "info":
            await self._gather(db, alert.trial, raising.gathered_at)
            return [raised]
        return [raised, *await self.step(db, now, alert, now)]

    async def step(
        self, db: Connection, now: datetime, alert: Alert, due: datetime
    ) -> list[NewEvent]:
        """Call the next contact. That there is none is an alert, but of no such alert again."""
        stepped, contact = escalation.step(alert, await self.on_call(db, alert), due, now)
        await store.save(db, stepped)
        said: list[NewEvent] = []
        if stepped.step > 1:
            fact = AlertEscalated(
                alert=str(alert.id),
                severity=alert.severity,
                event=alert.event,
                subject=alert.subject,
                site=alert.site,
                step=stepped.step,
                contact=contact.id if contact else None,
            )
            said.append(about(alert, fact, now))
        if contact is None:
            return [*said, *await self.nobody(db, now, stepped)]
        letter = letters.called(stepped, stepped.step, self.portal)
        every = alert.severity == "critical"
        await self.write(db, now, "call", contact, letter, [stepped], stepped.step, every=every)
        return said

    async def write(
        self,
        db: Connection,
        now: datetime,
        purpose: Purpose,
        contact: Contact,
        letter: Letter,
        alerts: Sequence[Alert],
        step: int,
        *,
        every: bool,
    ) -> list[Delivery]:
        """Messages to one contact, by every channel or by the first."""
        batch = uuid7()
        channels = contact.channels if every else contact.channels[:1]
        # Of no alert is a test, and a person waits for its answer.
        urgency = min((URGENCY[alert.severity] for alert in alerts), default=URGENCY["high"])
        written = [
            Delivery(
                id=uuid7(),
                batch=batch,
                purpose=purpose,
                alerts=tuple(alert.id for alert in alerts),
                trial=alerts[0].trial if alerts else contact.trial,
                contact=contact.id,
                step=step,
                channel=channel.kind,
                nth=nth,
                target=channel.target,
                letter=letter,
                written_at=now,
                urgency=urgency,
                secret=channel.secret,
            )
            for nth, channel in enumerate(channels)
        ]
        await deliveries.add(db, written)
        return written

    async def on_call(self, db: Connection, alert: Alert) -> Sequence[Contact]:
        """Whom the alert calls, in order."""
        everyone = await contact_store.contacts(db, alert.trial)
        return on_call(everyone, alert.roles, alert.site)

    async def nobody(self, db: Connection, now: datetime, alert: Alert) -> list[NewEvent]:
        """Somebody is told that nobody was there to call. An alert about just that stays as it is:
        who looks at the alerts sees it.
        """
        if alert.event == "NobodyOnCall":
            return []
        return await self.hear(db, now, news("NobodyOnCall", alert.trial, roles=named(alert)))

    async def lapse(self, db: Connection, now: datetime, alert: Alert) -> list[NewEvent]:
        """Acknowledged too long ago for a cause that still stands: the calls start again."""
        lapsed = escalation.lapse(alert, now)
        if lapsed is alert:
            return []
        fact = AlertLapsed(
            alert=str(alert.id),
            severity=alert.severity,
            event=alert.event,
            subject=alert.subject,
            site=alert.site,
        )
        said = about(alert, fact, now)
        if alert.severity == "info":
            at = self.routes.gathering(alert.trial, now)
            await store.save(db, replace(lapsed, next_step_at=at))
            await self._gather(db, alert.trial, at)
            return [said]
        return [said, *await self.step(db, now, lapsed, now)]

    async def digest(self, db: Connection, now: datetime, trial: TrialId | None) -> list[NewEvent]:
        """One message to each contact with all the day's news that call them."""
        alerts = await store.to_gather(db, trial)
        by_contact: dict[str, tuple[Contact, list[Alert]]] = {}
        said: list[NewEvent] = []
        for alert in alerts:
            found = await self.on_call(db, alert)
            for contact in found:
                by_contact.setdefault(contact.id, (contact, []))[1].append(alert)
            await store.save(db, replace(alert, next_step_at=None))
            if not found:
                said += await self.nobody(db, now, alert)
        for contact, theirs in by_contact.values():
            letter = letters.gathered(theirs, now, self.portal)
            await self.write(db, now, "digest", contact, letter, theirs, 1, every=False)
        return said

    async def _gather(self, db: Connection, trial: TrialId | None, at: datetime) -> None:
        await timers.put(db, [Timer(DIGEST, trial or PLATFORM, at)])


def _settled(alert: Alert) -> AlertSettled:
    return AlertSettled(
        alert=str(alert.id),
        severity=alert.severity,
        event=alert.event,
        subject=alert.subject,
        site=alert.site,
    )


def news(name: str, trial: TrialId | None, **members: object) -> Heard:
    """What the notifier found out itself."""
    return Heard(name, trial, None, None, members)


def named(alert: Alert) -> str:
    """The roles that an alert calls, as one text."""
    return ",".join(sorted(alert.roles))


def another(message: Delivery, contact: Contact, nth: int) -> Delivery:
    """The same message by another channel of the contact."""
    channel = contact.channels[nth]
    return replace(
        message,
        id=uuid7(),
        channel=channel.kind,
        nth=nth,
        target=channel.target,
        secret=channel.secret,
        state="pending",
        tries=0,
    )


def id_of(text: str) -> UUID:
    """The id in a timer's text."""
    return UUID(text)

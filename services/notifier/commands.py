"""What people do: take an alert up, say who is called, try whether a contact can be reached."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from uuid_utils.compat import uuid7

from services.notifier import contact_store, deliveries, escalation, letters, seals, store
from services.notifier.contacts import Channel, Contact, ContactWords, WebhookWords
from services.notifier.desk import Desk, about, news
from services.notifier.escalation import Alert
from shared.contracts.events.notification import AlertAcknowledged, AlertNoted, ContactsChanged
from shared.contracts.subjects import SiteId, TrialId
from shared.contracts.versions import Versions
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.problems import Loc


class ContactsError(ValueError):
    """a list of contacts that cannot be; `errors` are its places and what is wrong there"""

    def __init__(self, errors: Sequence[tuple[Loc, str]]) -> None:
        super().__init__(errors[0][1])
        self.errors = errors


@dataclass(frozen=True)
class Book:
    """The trials whose contacts are kept here, and the key that closes their secrets."""

    protocols: Mapping[TrialId, Versions]
    key: bytes = field(repr=False)

    def read(
        self, trial: TrialId, words: Sequence[ContactWords], before: Sequence[Contact]
    ) -> list[Contact]:
        """The list as it is kept. A webhook without a secret keeps the one that it has."""
        errors: list[tuple[Loc, str]] = []
        known = {
            (contact.id, channel.target): channel.secret
            for contact in before
            for channel in contact.channels
        }
        found: list[Contact] = []
        for index, one in enumerate(words):
            at = ("contacts", index)
            if one.id is not None and one.id in (contact.id for contact in found):
                errors.append(((*at, "id"), "is given twice"))
            for place, site in enumerate(one.sites or ()):
                if self.protocols[trial].last.site(SiteId(site)) is None:
                    errors.append(((*at, "sites", place), "is no site of the trial"))
            channels: list[Channel] = []
            for nth, channel in enumerate(one.channels):
                if not isinstance(channel, WebhookWords):
                    channels.append(Channel("mail", channel.address))
                    continue
                sealed = known.get((one.id or "", channel.url))
                if channel.secret is not None:
                    nonce = secrets.token_bytes(seals.NONCE_BYTES)
                    sealed = seals.seal(channel.secret, channel.url, self.key, nonce)
                elif sealed is None:
                    errors.append(((*at, "channels", nth, "secret"), "is needed to sign"))
                channels.append(Channel("webhook", channel.url, sealed))
            found.append(
                Contact(
                    id=one.id or str(uuid7()),
                    trial=trial,
                    name=one.name,
                    sub=one.sub,
                    role=one.role,
                    sites=None if one.sites is None else tuple(one.sites),
                    order=one.order,
                    channels=tuple(channels),
                )
            )
        if errors:
            raise ContactsError(errors)
        return found


async def acknowledge(
    db: Connection, now: datetime, alert: Alert, person: str, note: str | None
) -> tuple[Alert, list[NewEvent]]:
    """A person takes it up; what is not yet on its way is not sent. NotNowError where one has."""
    known = escalation.acknowledge(alert, person, now)
    await store.save(db, known)
    await deliveries.cancel(db, alert.id)
    fact = AlertAcknowledged(
        alert=str(alert.id),
        severity=alert.severity,
        event=alert.event,
        subject=alert.subject,
        site=alert.site,
        person=person,
        settled=known.state == "settled",
    )
    said = [about(alert, fact, now, person)]
    if note is not None:
        said.append(about(alert, AlertNoted(alert=str(alert.id), note=note), now, person))
    return known, said


async def set_contacts(
    desk: Desk,
    book: Book,
    db: Connection,
    now: datetime,
    trial: TrialId,
    words: Sequence[ContactWords],
    person: str | None,
) -> list[NewEvent]:
    """Put a list in the place of the trial's; who waited for somebody to be there is called now.

    ContactsError where a place of the list is wrong.
    """
    await store.lock(db)
    found = book.read(trial, words, await contact_store.contacts(db, trial))
    owners = await contact_store.owners(db, [contact.id for contact in found])
    taken = [
        (("contacts", index, "id"), "is a contact of another trial")
        for index, contact in enumerate(found)
        if owners.get(contact.id, trial) != trial
    ]
    if taken:
        raise ContactsError(taken)
    gone = await contact_store.replace(db, trial, found, now)
    fact = ContactsChanged(contacts=tuple(shown(contact) for contact in found))
    said = [NewEvent(fact, now, trial=trial, actor=person)]
    for contact in gone:
        said += await desk.hear(db, now, news("ContactReached", trial, contact=contact))
    waiting = await store.uncalled(db, trial)
    for alert in waiting:
        await store.save(db, replace(alert, next_step_at=now))
    return said


async def test_contact(
    desk: Desk, db: Connection, now: datetime, contact: Contact
) -> list[deliveries.Delivery]:
    """A message by every channel of the contact; what came of it stands beside the contact."""
    letter = letters.test(contact.trial)
    written = await desk.write(db, now, "test", contact, letter, [], 1, every=True)
    await contact_store.begin_test(db, contact.id, written[0].batch, now)
    return written


def shown(contact: Contact) -> dict[str, object]:
    """A contact without the secrets."""
    return {
        "id": contact.id,
        "name": contact.name,
        "sub": contact.sub,
        "role": contact.role,
        "sites": None if contact.sites is None else list(contact.sites),
        "order": contact.order,
        "channels": [
            {"kind": "mail", "address": channel.target}
            if channel.kind == "mail"
            else {"kind": "webhook", "url": channel.target}
            for channel in contact.channels
        ],
    }

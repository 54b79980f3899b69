"""Whom to call in trials that have never been given contacts: the settings' file, at the start.

The file holds by trial the body of `PUT /v1/trials/{trial}/contacts`; `*` is for every trial that
is not named. What a person has set is never overwritten.
"""

from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from services.notifier import contact_store, store
from services.notifier.commands import Book, set_contacts
from services.notifier.contacts import ContactsWords
from services.notifier.desk import Desk
from shared.runtime import outbox
from shared.runtime.database import Connection
from shared.runtime.work import Work

_EVERY_OTHER = "*"


Lists = dict[str, ContactsWords]


def read(file: Path) -> Lists:
    """The file; pydantic's ValidationError tells the place that is wrong."""
    return TypeAdapter(Lists).validate_json(file.read_bytes())


async def take(desk: Desk, book: Book, lists: Lists, work: Work) -> None:
    """Give them to the trials that have none; ContactsError where one cannot be."""
    await work.transact(partial(_take, desk, book, lists))


async def _take(desk: Desk, book: Book, lists: Lists, db: Connection, now: datetime) -> None:
    await store.lock(db)
    for trial in sorted(book.protocols):
        given = lists.get(trial) or lists.get(_EVERY_OTHER)
        if given and not await contact_store.ever_set(db, trial):
            said = await set_contacts(desk, book, db, now, trial, given.contacts, None)
            await outbox.add(db, "notifier", said)

"""Every record of the topics that rules name: what settles a cause, what raises an alert.

Taken as they come, whatever is missing before them: a call never waits for another event.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from services.notifier import store
from services.notifier.desk import Desk
from services.notifier.routing import Heard, Position, Routes
from services.notifier.vocabulary import KNOWN, DeadLettered
from shared.contracts.envelope import Envelope, EnvelopeError, parse_type
from shared.contracts.events.base import Event
from shared.contracts.subjects import TrialId, well_formed_site, well_formed_subject
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Record
from shared.runtime.subscription import DataFault


async def on_records(
    desk: Desk, db: Connection, now: datetime, batch: Sequence[Record]
) -> Sequence[NewEvent]:
    """Hear what the rules name, each event once; the rest passes by."""
    named = [found for record in batch if (found := _read(desk.routes, record))]
    if not named:
        return []
    await store.lock(db)
    known = await store.heard(db, [envelope.id for envelope, _ in named])
    said: list[NewEvent] = []
    for envelope, heard in named:
        if envelope.id not in known:
            known.add(envelope.id)
            said += await desk.hear(db, now, heard, envelope)
    return said


def _read(routes: Routes, record: Record) -> tuple[Envelope, Heard] | None:
    """The event as the rules see it, None for one that none names. DataFault where it is broken."""
    try:
        name, version = parse_type(record.headers.get("ce_type", ""))
        if name not in routes.names:
            return None
        envelope = record.envelope()
    except EnvelopeError as why:
        raise DataFault(str(why)) from why
    event = KNOWN[name]
    if version != event.VERSION:
        raise DataFault(f"version {version} of {name} is not known here")
    if envelope.subject is not None and not well_formed_subject(envelope.subject):
        raise DataFault("ce_subject is no subject")
    if envelope.site is not None and not well_formed_site(envelope.site):
        raise DataFault("ce_site is no site")
    heard = Heard(
        name=name,
        trial=TrialId(envelope.trial) if envelope.trial is not None else None,
        subject=envelope.subject,
        site=envelope.site,
        members=_members(event, envelope, record),
        at=Position(record.topic, envelope.key, envelope.sequence, envelope.id),
    )
    return envelope, heard


def _members(event: type[Event], envelope: Envelope, record: Record) -> dict[str, object]:
    if event is DeadLettered:
        return {"letter": str(envelope.id), "topic": record.headers.get("dead_topic")}
    try:
        return event.decode(record.value or b"").model_dump(by_alias=True)
    except ValidationError:
        raise DataFault(f"the data are no {event.__name__}") from None

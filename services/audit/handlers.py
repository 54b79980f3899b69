"""Every record of every topic becomes an entry, once; one that contradicts an entry is told."""

from collections.abc import Sequence
from datetime import datetime

from services.audit import store, tree
from services.audit.entry import Entry
from shared.contracts.envelope import key_of
from shared.contracts.events.audit import LogConflictFound
from shared.runtime.database import Connection
from shared.runtime.deadletters import trial_of
from shared.runtime.outbox import Cause, NewEvent
from shared.runtime.record import Record
from shared.runtime.subscription import DataFault


async def on_records(db: Connection, now: datetime, batch: Sequence[Record]) -> Sequence[NewEvent]:
    """Append what is new, in the order it came; a repeat must be the very same bytes.

    Another id at a position that is taken, or other bytes under an id, is a conflict: the log keeps
    the first.
    """
    given = [_entry(record) for record in batch]
    await store.lock(db)
    there = await store.known(
        db,
        [entry.ce_id for entry in given],
        [(entry.topic, entry.key, entry.sequence) for entry in given],
    )
    by_id = {known.ce_id: (known.index, known.leaf) for known in there}
    by_position = {(k.topic, k.key, k.sequence): (k.index, k.leaf) for k in there}
    size = await tree.size(db)
    new: list[Entry] = []
    conflicts: list[NewEvent] = []
    for entry in given:
        position = (entry.topic, entry.key, entry.sequence)
        kept = by_id.get(entry.ce_id) or by_position.get(position)
        if kept is None:
            by_id[entry.ce_id] = by_position[position] = (size + len(new), entry.leaf)
            new.append(entry)
        elif kept[1] != entry.leaf and await store.first_conflict(db, entry.ce_id, entry.leaf):
            conflicts.append(_conflict(entry, *kept, now))
    await store.append(db, new)
    return conflicts


def _entry(record: Record) -> Entry:
    """The record as an entry; DataFault where its key is not the one that its headers give."""
    if record.identity is None:
        raise DataFault("key, ce_id or ce_sequence cannot be read")
    headers = record.headers
    if record.identity.key != key_of(headers.get("ce_trial"), headers.get("ce_subject")):
        raise DataFault("the record's key is not that of ce_trial and ce_subject")
    return Entry.of(record.topic, record.identity, headers, record.value)


def _conflict(entry: Entry, index: int, leaf: bytes, now: datetime) -> NewEvent:
    fact = LogConflictFound(
        id=str(entry.ce_id), index=index, kept=leaf.hex(), refused=entry.leaf.hex()
    )
    return NewEvent(fact, now, trial=trial_of(entry.key), cause=Cause(entry.ce_id))

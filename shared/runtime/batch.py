"""What one transaction does with a batch: watermarks, handlers, dead letters, outbox."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from shared.contracts.events.base import Event
from shared.contracts.subjects import SubjectId, site_of
from shared.runtime import database, deadletters, outbox, telemetry, watermark
from shared.runtime.database import Connection
from shared.runtime.deadletters import Letter
from shared.runtime.lines import Fate, Line
from shared.runtime.outbox import Cause, NewEvent, Outgoing
from shared.runtime.record import Identity, Received, Record
from shared.runtime.subscription import Collection, DataFault, Halt, Handler, Subscription
from shared.runtime.watermark import Kept

T = TypeVar("T")
Ready = tuple[Line, Kept, Received[Any]]

RECALLED = 100
"""Records that wait above one key's watermark, read back at a time: what bounds memory."""


@dataclass(slots=True)
class Batch:
    """The batch's work inside an open transaction, topic by topic; `finish` ends it.

    `careful` puts a savepoint around each call of a handler, so that a faulty record is found by
    bisection and its neighbours go through.
    """

    db: Connection
    service: str
    now: datetime
    careful: bool = False
    said: list[Outgoing] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    halts: list[tuple[Letter, Halt]] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)

    async def apply(self, subscription: Subscription, records: Sequence[Record]) -> None:
        """Apply the records that are next in their key; the others wait, repeat or are dead."""
        lines = await self._line_up(subscription.topic, records)
        await self.advance(subscription, lines)

    async def advance(self, subscription: Subscription, lines: Iterable[Line]) -> None:
        """Take from the lines whatever is next, one record of each key at a time; keep the rest."""
        lines = list(lines)
        while True:
            ready = [(line, kept) for line in lines if (kept := line.next())]
            if ready:
                await self._wave(subscription, ready)
            elif not await self._recall(subscription.topic, lines):
                break
        newcomers = [record for line in lines if line.waiting for record in line.newcomers()]
        for line in lines:
            line.mark.leave_above(bool(line.waiting))
        await self._remember(subscription.topic, lines, newcomers, taken=False)

    async def collect(self, collection: Collection, records: Sequence[Record]) -> None:
        """Take every new record as it is; positions above a gap are kept until it fills."""
        came_before: list[Record] = []
        lines = await self._line_up(collection.topic, records, came_before)
        new = [record for line in lines for record in line.newcomers()]

        async def call(some: list[Record]) -> Sequence[NewEvent]:
            return await collection.collect(self.db, self.now, some)

        def refuse(record: Record, fault: Exception) -> None:
            self.letters.append(Letter(record, _reason(fault), False))

        await self._guarded([*came_before, *new], call, refuse)
        while True:
            for line in lines:
                while kept := line.next():
                    line.take(kept.position)
            if not await self._recall(collection.topic, lines):
                break
        newcomers = [record for line in lines for record in line.newcomers()]
        for line in lines:
            line.mark.leave_above(bool(line.waiting))
        await self._remember(collection.topic, lines, newcomers, taken=True)

    async def _line_up(
        self, topic: str, records: Sequence[Record], came_before: list[Record] | None = None
    ) -> list[Line]:
        known = [(record, record.identity) for record in records if record.identity]
        self.letters += [
            Letter(record, record.fault or "key, ce_id or ce_sequence cannot be read", False)
            for record in records
            if record.identity is None
        ]
        marks = await watermark.lock(self.db, topic, (identity.key for _, identity in known))
        lines = {key: Line(mark) for key, mark in marks.items()}
        await self._recall(topic, lines.values())
        for record, identity in known:
            match lines[identity.key].offer(record, identity):
                case Fate.IN_LINE:
                    pass
                case Fate.REPEAT:
                    self.fates["repeat"] += 1
                    if came_before is not None:
                        came_before.append(record)
                case Fate.CONFLICT:
                    self.letters.append(Letter(record, _CONFLICT, False))
        seen = dict.fromkeys(identity.key for _, identity in known)
        return [lines[key] for key in seen]

    async def _recall(self, topic: str, lines: Iterable[Line]) -> bool:
        """Line up what the database keeps above the watermarks; False where there was no need."""
        wanted = {line.mark.key: line for line in lines if line.mark.above and not line.kept}
        if not wanted:
            return False
        marks = (line.mark for line in wanted.values())
        found = await watermark.kept(self.db, topic, marks, RECALLED)
        for kept in found:
            line = wanted[kept.position.key]
            came = line.waiting.get(kept.position.sequence)
            if came and came.record and came.position.ce_id != kept.position.ce_id:
                self.letters.append(Letter(came.record, _CONFLICT, False))
            line.recall(kept)
        for line in wanted.values():
            line.mark.above = bool(line.kept)
            line.mark.changed = True
        return True

    async def _wave(self, subscription: Subscription, ready: list[tuple[Line, Kept]]) -> None:
        """Apply at most one record of each key, each type of event in one call of its handler."""
        groups: dict[type[Event], list[Ready]] = {}
        for line, kept in ready:
            try:
                read = subscription.read(kept.record) if kept.record else None
            except Exception as fault:
                if not (self.careful or isinstance(fault, DataFault)):
                    raise
                self._park(subscription, line, kept, fault)
                continue
            if read is None:
                self.fates["passed by"] += 1
                line.take(kept.position)
            else:
                groups.setdefault(read[0], []).append((line, kept, read[1]))
        for event, group in groups.items():
            handler = subscription.handlers[event]

            async def call(some: list[Ready], handler: Handler = handler) -> Sequence[NewEvent]:
                return await handler(self.db, self.now, [received for _, _, received in some])

            def refuse(one: Ready, fault: Exception) -> None:
                self._park(subscription, one[0], one[1], fault)

            for line, kept, _ in await self._guarded(group, call, refuse):
                line.take(kept.position)

    async def _guarded(
        self,
        items: list[T],
        call: Callable[[list[T]], Awaitable[Sequence[NewEvent]]],
        refuse: Callable[[T, Exception], None],
    ) -> list[T]:
        """The items that `call` took. Where careful, one that cannot be taken is refused alone."""
        try:
            if self.careful:
                async with self.db.transaction():
                    said = await self._said(call, items)
            else:
                said = await self._said(call, items)
        except Exception as fault:
            if not self.careful or database.passing(fault) or database.conflicting(fault):
                raise
            if len(items) == 1:
                refuse(items[0], fault)
                return []
            middle = len(items) // 2
            return [
                *await self._guarded(items[:middle], call, refuse),
                *await self._guarded(items[middle:], call, refuse),
            ]
        self.said += said
        self.fates["applied"] += len(items)
        return items

    async def _said(
        self, call: Callable[[list[T]], Awaitable[Sequence[NewEvent]]], items: list[T]
    ) -> list[Outgoing]:
        """What a call says. An event too large for the outbox undoes the call's own work too."""
        traceparent = telemetry.traceparent()
        return [outbox.outgoing(self.service, event, traceparent) for event in await call(items)]

    def _park(self, subscription: Subscription, line: Line, kept: Kept, fault: Exception) -> None:
        """The record becomes a dead letter and its key waits behind it."""
        if kept.record:
            letter = Letter(kept.record, _reason(fault), True)
            self.letters.append(letter)
            if subscription.waiting:
                self.halts.append((letter, subscription.waiting))
        line.park(kept.position)

    def tell(self, letter: UUID, record: Record, halt: Halt, actor: str | None = None) -> None:
        """Say of a letter's key that it waits, or goes on."""
        key = record.identity.key if record.identity else None
        trial, subject = deadletters.named(key)
        event = NewEvent(
            halt(str(letter), record.topic),
            self.now,
            trial=trial,
            subject=subject,
            site=site_of(SubjectId(subject)) if subject else None,
            actor=actor,
            cause=Cause(record.identity.ce_id) if record.identity and not actor else None,
        )
        self.said.append(outbox.outgoing(self.service, event, telemetry.traceparent()))

    async def _remember(
        self, topic: str, lines: Sequence[Line], newcomers: Sequence[Record], *, taken: bool
    ) -> None:
        """Write how far each key has come, and what stays above."""
        left: list[Identity] = [position for line in lines for position in line.left]
        await watermark.release(self.db, topic, left)
        for record in await watermark.keep(self.db, newcomers, taken=taken):
            self.letters.append(Letter(record, _CONFLICT, False))
        await watermark.save(self.db, topic, (line.mark for line in lines))
        self.fates["waiting"] += 0 if taken else len(newcomers)

    async def finish(self) -> None:
        """Bury the letters and, last in the transaction, say everything there is to say."""
        self.fates["dead"] += len(self.letters)
        new = await deadletters.bury(self.db, self.letters)
        self.said += [deadletters.announcement(self.service, self.now, letter) for letter in new]
        buried = {letter.id for letter in new}
        for letter, halt in self.halts:
            if letter.id in buried:
                self.tell(letter.id, letter.record, halt)
        await outbox.put(self.db, self.said)


def _reason(fault: Exception) -> str:
    """A DataFault's own words; of any other fault only its kind, whose text may hold values."""
    return str(fault) if isinstance(fault, DataFault) else type(fault).__name__


_CONFLICT = "another event has this key and sequence"

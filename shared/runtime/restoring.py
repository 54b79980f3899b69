"""`python -m services.NAME restore`: what a restored database has forgotten, and what is decided.

Without `--accept` it only tells, and changes nothing. With it, in one transaction: the service
takes back what its topics tell, where it can; its sequences go on from the topics' ends; and the
decision is recorded. A service that waits then begins by itself.
"""

import argparse
import getpass
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError

from shared.contracts.events.base import Event
from shared.contracts.events.restore import RestoreAccepted
from shared.runtime import database, kafka, outbox, restored
from shared.runtime.clock import PlatformClock
from shared.runtime.database import Connection
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received, Record
from shared.runtime.restored import Behind, Check
from shared.runtime.settings import Settings
from shared.runtime.subscription import DataFault, Subscription


class Irrecoverable(Exception):
    """what the topics tell is not enough: only a newer backup helps; the message says why"""


@dataclass(frozen=True)
class History:
    """What the service once said that its database does not know, and all that the topics hold."""

    unknown: Sequence[Record]
    settings: Settings
    service: str

    async def read(self, topic: str) -> AsyncIterator[Record]:
        """Every record of a topic, in the order of each key."""
        consumer = kafka.reader(self.settings, self.service)
        try:
            await consumer.start()
            places = await restored.partitions(consumer, [topic])
            ends = await consumer.end_offsets(places)
            async for records in restored.tail(consumer, dict.fromkeys(places, 0), ends):
                for record in records:
                    yield Record.of(record)
        finally:
            await consumer.stop()


TakeBack = Callable[[Connection, History], Awaitable[int]]
"""Restores what the unknown records tell, and says how many facts that were; or Irrecoverable."""


def events(records: Iterable[Record], types: Sequence[type[Event]]) -> Iterator[Received[Any]]:
    """Those of these types, as a handler would get them; what cannot be read is passed over."""
    reading = Subscription("", dict.fromkeys(types, _nobody))
    for record in records:
        with suppress(DataFault):
            if found := reading.read(record):
                yield found[1]


async def _nobody(*_: object) -> Sequence[NewEvent]:
    return ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; without a reason nothing is changed."""

    reason: str | None
    person: str


class _OnlyTried(Exception):
    def __init__(self, taken_back: int) -> None:
        super().__init__("nothing of it was kept")
        self.taken_back = taken_back


def read(line: Sequence[str]) -> Wish:
    """The command line of `restore`; ends the process where it is another."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    restore = verbs.add_parser("restore")
    restore.add_argument("--accept", metavar="REASON")
    restore.add_argument("--by", metavar="PERSON", default=None)
    found = parser.parse_args(line)
    if found.accept is not None and not (found.accept.strip() and found.accept.isprintable()):
        restore.error("a reason is a line of text")
    return Wish(found.accept, found.by or getpass.getuser())


@dataclass(frozen=True, slots=True)
class Able:
    """What a service can take back by itself, and what a person has to do."""

    service: str
    take_back: TakeBack | None
    by_hand: str


async def main(able: Able, settings: Settings, wish: Wish) -> int:
    """Exit 0 where nothing is behind, or was made good; 1 with one line that says what is.

    What of it is left to a person is told in any case.
    """
    service = able.service
    try:
        async with (
            database.pool(settings, service) as pool,
            Check(service, pool, settings) as check,
        ):
            behind = await check.look()
            if not behind:
                _say(f"{service}: its database knows all that its topics hold")
                return 0
            for topic, keys in behind.counts():
                _row({"service": service, "topic": topic, "keys": keys})
            for topic in behind.lost:
                _row({"service": service, "topic": topic, "lost": True})
            unknown = [Record.of(record) async for record in check.unknown(behind)]
            history = History(_once(unknown), settings, service)
            for event, count in sorted(_types(history.unknown).items()):
                _row({"service": service, "event": event, "count": count})
            if able.by_hand:
                _say(f"{service}: not taken back, for a person to do: {able.by_hand}")
            async with pool.acquire() as db:
                taken = await _decided(db, check, behind, history, able.take_back, settings, wish)
    except Irrecoverable as why:
        _say(f"{service}: {why}")
        return 1
    except (KafkaError, OSError) as fault:
        _say(f"{service}: its topics or its database cannot be read ({type(fault).__name__})")
        return 1
    if wish.reason is None:
        _say(f"{behind.line()} --accept REASON")
        return 1
    _row({"service": service, "keys": len(behind.ahead), "taken_back": taken})
    _say(f"{service}: goes on from the ends of its topics; offsets are rewound at its start")
    return 0


async def _decided(
    db: Connection,
    check: Check,
    behind: Behind,
    history: History,
    take_back: TakeBack | None,
    settings: Settings,
    wish: Wish,
) -> int:
    """Take back and go on, in one transaction; without a reason only tried, and undone."""
    service = behind.service
    try:
        async with db.transaction():
            taken = await take_back(db, history) if take_back else 0
            if wish.reason is None:
                raise _OnlyTried(taken)
            await restored.raise_sequences(db, behind.ahead)
            await restored.keep(db, check.read_to)
            fact = RestoreAccepted(reason=wish.reason, keys=len(behind.ahead), taken_back=taken)
            now = PlatformClock(settings.clock_file).now()
            await outbox.add(db, service, [NewEvent(fact, now, actor=wish.person)])
    except _OnlyTried as tried:
        _row({"service": service, "would_take_back": tried.taken_back})
        return tried.taken_back
    return taken


def _once(records: Sequence[Record]) -> list[Record]:
    """Each sequence of a key once, in the order of its key: a relay may have sent it again."""
    found: dict[tuple[str, str, int], Record] = {}
    for record in records:
        if record.identity:
            place = record.topic, record.identity.key, record.identity.sequence
            found.setdefault(place, record)
    return [found[place] for place in sorted(found)]


def _types(unknown: Sequence[Record]) -> Counter[str]:
    """How many of each type of event the database has forgotten."""
    return Counter(record.headers.get("ce_type") or "unknown" for record in unknown)


def _row(row: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(row)}\n")


def _say(line: str) -> None:
    sys.stderr.write(f"trialops: {line}\n")

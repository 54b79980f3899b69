"""A tiny service on the real runtime: it notes every event that it hears, and says so.

Run by the launcher as `tests.chaos.tiny`. It lives in the randomizer's schema, with a table
`effect` beside the runtime's; its topics and its group are its own.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from faststream.kafka import KafkaBroker

from shared.contracts.events.base import Event
from shared.contracts.topics import Topic
from shared.runtime import kafka, restored
from shared.runtime.database import Connection
from shared.runtime.kafka import InHand, Take
from shared.runtime.outbox import NewEvent
from shared.runtime.record import Received
from shared.runtime.service import Service, run
from shared.runtime.settings import Settings
from shared.runtime.subscription import DataFault, Subscription
from tests.chaos.replacing import replace

SCHEMA = "randomizer"
HEARS = "TINY_HEARS"
SAYS = "TINY_SAYS"
TABLE = """
CREATE TABLE effect (nth bigint GENERATED ALWAYS AS IDENTITY, key text, number int);
GRANT SELECT, INSERT ON effect TO trialops_randomizer;
"""


class Asked(Event):
    """Something to note, the subject's `number`; a bad one cannot be noted."""

    TOPIC: ClassVar[str] = "tiny.asked"

    subject: str
    number: int
    bad: bool = False


class Noted(Event):
    """It was noted."""

    TOPIC: ClassVar[str] = "tiny.noted"

    subject: str
    number: int


def noted(asked: Asked, trial: str, now: datetime) -> NewEvent:
    """What is said of one that was noted."""
    data = Noted(subject=asked.subject, number=asked.number)
    return NewEvent(data, now, trial=trial, subject=asked.subject)


async def note(db: Connection, asked: Sequence[tuple[str, Asked]]) -> None:
    """Note each under its key."""
    if any(one.bad for _, one in asked):
        raise DataFault("a bad one")
    await db.execute(
        "INSERT INTO effect (key, number) SELECT * FROM unnest($1::text[], $2::int[])",
        [key for key, _ in asked],
        [one.number for _, one in asked],
    )


async def on_asked(
    db: Connection, now: datetime, batch: list[Received[Asked]]
) -> Sequence[NewEvent]:
    await note(db, [(one.envelope.key, one.data) for one in batch])
    return [noted(one.data, one.envelope.trial or "", now) for one in batch]


def build(_: Settings) -> Service:
    """The service; the environment names its topics."""
    Noted.TOPIC = os.environ[SAYS]
    return Service(SCHEMA, [], [Subscription(os.environ[HEARS], {Asked: on_asked})])


def by_itself() -> None:
    """Its group is named for its topic, so that many such services share one broker, and what it
    says is its own.
    """
    replace(restored, "TOPICS", (Topic(os.environ[SAYS], SCHEMA, readers=()),))
    subscribe = kafka.subscribe

    def subscribed(
        broker: KafkaBroker, settings: Settings, group: str, topics: Sequence[str], take: Take
    ) -> InHand:
        return subscribe(broker, settings, topics[0], topics, take)

    replace(kafka, "subscribe", subscribed)


if __name__ == "__main__":
    by_itself()
    run(build)

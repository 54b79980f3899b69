"""A service's own topics, watched while it works: one that was cut or made again is soon noticed.

The relay finds out when it sends, the check at start when the service starts; who does neither
would go on for long beside a topic whose records are gone.
"""

import asyncio
from contextlib import suppress
from typing import NoReturn

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.runtime import database, kafka, logs
from shared.runtime.database import Pool
from shared.runtime.restored import shrunk, stored_ends
from shared.runtime.sender import TopicShrunk
from shared.runtime.settings import Settings

_log = logs.logger("topicwatch")


async def watch(service: str, pool: Pool, settings: Settings) -> NoReturn:
    """Look at the topics' ends now and then; TopicShrunk where one is before what was acknowledged.

    Two looks have to tell: a broker that has just begun to lead may not know its own end yet.
    """
    before: set[str] = set()
    while True:
        consumer = kafka.reader(settings, service)
        try:
            await consumer.start()
            while True:
                await asyncio.sleep(settings.topics_watched_s)
                lost = await _lost(consumer, pool)
                for topic in sorted(lost & before):
                    logs.warn(_log, _HALTS, topic=topic)
                    raise TopicShrunk(topic)
                before = lost
        except TopicShrunk:
            raise
        except Exception as fault:
            # Whoever needs Kafka or the database now says that it is away.
            if not (isinstance(fault, KafkaError) or database.passing(fault)):
                logs.warn(_log, "the topics could not be looked at", fault)
        finally:
            with suppress(Exception):
                await consumer.stop()
        await asyncio.sleep(settings.topics_watched_s)


async def _lost(consumer: AIOKafkaConsumer, pool: Pool) -> set[str]:
    """The topics that end before what was acknowledged, or are not there any more."""
    stored = await stored_ends(pool)
    known = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - see `restored.partitions`
    there = [at for at in stored if at.partition in (known.partitions_for_topic(at.topic) or ())]
    return shrunk(stored, await consumer.end_offsets(there) if there else {})


_HALTS = "a topic ends before what was acknowledged, Kafka has lost records: the process ends"

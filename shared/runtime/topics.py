"""Topics on the broker: made as `shared.contracts.topics` declares them, never by accident."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.runtime.kafka_access import KafkaAccess


class TopicError(RuntimeError):
    """the broker refused a topic"""


async def declare(kafka: str | KafkaAccess, replication: int = 1) -> None:
    """Every topic exists afterwards; those that exist stay as they are. TopicError on a refusal.

    `kafka` is host:port where nobody has to log in.
    """
    access = KafkaAccess(kafka) if isinstance(kafka, str) else kafka
    admin = AIOKafkaAdminClient(**access.arguments())
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [topic for topic in TOPICS if topic.name not in present]
        if not missing:
            return
        answer = await admin.create_topics([_new(topic, replication) for topic in missing])
        for name, code, *_ in answer.topic_errors:
            fault: type[KafkaError] = for_code(code)
            if code and fault is not TopicAlreadyExistsError:
                raise TopicError(f"{name}: {fault.__name__}")
    finally:
        await admin.close()


def _new(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        topic_configs={
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
            "max.message.bytes": str(topic.max_bytes),
            # Whatever a producer packs its batches with, the broker unpacks: a reader that lacks
            # the library would stand before such a batch for ever.
            "compression.type": "uncompressed",
        },
    )

"""What the broker knows of topics and consumer groups."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, NodeNotReadyError
from aiokafka.protocol.group import LeaveGroupRequest


async def members(kafka: str, group: str) -> list[str]:
    """The ids of the group's members, dead ones among them until their session has run out."""
    async with admin(kafka) as client:
        try:
            [answer] = await client.describe_consumer_groups([group])
        except (GroupCoordinatorNotAvailableError, NodeNotReadyError):
            return []  # the broker's first group is on its way, or the broker is only just awake
    [described] = answer.to_object()["groups"]
    return [one["member_id"] for one in described["members"]]


async def forget(kafka: str, group: str) -> None:
    """Let every member leave the group, for those that cannot do so themselves any more."""
    async with admin(kafka) as client:
        for member in await members(kafka, group):
            coordinator = await client.find_coordinator(group)
            await client._send_request(LeaveGroupRequest(group, member), coordinator)


async def acknowledged(kafka: str, group: str) -> int:
    """How many records the group has acknowledged."""
    async with admin(kafka) as client:
        offsets = await client.list_consumer_group_offsets(group)
    return sum(int(max(one.offset, 0)) for one in offsets.values())


async def length(kafka: str, topic: str) -> int:
    """How many records were written to the topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        known = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(topic, n) for n in known.partitions_for_topic(topic)]
        return sum(int(end) for end in (await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()


@asynccontextmanager
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that asks about groups."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()

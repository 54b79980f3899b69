"""How far consumer groups are behind the topics that they read."""

import asyncio
import time
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError

_SUBSCRIPTIONS_EVERY = 1.0  # seconds; a service subscribes when it starts and at no other time

Ends: TypeAlias = dict[TopicPartition, int]


class Groups:
    """Consumer groups by the names of their services, over connections that are kept."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
        self._reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._topics: dict[str, set[str]] = {}
        self._ask_again = 0.0

    async def start(self) -> None:
        await self._admin.start()
        await self._reader.start()

    async def stop(self) -> None:
        await self._reader.stop()
        await self._admin.close()

    async def look(self, groups: list[str]) -> tuple[Ends, list[str]]:
        """The ends of all partitions that the groups read, and the groups that are behind them."""
        committed = dict(zip(groups, await self._committed(groups), strict=True))
        if time.monotonic() > self._ask_again:
            self._ask_again = time.monotonic() + _SUBSCRIPTIONS_EVERY
            for group, topics in (await self._subscribed(groups)).items():
                # One in the middle of a rebalance tells no topics: remember what it told before.
                known = self._topics.setdefault(group, set())
                known |= topics | {partition.topic for partition in committed[group]}
        read = {
            group: await self._partitions_of(self._topics.get(group, set())) for group in groups
        }
        everything = {partition for partitions in read.values() for partition in partitions}
        ends = await self._reader.end_offsets(sorted(everything)) if everything else {}
        behind = [
            group
            for group, partitions in read.items()
            if any(ends[one] > committed[group].get(one, 0) for one in partitions)
        ]
        return ends, behind

    async def _committed(self, groups: list[str]) -> list[Ends]:
        answers = await asyncio.gather(*map(self._admin.list_consumer_group_offsets, groups))
        return [{one: found.offset for one, found in answer.items()} for answer in answers]

    async def _subscribed(self, groups: list[str]) -> dict[str, set[str]]:
        topics: dict[str, set[str]] = {group: set() for group in groups}
        # One group a request: aiokafka misreads the answer about several.
        asked = (self._admin.describe_consumer_groups([group]) for group in groups)
        for (answer,) in await asyncio.gather(*asked):
            for _error, group, _state, _type, _protocol, members, *_ in answer.groups:
                for _member, _client, _host, metadata, _assignment in members:
                    if metadata:
                        decoded = ConsumerProtocolMemberMetadata.decode(metadata)
                        topics[group] |= set(decoded.subscription)
        return topics

    async def _partitions_of(self, topics: set[str]) -> list[TopicPartition]:
        if missing := sorted(topics - self._partitions.keys()):
            for topic in await self._admin.describe_topics(missing):
                if topic["error_code"]:
                    raise KafkaError(f"{topic['topic']}: error {topic['error_code']}")
                self._partitions[topic["topic"]] = [
                    TopicPartition(topic["topic"], partition["partition"])
                    for partition in topic["partitions"]
                ]
        return [partition for topic in sorted(topics) for partition in self._partitions[topic]]

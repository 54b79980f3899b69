"""How far consumer groups are behind the topics that they read."""

import asyncio
import time
from collections.abc import Iterable
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError

from shared.runtime.kafka_access import KafkaAccess

_SUBSCRIPTIONS_EVERY = 10.0  # seconds; a service subscribes when it starts and at no other time
_UNKNOWN_EVERY = 0.5  # seconds, while a group has told no topics

Ends: TypeAlias = dict[TopicPartition, int]


class Groups:
    """Consumer groups by the names of their services, over connections that are kept."""

    def __init__(self, kafka: KafkaAccess) -> None:
        self._admin = AIOKafkaAdminClient(**kafka.arguments(), request_timeout_ms=5_000)
        self._reader = AIOKafkaConsumer(**kafka.arguments(), request_timeout_ms=5_000)
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._topics: dict[str, set[str]] = {}
        self._committed: dict[str, Ends] = {}
        self._ask_again = 0.0

    async def start(self) -> None:
        """Connect; what cannot leaves nothing open."""
        try:
            await self._admin.start()
            await self._reader.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._reader.stop()
        await self._admin.close()

    async def look(self, groups: list[str]) -> tuple[Ends, list[str]]:
        """The ends of all partitions that the groups read, and the groups that are behind them.

        Only a group that was behind these ends when last seen is asked how far it has come.
        """
        await self._learn_topics(groups)
        read = {
            group: await self._partitions_of(self._topics.get(group, set())) for group in groups
        }
        ends = await self._ends({one for partitions in read.values() for one in partitions})
        asked = [group for group in groups if self._is_behind(group, read[group], ends)]
        for group, committed in zip(asked, await self._all_committed(asked), strict=True):
            self._committed[group] = committed
        return ends, [group for group in asked if self._is_behind(group, read[group], ends)]

    async def still(self, ends: Ends) -> bool:
        """Whether nothing was sent since these were the ends."""
        return await self._ends(ends.keys()) == ends

    async def _ends(self, partitions: Iterable[TopicPartition]) -> Ends:
        wanted = sorted(partitions)
        ends: Ends = await self._reader.end_offsets(wanted) if wanted else {}
        return ends

    def _is_behind(self, group: str, partitions: list[TopicPartition], ends: Ends) -> bool:
        committed = self._committed.get(group, {})
        return any(ends[one] > committed.get(one, 0) for one in partitions)

    async def _all_committed(self, groups: list[str]) -> list[Ends]:
        answers = await asyncio.gather(*map(self._admin.list_consumer_group_offsets, groups))
        return [{one: found.offset for one, found in answer.items()} for answer in answers]

    async def _learn_topics(self, groups: list[str]) -> None:
        """What the groups read, by their members and by what they have committed."""
        if time.monotonic() < self._ask_again and self._topics.keys() >= set(groups):
            return
        subscribed = await self._subscribed(groups)
        for group, committed in zip(groups, await self._all_committed(groups), strict=True):
            self._committed[group] = committed
            # One in the middle of a rebalance tells no topics: remember what it told before.
            known = self._topics.setdefault(group, set())
            known |= subscribed[group] | {partition.topic for partition in committed}
        told = all(self._topics[group] for group in groups)
        pause = _SUBSCRIPTIONS_EVERY if told else _UNKNOWN_EVERY
        self._ask_again = time.monotonic() + pause

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

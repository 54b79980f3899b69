"""The sender: outbox rows to Kafka, and which of them the broker has acknowledged."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.runtime import kafka
from shared.runtime.settings import Settings

Answer = asyncio.Future[Any]
Reached = dict[tuple[str, int], int]
"""By topic and partition, the offset after the highest that the broker acknowledged."""


class Sender:
    """One producer at a time, made when it is needed; one that failed is not used again."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._reached: Reached = {}

    def reached(self) -> Reached:
        """How far the partitions were acknowledged since this was asked last."""
        reached, self._reached = self._reached, {}
        return reached

    async def send(self, rows: Sequence[asyncpg.Record]) -> tuple[list[int], Exception | None]:
        """The ids of the rows that the broker acknowledged, and what kept the others back.

        A row that cannot be sent keeps back the later ones of its key, and no others.
        """
        if self._producer is None:
            self._producer = await kafka.producer(self._settings, self._service)
        answers: list[tuple[asyncpg.Record, Answer]] = []
        stuck: set[tuple[str, str]] = set()
        fault: Exception | None = None
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                for row in rows:
                    if (row["topic"], row["key"]) in stuck:
                        continue
                    try:
                        answers.append((row, await _hand_over(self._producer, row)))
                    except Exception as why:
                        stuck.add((row["topic"], row["key"]))
                        fault = why
                if answers:
                    await asyncio.wait([answer for _, answer in answers])
        except TimeoutError as why:
            fault = why
        finally:
            for _, answer in answers:
                answer.cancel()
        sent: list[int] = []
        for row, answer in answers:
            why_not = _why_not(answer)
            if why_not:
                stuck.add((row["topic"], row["key"]))
                fault = fault or why_not
                continue
            if (row["topic"], row["key"]) not in stuck:
                sent.append(row["id"])
            at = answer.result()
            place = at.topic, at.partition
            self._reached[place] = max(self._reached.get(place, 0), at.offset + 1)
        return sent, fault

    async def drop(self) -> None:
        """Give up the producer with all that it holds; the next rows get a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await kafka.discard(producer, self._settings.shutdown_s)


async def _hand_over(producer: AIOKafkaProducer, row: asyncpg.Record) -> Answer:
    """The row is in the producer's hands; the future will hold the broker's answer."""
    headers: dict[str, str] = json.loads(row["headers"])
    headers["ce_sequence"] = str(row["sequence"])
    answer: Answer = await producer.send(
        row["topic"],
        value=row["value"],
        key=row["key"].encode(),
        headers=[(name, value.encode()) for name, value in headers.items()],
    )
    return answer


def _why_not(answer: Answer) -> Exception | None:
    """Why a row is not acknowledged. One whose answer is still out may be written all the same."""
    if answer.cancelled():
        return TimeoutError()
    fault = answer.exception()
    return fault if isinstance(fault, Exception | None) else KafkaError()

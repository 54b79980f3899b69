"""A topic that is made again or cut: its writer halts and says so, its readers go on."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from tests.chaos import groups
from tests.chaos.small import Refused, Small, asked, small
from tests.waiting import until

PARTITIONS = 3
GONE = "unread ones may be lost"


async def make_again(kafka: str, topic: str) -> None:
    """What was on it is gone, and it looks as if nothing had ever been."""
    async with groups.admin(kafka) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone)
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])


async def ended(service: Small) -> bool:
    return not any(process.is_alive() for process in service.processes)


async def test_the_writer_halts_and_says_so(kafka: str, postgres: str, tmp_path: Path) -> None:
    async with small(kafka, postgres, tmp_path) as service:
        service.start()
        await service.works()
        await service.produce(asked(range(1, 6)))
        await until(service.at_rest, 60)
        await make_again(kafka, service.says)
        async with service.command(asked([6])):
            pass

        async def halts() -> bool:
            return await ended(service)

        await until(halts, 60)
        assert [process.exitcode for process in service.processes] == [1]
        assert "Kafka has lost what it acknowledged, the process ends" in service.log.read_text()
        service.processes.clear()
        service.start()  # as its supervisor does
        with pytest.raises(Refused, match="the topic ends before what was acknowledged"):
            await service.works()


@pytest.mark.parametrize("made_again", [True, False])
async def test_a_writer_that_sends_nothing_halts_too(
    kafka: str, postgres: str, tmp_path: Path, made_again: bool
) -> None:
    async with small(kafka, postgres, tmp_path) as service:
        service.start(topics_watched_s=0.2)
        await service.works()
        await service.produce(asked([1]))
        await until(service.at_rest, 60)
        if made_again:
            await make_again(kafka, service.says)
        else:
            async with groups.admin(kafka) as admin:
                await admin.delete_topics([service.says])

        async def halts() -> bool:
            return await ended(service)

        await until(halts, 60)
        assert "Kafka has lost records: the process ends" in service.log.read_text()
        service.processes.clear()


async def test_a_reader_goes_on_with_what_comes(kafka: str, postgres: str, tmp_path: Path) -> None:
    """What it had consumed it knows; Kafka has forgotten its offsets with the topic."""
    async with small(kafka, postgres, tmp_path) as service:
        service.start(metadata_age_s=2)
        await service.works()
        await service.produce(asked(range(1, 6)))
        await until(service.at_rest, 60)
        await make_again(kafka, service.hears)
        await service.produce(asked(range(6, 8)))
        assert await service.broken(seconds=60) == []


async def test_records_that_were_cut_off_unread_are_told(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    """By retention, or by hand, while the reader was away: it says so when it is back."""
    async with small(kafka, postgres, tmp_path) as service:
        service.start()
        await service.works()
        await service.produce(asked([1]))
        await until(service.at_rest, 60)
        assert GONE not in service.log.read_text()
        await service.kill()
        await service.produce(asked([2, 3]))
        async with groups.admin(kafka) as admin:
            whole = RecordsToDelete(before_offset=-1)
            places = [TopicPartition(service.hears, number) for number in range(PARTITIONS)]
            await admin.delete_records(dict.fromkeys(places, whole))
        service.start()
        await service.says_in_log(GONE)

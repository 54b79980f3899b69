"""kill -9 of every process, offsets rewound, down and up again: nothing acknowledged is lost.

On a platform of its own, which every test leaves running and whole.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.topics import TOPICS
from shared.runtime.kafka_access import KafkaAccess
from tests.acceptance import topics
from tests.acceptance.platform import Platform, running
from tests.acceptance.story import Json, Story
from tests.acceptance.trials import NCT, write_protocols
from tests.waiting import until_true

SERVICES = ("screening", "randomizer", "safety", "audit")
BACK_S = 45  # a service that died without a word is missed by its group for 10 s


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that may be hurt."""
    folder = tmp_path_factory.mktemp("hurt")
    with running(folder / "state", write_protocols(folder / "protocols")) as started:
        yield started


@pytest.fixture
def story(ours: Platform) -> Story:
    """NCT06903312 there."""
    return Story(ours, NCT)


def pids(platform: Platform) -> dict[str, int]:
    """The process of each part."""
    return {name: row["pid"] for name, row in platform.status().items()}


def kill(platform: Platform, name: str) -> None:
    """SIGKILL; returns when another process has taken its place, ready or not."""
    before = pids(platform)[name]
    os.kill(before, signal.SIGKILL)
    until_true(lambda: pids(platform)[name] != before, BACK_S, every=0.1)


def until_ready(platform: Platform) -> None:
    """Every part lives and is ready."""
    until_true(lambda: all(r["ready"] for r in platform.status().values()), BACK_S, every=0.1)


def signed_for_sure(story: Story) -> str:
    """A subject whose signature was acknowledged, whatever dies meanwhile: asked until answered."""
    subject = story.new_subject()
    body = {"subject": subject, "form": story.form()}
    kept = _insist(story, "site", "screenings", body, f"submit {subject}")
    meaning = {"meaning": "eligible"}
    _insist(story, "investigator", f"screenings/{kept['id']}/signature", meaning, f"sign {subject}")
    return subject


def _insist(story: Story, role: str, path: str, body: Json, key: str) -> Json:
    person = story.platform.person(role, f"{role}-person")
    answers: list[httpx.Response] = []

    def answered() -> bool:
        try:
            answers.append(person.post("screening", story.path(path), body, key))
        except httpx.TransportError:
            return False
        return answers[-1].is_success

    until_true(answered, BACK_S, every=0.1)
    return dict(answers[-1].json())


def everything(story: Story) -> dict[str, Any]:
    """What people see: screenings, allocations, how far the trial is, cases, dead letters."""
    return {
        "screenings": story.site.pages("screening", story.path("screenings")),
        "allocations": story.site.pages("randomizer", story.path("allocations")),
        "enrolment": story.enrolment(),
        "cases": story.officer.pages("safety", story.path("adverse-events")),
        "clocks": story.officer.pages("safety", story.path("clocks")),
        "dead": [story.manager.pages(service, "/dead") for service in SERVICES],
    }


def check_whole(story: Story) -> None:
    """Numbers without a gap, one allocation a subject, and the log verifies."""
    drawn = story.site.pages("randomizer", story.path("allocations"))
    assert [one["number"] for one in drawn] == list(range(1, len(drawn) + 1))
    assert len({one["subject"] for one in drawn}) == len(drawn)
    verified = story.platform.run("audit", "verify")
    assert verified.code == 0, verified.out


def check_drawn_once(story: Story, subjects: list[str]) -> None:
    """Each of these has its allocation, and all that happened to it stands in the log once."""
    for subject in subjects:
        assert story.drawn(subject, BACK_S)
        story.until_entries(5, subject)
        assert len(story.logged("PatientRandomized", subject=subject)) == 1


def test_kill_9_of_each_service_in_turn_loses_nothing(ours: Platform, story: Story) -> None:
    ports = dict(ours.services)
    acknowledged: list[str] = []
    for name in SERVICES:
        acknowledged += [signed_for_sure(story) for _ in range(5)]  # and perhaps no more
        kill(ours, name)
    acknowledged.append(signed_for_sure(story))
    until_ready(ours)
    for name, url in ports.items():  # a restarted service keeps its port
        assert ours.http.get(f"{url}/readyz").status_code == 200, name
    check_drawn_once(story, [*acknowledged, signed_for_sure(story)])
    check_whole(story)


@pytest.mark.parametrize("name", ["kafka", "postgres"])
def test_kill_9_of_a_server_loses_nothing(ours: Platform, story: Story, name: str) -> None:
    acknowledged = [signed_for_sure(story) for _ in range(5)]
    kill(ours, name)
    acknowledged.append(signed_for_sure(story))
    check_drawn_once(story, acknowledged)
    until_ready(ours)
    check_whole(story)


def test_offsets_rewound_to_zero_change_nothing(ours: Platform, story: Story) -> None:
    for _ in range(3):
        story.report(story.randomize_signed())
    until_true(lambda: len(story.entries(type="trialops.PatientRandomized.v1")) >= 3)
    assert ours.run("clock", "+1s").code == 0  # returns when all is worked off
    before, ends = everything(story), _ends(ours)
    stopped = {name: pid for name, pid in pids(ours).items() if name in SERVICES}
    for pid in stopped.values():  # they live, so nobody starts them again, but say nothing
        os.kill(pid, signal.SIGSTOP)
    try:
        asyncio.run(_rewind(ours.kafka))
    finally:
        for pid in stopped.values():
            os.kill(pid, signal.SIGKILL)
    until_true(lambda: not stopped.items() & pids(ours).items(), BACK_S, every=0.1)
    until_ready(ours)
    assert ours.run("clock", "+1s").code == 0  # all was read again
    assert everything(story) == before
    grown = {name for name, end in _ends(ours).items() if end != ends[name]}
    assert grown <= {"trialops.audit"}  # a checkpoint may have been due
    story.randomize_signed()
    check_whole(story)


def _ends(platform: Platform) -> dict[str, int]:
    return {topic.name: len(topics.read(platform.kafka, topic.name)) for topic in TOPICS}


async def _rewind(kafka: KafkaAccess) -> None:
    """Set every group to the beginning of all its topics, once it has no member left."""
    admin = AIOKafkaAdminClient(**kafka.arguments())
    await admin.start()
    try:
        for group in SERVICES:
            committed = await admin.list_consumer_group_offsets(group)
            assert committed, group
            zero: dict[TopicPartition, int] = dict.fromkeys(committed, 0)
            async with asyncio.timeout(BACK_S):
                while not await _commit(kafka, group, zero):
                    await asyncio.sleep(0.5)
            rewound = await admin.list_consumer_group_offsets(group)
            assert {at.offset for at in rewound.values()} == {0}
    finally:
        await admin.close()


async def _commit(kafka: KafkaAccess, group: str, offsets: dict[TopicPartition, int]) -> bool:
    consumer = AIOKafkaConsumer(**kafka.arguments(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    except KafkaError:  # the group has a member yet
        return False
    finally:
        await consumer.stop()
    return True


def test_down_ends_every_process_and_up_again_has_everything(ours: Platform, story: Story) -> None:
    subject = story.randomize_signed()
    story.logged("PatientRandomized", subject=subject)
    before, running_pids = everything(story), pids(ours)
    ports, postgres = dict(ours.services), ours.endpoints["postgres"]
    try:
        ours.down()
        assert not (ours.folder / "endpoints.json").exists()
        assert not [pid for pid in running_pids.values() if Path(f"/proc/{pid}").exists()]
        status = ours.run("status")
        assert (status.code, status.out) == (1, "")
        assert ours.run("down").code == 0  # once more is no error
        nothing_runs = ours.run("dead", "list")
        assert (nothing_runs.code, len(nothing_runs.err.splitlines())) == (2, 1)
    finally:
        ours.up()
    assert (ours.services, ours.endpoints["postgres"]) == (ports, postgres)
    assert everything(story) == before
    story.randomize_signed()
    check_whole(story)

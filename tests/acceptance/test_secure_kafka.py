"""Each service with its own login to a Kafka that lets it do no more than its part.

Who may do what is written down here once more, from the contract and not from the code. A record
over the topic's limit tells whether a writer may write and leaves nothing behind: the broker asks
who it is first.
"""

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from deploy.embedded.kafka_logins import KafkaLogins
from deploy.embedded.keys import Keys
from shared.runtime.kafka_access import KafkaAccess
from tests.acceptance import topics
from tests.acceptance.platform import Platform

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """aiokafka leaves the socket of a refused connection to the collector: let it come here."""
    yield
    gc.collect()


SERVICES = ("screening", "randomizer", "safety", "notifier", "audit", "portal")

WRITERS = {
    "trialops.screening": "screening",
    "trialops.randomization": "randomizer",
    "trialops.safety": "safety",
    "trialops.notification": "notifier",
    "trialops.audit": "audit",
    **{
        f"trialops.{service}.{kind}": service for service in SERVICES for kind in ("record", "dead")
    },
}
HEARD = {
    "screening": {"trialops.randomization"},
    "randomizer": {"trialops.screening", "trialops.safety"},
    "safety": {"trialops.screening", "trialops.randomization"},
    "notifier": {
        "trialops.screening",
        "trialops.randomization",
        "trialops.safety",
        "trialops.audit",
        *(f"trialops.{service}.dead" for service in SERVICES),
    },
    "audit": set(WRITERS),
    "portal": {
        "trialops.screening",
        "trialops.randomization",
        "trialops.safety",
        "trialops.notification",
    },
}
TOO_LARGE = bytes(2 * 1024 * 1024 + 64 * 1024)


@pytest.fixture
def ours(platform: Platform) -> Platform:
    """The platform, where its Kafka is its own."""
    if platform.outside:
        pytest.skip("an outside Kafka is as it is")
    return platform


def access(platform: Platform, service: str) -> KafkaAccess:
    """As the service itself."""
    file = KafkaLogins(Keys(platform.folder / "keys")).password_file(service)
    return KafkaAccess(platform.endpoints["kafka"], service, file.read_text())


async def allowed(tries: Callable[[], Awaitable[object]], refusal: type[KafkaError]) -> bool:
    """Whether a try is not refused; any other fault is raised."""
    try:
        async with asyncio.timeout(20):
            await tries()
    except refusal:
        return False
    return True


@pytest.fixture(scope="module")
def filled(platform: Platform) -> set[str]:
    """The topics with something on them."""
    return {topic for topic in WRITERS if topics.read(platform.kafka, topic)}


# ---- topics


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_its_own_topics_alone(ours: Platform, service: str) -> None:
    producer = AIOKafkaProducer(
        **access(ours, service).arguments(),
        enable_idempotence=True,
        max_request_size=2 * len(TOO_LARGE),
        max_batch_size=2 * len(TOO_LARGE),
    )
    await producer.start()
    try:

        async def write(topic: str) -> None:
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(topic, TOO_LARGE)

        written = {
            topic
            for topic in WRITERS
            if await allowed(partial(write, topic), TopicAuthorizationFailedError)
        }
    finally:
        await producer.stop()
    assert written == {topic for topic, writer in WRITERS.items() if writer == service}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_what_it_hears_and_what_it_wrote(
    ours: Platform, filled: set[str], service: str
) -> None:
    async def read(topic: str) -> None:
        consumer = AIOKafkaConsumer(
            topic, **access(ours, service).arguments(), auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            found = await consumer.getmany(timeout_ms=10_000 if topic in filled else 500)
            assert found or topic not in filled, topic
        finally:
            await consumer.stop()

    readable = {
        topic
        for topic in WRITERS
        if await allowed(partial(read, topic), TopicAuthorizationFailedError)
    }
    own = {topic for topic, writer in WRITERS.items() if writer == service}
    assert readable == HEARD[service] | own


# ---- groups and logins


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_sees_no_group_but_its_own(ours: Platform, service: str) -> None:
    heard = TopicPartition(min(HEARD[service]), 0)

    async def look(group: str) -> None:
        consumer = AIOKafkaConsumer(
            **access(ours, service).arguments(), group_id=group, enable_auto_commit=False
        )
        consumer.assign([heard])
        try:
            await consumer.start()
            await consumer.committed(heard)
        finally:
            await consumer.stop()

    groups = (*SERVICES, "another")
    seen = {
        group
        for group in groups
        if await allowed(partial(look, group), GroupAuthorizationFailedError)
    }
    assert seen == {service}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_joins_no_group_but_its_own(ours: Platform, service: str) -> None:
    """Its own is joined by the service itself, all the time."""
    for group in {*SERVICES, "another"} - {service}:
        topic = min(HEARD[service])
        consumer = AIOKafkaConsumer(topic, **access(ours, service).arguments(), group_id=group)
        try:
            with pytest.raises(GroupAuthorizationFailedError):
                await asyncio.wait_for(consumer.start(), 20)
        finally:
            await consumer.stop()


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_gets_in_without_the_password(ours: Platform, service: str) -> None:
    bootstrap = ours.endpoints["kafka"]
    own = access(ours, service)
    assert await own.probe() is None
    for other in {*SERVICES, "admin", "broker", "nobody"} - {service}:
        stolen = KafkaAccess(bootstrap, other, own.password)
        assert isinstance(await stolen.probe(), SaslAuthenticationFailed), other
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        with pytest.raises(KafkaConnectionError):
            await consumer.start()
    finally:
        await consumer.stop()


def test_the_admins_login_is_where_the_endpoints_say(ours: Platform) -> None:
    file = ours.folder / "keys" / "kafka" / "admin.json"
    assert ours.endpoints["kafka_login"] == str(file)
    assert json.loads(file.read_text()).keys() == {"username", "password"}


def test_passwords_are_in_private_files_and_nowhere_else(ours: Platform) -> None:
    logins = KafkaLogins(Keys(ours.folder / "keys"))
    files = [logins.admin_file, *(logins.password_file(name) for name in (*SERVICES, "broker"))]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.parent.stat().st_mode & 0o777 for file in files} == {0o700}
    passwords = set(logins.users().values())
    assert len(passwords) == len(files)
    logs = ours.logs()
    command_lines = "".join(_command_line(row["pid"]) for row in ours.status().values())
    assert not [one for one in passwords if one in logs or one in command_lines]


def _command_line(pid: int) -> str:
    return Path("/proc", str(pid), "cmdline").read_text()

"""Kafka and PostgreSQL in containers, where `TRIALOPS_TEST_SERVERS=containers` asks for them.

The images are the public ones, or what `TRIALOPS_TEST_KAFKA_IMAGE` and
`TRIALOPS_TEST_POSTGRES_IMAGE` name.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from deploy.embedded.ports import take
from deploy.embedded.probes import Probe, kafka_answers, postgres_answers, until

KAFKA_IMAGE = "apache/kafka:4.1.0"
POSTGRES_IMAGE = "postgres:18"
_SECONDS = 90


def check() -> None:
    """UsageError, with one line that says why, where no container can be had."""
    for name in ("TRIALOPS_KAFKA", "TRIALOPS_POSTGRES"):
        if os.environ.get(name):
            raise pytest.UsageError(f"TRIALOPS_TEST_SERVERS=containers excludes {name}")
    try:
        docker.from_env().ping()
    except DockerException as why:
        raise pytest.UsageError(f"TRIALOPS_TEST_SERVERS=containers: no engine: {why}") from why


@contextmanager
def running_kafka(folder: Path) -> Iterator[str]:
    """`host:port` of a broker that answers, removed at the end."""
    image = os.environ.get("TRIALOPS_TEST_KAFKA_IMAGE", KAFKA_IMAGE)
    # The broker tells clients where it is, so its port is known before it starts.
    port = take(("kafka",), folder / "ports.json")["kafka"]
    container = DockerContainer(image).with_bind_ports(9092, port)
    address = f"{container.get_docker_client().host()}:{port}"
    container.with_envs(
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_NODE_ID="1",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_LISTENERS="PLAINTEXT://:9092,CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{address}",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        KAFKA_LOG_DIRS="/tmp/kafka-logs",  # noqa: S108 in the container, its own
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="4",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
    )
    with _started(container, lambda: partial(kafka_answers, address)):
        yield address


@contextmanager
def running_postgres() -> Iterator[str]:
    """The superuser's DSN of a server that answers, removed at the end."""
    image = os.environ.get("TRIALOPS_TEST_POSTGRES_IMAGE", POSTGRES_IMAGE)
    password = secrets.token_urlsafe(16)
    container = PostgresContainer(image, 5432, "postgres", password, "postgres", driver=None)
    container.with_command("postgres -c max_connections=200")
    with _started(container, lambda: partial(postgres_answers, container.get_connection_url())):
        yield container.get_connection_url()


@contextmanager
def _started(container: DockerContainer, probe: Callable[[], Probe]) -> Iterator[None]:
    """The container answers; the whole run ends where it does not, and it is removed at the end."""
    try:
        container.start()
    except (DockerException, TimeoutError) as why:
        pytest.exit(f"{container.image} cannot be started: {why}", 1)
    try:
        answers = probe()

        async def answers_or_ended() -> bool:
            return _ended(container) or await answers()

        if not asyncio.run(until(answers_or_ended, _SECONDS)) or _ended(container):
            out, err = container.get_logs()
            log = (out + err).decode(errors="replace")[-2000:]
            pytest.exit(f"{container.image} does not answer: {log}", 1)
        yield
    finally:
        container.stop()


def _ended(container: DockerContainer) -> bool:
    inside = container.get_wrapped_container()
    inside.reload()
    return bool(inside.status == "exited")

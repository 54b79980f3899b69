"""Real servers for tests: the embedded ones, each in a folder of its own."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import take
from deploy.embedded.postgres import Postgres
from deploy.embedded.probes import Probe, kafka_answers, postgres_answers, until
from deploy.embedded.process import Child, Program, tail

KIND = "TRIALOPS_TEST_SERVERS"


def in_containers() -> bool:
    """Whether this run takes its servers from containers."""
    return os.environ.get(KIND) == "containers"


def kafka_in(folder: Path) -> Kafka:
    """A broker to run in the folder, not started."""
    ports = take(("kafka", "controller"), folder / "ports.json")
    return Kafka(folder / "kafka", ports["kafka"], ports["controller"], folder / "kafka.log")


def postgres_in(folder: Path) -> Postgres:
    """A server to run in the folder, not started."""
    ports = take(("postgres",), folder / "ports.json")
    return Postgres(
        folder / "postgres", ports["postgres"], folder / "password", folder / "postgres.log"
    )


def start(program: Program, probe: Probe, seconds: float = 60) -> Child:
    """Start a server and wait until it answers; with its log in the error if it does not."""
    child = Child(program)

    async def answers_or_ended() -> bool:
        return child.exit_code() is not None or await probe()

    if not asyncio.run(until(answers_or_ended, seconds)) or child.exit_code() is not None:
        child.kill()
        raise AssertionError(f"{program.name} did not start: {tail(program.log)}")
    return child


@contextmanager
def running_kafka(folder: Path) -> Iterator[Kafka]:
    """A broker that answers, stopped at the end."""
    kafka = kafka_in(folder)
    child = start(kafka.prepare(), partial(kafka_answers, kafka.bootstrap))
    try:
        yield kafka
    finally:
        child.stop()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A server that answers, stopped at the end."""
    postgres = postgres_in(folder)
    child = start(postgres.prepare(), partial(postgres_answers, postgres.dsn()))
    try:
        yield postgres
    finally:
        child.stop()

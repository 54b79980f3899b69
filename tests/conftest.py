"""Servers that the whole run shares: those that the environment names, else our own."""

import os
from collections.abc import Iterator

import pytest

from tests.servers import running_kafka, running_postgres


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real Kafka."""
    outside = os.environ.get("TRIALOPS_KAFKA")
    if outside:
        yield outside
        return
    with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server.bootstrap


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's DSN of a real PostgreSQL."""
    outside = os.environ.get("TRIALOPS_POSTGRES")
    if outside:
        yield outside
        return
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.dsn()

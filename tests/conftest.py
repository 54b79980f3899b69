"""Servers that the whole run shares: those that the environment names, or ours of one kind.

`TRIALOPS_TEST_SERVERS` says which: `embedded` (child processes) or `containers`.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import servers

# How long an example takes says what else the machine does, and nothing about the property.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Refuse a run that cannot have the servers that it asks for, before any test."""
    kind = os.environ.get(servers.KIND, "embedded")
    if kind not in ("embedded", "containers"):
        raise pytest.UsageError(f"{servers.KIND} is embedded or containers, not {kind}")
    if servers.in_containers():
        from tests.containers.servers import check  # late: slow to import

        check()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real Kafka."""
    outside = os.environ.get("TRIALOPS_KAFKA")
    folder = tmp_path_factory.mktemp("kafka")
    if outside:
        yield outside
    elif servers.in_containers():
        from tests.containers.servers import running_kafka

        with running_kafka(folder) as address:
            yield address
    else:
        with servers.running_kafka(folder) as server:
            yield server.bootstrap


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's DSN of a real PostgreSQL."""
    outside = os.environ.get("TRIALOPS_POSTGRES")
    if outside:
        yield outside
    elif servers.in_containers():
        from tests.containers.servers import running_postgres

        with running_postgres() as dsn:
            yield dsn
    else:
        with servers.running_postgres(tmp_path_factory.mktemp("postgres")) as server:
            yield server.dsn()

"""A service's own process: ready when it can work, and ended in order by SIGTERM."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from deploy.embedded.ports import take
from shared.runtime.topics import declare
from tests.integration.databases import database
from tests.integration.runtime.running import know_its_topics, settings_of
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.waiting import until_true

CHECKOUT = Path(__file__).parents[3]


def environment(port: int, kafka: str, database: str, issuer: Issuer) -> dict[str, str]:
    """What the service is told."""
    return {
        "TRIALOPS_SERVICE_PORT": str(port),
        "TRIALOPS_KAFKA": kafka,
        "TRIALOPS_DATABASE": database,
        "TRIALOPS_PROTOCOLS": str(CHECKOUT / "protocols"),
        "TRIALOPS_KEYS": str(issuer.jwks_file.parent),
        "TRIALOPS_ISSUER": ISSUER,
        "TRIALOPS_AUDIENCE": AUDIENCE,
        "TRIALOPS_JWKS_FILE": str(issuer.jwks_file),
    }


@contextmanager
def running(told: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (
        log.open("wb") as written,
        subprocess.Popen(
            (sys.executable, "-m", "services.screening"),
            cwd=CHECKOUT,
            env=os.environ | told,
            stderr=written,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


async def members(kafka: str, group: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    [described] = answer.to_object()["groups"]
    return len(described["members"])


async def test_sigterm_ends_a_service_in_order(kafka: str, postgres: str, tmp_path: Path) -> None:
    """It leaves its group, so that another has its partitions at once, not after the session."""
    await declare(kafka)
    port = take(("screening",), tmp_path / "ports.json")["screening"]
    async with database(postgres, "screening") as addresses:
        await know_its_topics(settings_of(kafka, addresses.service), "screening")
        told = environment(port, kafka, addresses.service, Issuer(tmp_path))
        log = tmp_path / "log"
        with running(told, log) as process:
            until_true(lambda: ready(f"http://127.0.0.1:{port}"), 60, every=0.1)
            assert await members(kafka, "screening") == 1
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, log.read_text()
            assert time.monotonic() - asked < 10
        assert await members(kafka, "screening") == 0
        assert "Traceback" not in log.read_text()

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


async def test_another_file_under_a_known_version_stops_a_service_with_one_line(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    await declare(kafka)
    protocols = tmp_path / "protocols"
    protocols.mkdir()
    file = protocols / "NCT06903312.yaml"
    file.write_bytes((CHECKOUT / "protocols" / file.name).read_bytes())
    port = take(("screening",), tmp_path / "ports.json")["screening"]
    async with database(postgres, "screening") as addresses:
        await know_its_topics(settings_of(kafka, addresses.service), "screening")
        told = environment(port, kafka, addresses.service, Issuer(tmp_path))
        told["TRIALOPS_PROTOCOLS"] = str(protocols)
        log = tmp_path / "log"
        with running(told, log) as process:
            until_true(lambda: ready(f"http://127.0.0.1:{port}"), 60, every=0.1)
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        file.write_text(file.read_text().replace("target: 409", "target: 410"))
        with running(told, log) as process:
            assert process.wait(60) == 1
        said = [line for line in log.read_text().splitlines() if not line.startswith("{")]
    assert len(said) == 1, said
    assert said[0].startswith(f"stopped: {file}: version 1.0 of NCT06903312 was another file")

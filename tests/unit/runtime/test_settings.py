"""Settings come from the environment, each with its bound; the clock from its file."""

import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.embedded.files import write_private
from shared.runtime.clock import PlatformClock, wall
from shared.runtime.database import pauses
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.settings import Settings

REQUIRED = {
    "SERVICE_PORT": "8001",
    "KAFKA": "localhost:9092",
    "DATABASE": "postgresql://someone@localhost/x",
    "PROTOCOLS": "protocols",
    "KEYS": "keys",
    "ISSUER": "i",
    "AUDIENCE": "a",
    "JWKS_FILE": "jwks.json",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("TRIALOPS_")]:
        monkeypatch.delenv(name)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(f"TRIALOPS_{name}", value)
    return monkeypatch


def read() -> Settings:
    return Settings()  # the environment fills it


def test_the_environment_fills_them(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRIALOPS_BATCH_RECORDS", "7")
    environment.setenv("TRIALOPS_OF_ANOTHER_RELEASE", "x")
    settings = read()
    assert (settings.service_port, settings.batch_records) == (8001, 7)
    assert settings.clock_file is None
    with pytest.raises(ValidationError):
        settings.kafka = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize("name", REQUIRED)
def test_what_has_no_default_must_be_there(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"TRIALOPS_{name}")
    with pytest.raises(ValidationError, match=name.lower()):
        read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_PORT", "65536"),
        ("SERVICE_PORT", "-1"),
        ("POOL_SIZE", "1"),
        ("BATCH_RECORDS", "0"),
        ("BATCH_RECORDS", "100000"),
        ("RELAY_ROWS", "0"),
        ("RELAY_LEASE_S", "0"),
        ("SESSION_TIMEOUT_S", "1"),
        ("RETRIES", "-1"),
        ("SEND_TIMEOUT_S", "0"),
        ("HTTP_CONCURRENCY", "0"),
        ("KAFKA_USER", ""),
        ("KAFKA_PASSWORD_FILE", "/nowhere"),
        ("KAFKA_CA", "/nowhere"),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"TRIALOPS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        read()


def test_a_login_to_kafka_is_a_user_with_a_password(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert KafkaAccess.of(read()) == KafkaAccess(REQUIRED["KAFKA"])
    environment.setenv("TRIALOPS_KAFKA_USER", "screening")
    with pytest.raises(ValidationError, match="belong together"):
        read()
    password = tmp_path / "password"
    password.write_text("secret\n")
    environment.setenv("TRIALOPS_KAFKA_PASSWORD_FILE", str(password))
    assert KafkaAccess.of(read()) == KafkaAccess(REQUIRED["KAFKA"], "screening", "secret")
    environment.delenv("TRIALOPS_KAFKA_USER")
    with pytest.raises(ValidationError, match="belong together"):
        read()


def test_pauses_double_up_to_a_bound(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRIALOPS_RETRY_FIRST_S", "0.1")
    environment.setenv("TRIALOPS_RETRY_LONGEST_S", "1")
    pause = pauses(read())
    for attempt, longest in [(0, 0.1), (1, 0.2), (2, 0.4), (3, 0.8), (4, 1), (1000, 1), (10**6, 1)]:
        assert longest / 2 <= pause(attempt) <= longest


def test_the_platforms_clock_is_the_walls_without_a_file(tmp_path: Path) -> None:
    assert PlatformClock().offset() == timedelta()
    missing = PlatformClock(tmp_path / "clock.json")
    assert missing.offset() == timedelta()
    assert abs(missing.now() - wall()) < timedelta(seconds=5)


def test_the_clock_moves_when_its_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clock = PlatformClock(file)
    for seconds in (60, 61, 6 * 86_400, 6 * 86_400 + 0.5):
        write_private(file, json.dumps({"offset_seconds": seconds}))
        assert clock.offset() == timedelta(seconds=seconds)
        assert clock.now() - wall() > timedelta(seconds=seconds - 5)
    file.unlink()
    assert clock.offset() == timedelta(days=6, seconds=0.5)


def test_a_clock_read_while_its_file_is_replaced_only_moves_forward(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    write_private(file, json.dumps({"offset_seconds": 0}))
    clock, moves = PlatformClock(file), 300

    def move() -> None:
        for seconds in range(1, moves + 1):
            write_private(file, json.dumps({"offset_seconds": seconds}))

    mover = threading.Thread(target=move)
    mover.start()
    seen = [clock.offset()]
    while mover.is_alive():
        seen.append(clock.offset())
    mover.join()
    seen.append(clock.offset())
    assert seen == sorted(seen)
    assert seen[-1] == timedelta(seconds=moves)

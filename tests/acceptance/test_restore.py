"""A service whose database was restored from a backup refuses to work until a person decides.

On a platform of its own: the randomizer's schema is dumped, the trial goes on, the dump comes back.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.embedded.postgres import packaged_binaries
from tests.acceptance import topics
from tests.acceptance.platform import Platform, running
from tests.acceptance.story import Json, Story
from tests.acceptance.test_kills import BACK_S, pids
from tests.acceptance.trials import NCT, write_protocols
from tests.waiting import until_true


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose databases may be put back."""
    folder = tmp_path_factory.mktemp("restored")
    with running(folder / "state", write_protocols(folder / "protocols")) as started:
        yield started


@pytest.fixture
def story(ours: Platform) -> Story:
    """A trial there."""
    return Story(ours, NCT)


def dump(platform: Platform, service: str, file: Path) -> Path:
    """A backup of one service's schema."""
    _postgres(platform, "pg_dump", "--format=custom", f"--schema={service}", f"--file={file}")
    return file


@contextmanager
def restored(platform: Platform, service: str, file: Path) -> Iterator[None]:
    """The schema as it was in the backup, put back while the service says nothing; then killed,
    and started again by the supervisor.
    """
    pid = pids(platform)[service]
    os.kill(pid, signal.SIGSTOP)
    try:
        platform.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            f"trialops-{service}",
        )
        platform.sql(f"DROP SCHEMA {service} CASCADE")
        _postgres(platform, "pg_restore", "--exit-on-error", str(file))
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
    until_true(lambda: pids(platform)[service] != pid, BACK_S, every=0.1)


def _postgres(platform: Platform, program: str, *line: str) -> None:
    address = f"--dbname={platform.endpoints['postgres']}"
    subprocess.run([packaged_binaries() / program, address, *line], check=True)


def readyz(platform: Platform, service: str) -> Json:
    """What the service says of itself; {} while it does not answer."""
    try:
        return dict(httpx.get(f"{platform.services[service]}/readyz", timeout=3).json())
    except httpx.TransportError:
        return {}


def until_refuses(platform: Platform, service: str) -> str:
    """Its line, once it refuses to work."""
    until_true(lambda: bool(readyz(platform, service).get("refuses")), BACK_S, every=0.1)
    told = readyz(platform, service)
    assert (told["ready"], told["checks"]["history"]) == (False, False)
    return str(told["why"])


def until_ready(platform: Platform, service: str) -> None:
    """It is at work."""
    until_true(lambda: bool(readyz(platform, service).get("ready")), BACK_S, every=0.1)


def allocations(story: Story) -> list[Json]:
    """The list without arms, and each arm as the site sees it."""
    drawn = story.site.pages("randomizer", story.path("allocations"))
    return [{"number": one["number"], **(story.allocation(one["subject"]) or {})} for one in drawn]


def randomized(platform: Platform, trial: str) -> dict[int, Any]:
    """The trial's draws, as the topic tells them."""
    said = topics.read(platform.kafka, "trialops.randomization")
    found = [
        httpx.Response(200, content=one.value or b"").json()
        for one in said
        if one.type == "trialops.PatientRandomized.v1" and one.header("ce_trial") == trial
    ]
    return {one["number"]: one for one in found}


def test_a_restored_randomizer_never_draws_twice(
    ours: Platform, story: Story, tmp_path: Path
) -> None:
    for _ in range(10):
        story.randomize_signed()
    backup = dump(ours, "randomizer", tmp_path / "backup")
    for _ in range(9):
        story.randomize_signed()
    assert story.command(story.officer, "pause").status_code == 200
    waiting = story.new_subject()
    story.sign(story.submit(waiting))
    story.until_enrolment(waiting=1)
    before, enrolment = allocations(story), story.enrolment()
    assert ours.run("clock", "+1s").code == 0  # all was sent and heard
    with restored(ours, "randomizer", backup):
        meanwhile = story.new_subject()
        story.sign(story.submit(meanwhile))  # drawn by nobody yet

    line = until_refuses(ours, "randomizer")
    assert "randomizer refuses to work: " in line
    assert "keys of trialops.randomization are ahead of its database" in line
    refused = story.command(story.manager, "resume")
    assert (refused.status_code, refused.json()["detail"]) == (503, line)
    assert ours.run("status").code == 1
    told = ours.run("restore", "randomizer")
    assert (told.code, told.rows[-1]) == (1, {"service": "randomizer", "would_take_back": 9})
    assert readyz(ours, "randomizer")["refuses"]

    accepted = ours.run("restore", "randomizer", "--accept", "the disk failed")
    assert (accepted.code, accepted.rows[-1]["taken_back"]) == (0, 9), accepted.err
    until_ready(ours, "randomizer")
    assert allocations(story) == before
    story.until_enrolment(waiting=2)
    assert story.enrolment() == {**enrolment, "waiting": 2} | {
        name: story.enrolment()[name] for name in ("strata", "sites")
    }
    assert story.command(story.manager, "resume").status_code == 200
    drawn = [story.drawn(waiting), story.drawn(meanwhile)]
    assert [one["number"] for one in drawn] == [20, 21]
    assert story.randomize_signed() in {one["subject"] for one in allocations(story)}
    ours.run("clock", "+1s")
    in_topic = randomized(ours, story.trial)
    assert sorted(in_topic) == list(range(1, 23))
    assert [(one["number"], one["subject"], one["arm"]) for one in allocations(story)] == [
        (n, in_topic[n]["subject"], in_topic[n]["arm"]) for n in sorted(in_topic)
    ]
    [entry] = story.auditor.pages("audit", "/entries", type="trialops.RestoreAccepted.v1")
    assert "the disk failed" in entry["entry"]
    again = ours.run("restore", "randomizer", "--accept", "once more")
    assert (again.code, again.out) == (0, "")
    verified = ours.run("audit", "verify")
    assert verified.code == 0, verified.out


def test_a_restored_log_never_forks(ours: Platform, story: Story, tmp_path: Path) -> None:
    story.randomize_signed()
    assert ours.run("audit", "verify").code == 0
    older = dump(ours, "audit", tmp_path / "older")
    signed = ours.sql("SELECT max(size) FROM audit.checkpoint")[0]["max"]
    for _ in range(3):
        story.randomize_signed()
    until_true(
        lambda: ours.sql("SELECT max(size) FROM audit.checkpoint")[0]["max"] > signed + 9, 20
    )
    assert ours.run("clock", "+1s").code == 0
    newer = dump(ours, "audit", tmp_path / "newer")
    with restored(ours, "audit", older):
        pass
    assert "keys of trialops.audit are ahead" in until_refuses(ours, "audit")
    signatures = "SELECT count(*) FROM audit.checkpoint"
    count = ours.sql(signatures)
    refused = ours.run("restore", "audit", "--accept", "go on")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "its log would fork" in refused.err
    assert httpx.get(f"{ours.services['audit']}/v1/log/checkpoint").status_code == 503
    assert ours.sql(signatures) == count
    with restored(ours, "audit", newer):
        pass
    until_ready(ours, "audit")
    story.logged("PatientRandomized", subject=story.randomize_signed())
    verified = ours.run("audit", "verify")
    assert verified.code == 0, verified.out

"""Reporting clocks on a platform with two processes of safety, killed while time passes.

Its clock runs ahead, so it is a platform of its own.
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.acceptance import topics
from tests.acceptance.platform import Platform
from tests.acceptance.story import Json, Story, new_subject
from tests.acceptance.trials import write_protocols
from tests.waiting import until_true

BOTH = ("safety", "safety-2")
BACK_S = 60
_HALVES = {"expedited_7": 3.5, "expedited_15": 7.5, "follow_up_8": 4.0}  # days left


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The trial TSAFE there."""
    folder = tmp_path_factory.mktemp("time")
    platform = Platform(folder / "state", write_protocols(folder / "protocols"))
    try:
        started = platform.run("up", "--detach", "--replicas", "safety=2")
        assert started.code == 0, started.err
        yield Story(platform, "TSAFE")
    finally:
        platform.http.close()
        platform.down()


def kill(platform: Platform, *names: str) -> None:
    """SIGKILL, and nothing more: somebody else starts them again."""
    status = platform.status()
    for name in names:
        os.kill(status[name]["pid"], signal.SIGKILL)


def until_ready(platform: Platform) -> None:
    until_true(lambda: all(r["ready"] for r in platform.status().values()), BACK_S, every=0.2)


def report(story: Story, **form: object) -> Json:
    """A case that the site knows of now; no event tells the arm, so any may be to blame."""
    [said] = story.platform.run("clock", "now").rows
    return story.report(new_subject(), site_aware_at=said["now"].partition(".")[0] + "Z", **form)


def of_time(story: Story) -> list[tuple[datetime, str, Json]]:
    """What time brought, by the instant at which it was due, in the order of each partition."""
    found = []
    for record in topics.read(story.platform.kafka, "trialops.safety"):
        name, data = (record.type or "").split(".")[1], json.loads(record.value or b"")
        if name not in ("ReportingClockWarned", "ReportingClockOverdue"):
            continue
        half = timedelta(days=_HALVES[data["kind"]])
        left = {"half": half, "tenth": half / 5}.get(data.get("left"), timedelta())
        found.append((datetime.fromisoformat(data["due"]) - left, name, data))
    return found


def test_each_warning_comes_once_in_due_order_though_safety_is_killed_in_the_middle(
    story: Story,
) -> None:
    fatal = {"seriousness": ["death"], "outcome": "fatal"}
    cases = [report(story, **fatal), report(story), report(story, **fatal)]
    # Half of seven days, which end at midnight, is over by then at any hour of the day.
    assert story.platform.run("clock", "+5d").code == 0
    [said] = story.platform.run("clock", "now").rows
    assert story.submission_of(cases[2], "expedited_7", said["now"]).status_code == 200

    kill(story.platform, *BOTH)  # time passes while nobody watches
    assert story.platform.run("clock", "+2d").code == 0
    with ThreadPoolExecutor() as apart:
        moving = apart.submit(story.platform.run, "clock", "+30d", seconds=300)
        for name in BOTH:  # and one after the other while it goes on
            until_ready(story.platform)
            kill(story.platform, name)
        assert moving.result().code == 0
    until_ready(story.platform)
    assert story.platform.run("clock", "+1s").code == 0

    brought = of_time(story)
    once = Counter((name, data["clock"], data.get("left")) for _, name, data in brought)
    assert set(once.values()) == {1}
    kinds = Counter((data["case"], data["kind"]) for _, _, data in brought)
    first, second, third = (case["case"] for case in cases)
    assert kinds == {
        (first, "expedited_7"): 3,
        (first, "follow_up_8"): 3,
        (second, "expedited_15"): 3,
        (third, "expedited_7"): 1,  # half of it, before the submission
        (third, "follow_up_8"): 3,
    }
    for case in cases:
        of_case = [due for due, _, data in brought if data["case"] == case["case"]]
        assert of_case == sorted(of_case)
    overdue = story.officer.pages("safety", story.path("clocks"), state="overdue")
    assert len(overdue) == 4
    ids = "SELECT value FROM safety.outbox"
    until_true(lambda: story.platform.sql(ids) == [], BACK_S)


def test_a_report_that_was_answered_is_kept_though_both_processes_die(story: Story) -> None:
    answered: list[Json] = []
    for number in range(6):
        answered.append(report(story, grade=3))
        if number == 3:
            kill(story.platform, *BOTH)
            until_ready(story.platform)
    kept = {one["case"] for one in story.officer.pages("safety", story.path("adverse-events"))}
    assert {case["case"] for case in answered} <= kept
    for case in answered:
        story.logged("AdverseEventSubmitted", subject=case["subject"])
    verified = story.platform.run("audit", "verify")
    assert verified.code == 0, verified.out

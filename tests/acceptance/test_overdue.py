"""A fatal SUSAR that nobody takes up: warnings, overdue and letters in due order, each once.

On platforms of their own: their clocks run ahead.
"""

import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from tests.acceptance import topics
from tests.acceptance.platform import Platform, running
from tests.acceptance.story import Json, Story
from tests.acceptance.trials import NCT, write_protocols
from tests.waiting import until_true

SAFETY = "trialops.safety"
NOTIFICATION = "trialops.notification"
OFFICER = "safety_officer@trialops.example"
BACK_S = 45


@pytest.fixture
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """NCT06903312 on a platform whose clock a test may move."""
    folder = tmp_path_factory.mktemp("ahead")
    with running(folder / "state", write_protocols(folder / "protocols")) as started:
        yield Story(started, NCT)


def now(platform: Platform) -> datetime:
    """The platform's clock."""
    [said] = platform.run("clock", "now").rows
    return datetime.fromisoformat(said["now"])


def move(platform: Platform, by: str) -> str:
    """Move the clock; what was said of services that are down."""
    moved = platform.run("clock", by, seconds=300)
    assert moved.code == 0, moved.err
    return moved.err


def death(story: Story) -> Json:
    """A fatal SUSAR of a screened subject, as the site's report is answered."""
    subject = story.new_subject()
    story.submit(subject)
    form = {
        "term": "cardiac arrest",
        "grade": 5,
        "onset_date": now(story.platform).date().isoformat(),
        "site_aware_at": (now(story.platform) - timedelta(hours=1)).isoformat(),
        "seriousness": ["death"],
        "outcome": "fatal",
    }
    answer = story.site.post(
        "safety", story.path("adverse-events"), {"subject": subject, "form": form}
    )
    assert answer.status_code == 201, answer.text
    case = dict(answer.json())
    assert case["susar"] is True
    return case


def said(platform: Platform, topic: str, **wanted: object) -> list[tuple[str, Json, datetime]]:
    """Name, data and time of the events of a topic whose data have these members."""
    found = []
    for record in topics.read(platform.kafka, topic):
        data = json.loads(record.value or b"{}")
        if wanted.items() <= data.items():
            name = str(record.type).split(".")[1]
            found.append((name, data, datetime.fromisoformat(record.header("ce_time") or "")))
    return found


def letters(platform: Platform, address: str) -> list[Any]:
    """What lies in a mailbox, in the order of arrival."""
    folder = platform.folder / "mail" / address
    files = sorted(folder.glob("*.eml"), key=lambda file: int(file.stem))
    return [message_from_bytes(file.read_bytes()) for file in files]


def of_the_clock(platform: Platform, case: Json) -> list[str]:
    """What was said of the case's seven days, each with how long before or after its due."""
    return [
        f"{name} {data.get('left', '')}".strip()
        for name, data, _ in said(platform, SAFETY, case=case["case"], kind="expedited_7")
    ]


WHOLE_STORY = [
    "ReportingClockStarted",
    "ReportingClockWarned half",
    "ReportingClockWarned tenth",
    "ReportingClockOverdue",
]


def check_clock(platform: Platform, case: Json) -> None:
    """Everything once, in due order, and nothing before its time."""
    assert of_the_clock(platform, case) == WHOLE_STORY
    length = timedelta(days=7)
    for name, data, at in said(platform, SAFETY, case=case["case"], kind="expedited_7"):
        due = datetime.fromisoformat(data["due"])
        before = {"half": length / 2, "tenth": length / 10}.get(data.get("left", ""), timedelta())
        if name != "ReportingClockStarted":
            assert due - before <= at <= due - before + timedelta(minutes=1)


def check_letters(platform: Platform) -> list[str]:
    """Every letter once: each delivery that was told lies in the mailbox, and nothing else."""
    delivered = [
        data["delivery"]
        for name, data, _ in said(platform, NOTIFICATION, channel="mail")
        if name == "AlertDelivered"
    ]
    assert len(set(delivered)) == len(delivered)
    folders = [file.name for file in (platform.folder / "mail").iterdir()]
    kept = [letter["Message-ID"] for name in folders for letter in letters(platform, name)]
    assert len(set(kept)) == len(kept) == len(delivered)
    return delivered


def test_warnings_overdue_and_letters_come_in_due_order_each_once(story: Story) -> None:
    platform = story.platform
    case = death(story)
    move(platform, "+9d")
    check_clock(platform, case)
    check_letters(platform)
    alerts = story.officer.pages("notifier", "/alerts", trial=NCT)
    assert {"AdverseEventReported", "ReportingClockOverdue"} <= {one["event"] for one in alerts}
    subjects = [letter["Subject"] for letter in letters(platform, OFFICER)]
    assert len(subjects) > 2

    for alert in alerts:
        if alert["state"] == "open":
            body = {"note": "on it"}
            taken = story.officer.post("notifier", f"/alerts/{alert['id']}/acknowledge", body)
            assert taken.status_code == 200, taken.text
    quiet = len(letters(platform, OFFICER))
    move(platform, "+6h")
    assert len(letters(platform, OFFICER)) == quiet


def test_a_notifier_that_was_down_calls_in_due_order_when_it_is_back(story: Story) -> None:
    platform = story.platform
    case = death(story)
    until_true(lambda: len(letters(platform, OFFICER)) > 0, BACK_S)
    pid = platform.status()["notifier"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "notifier" in move(platform, "+9d")
        before = len(letters(platform, OFFICER))
    finally:
        os.kill(pid, signal.SIGKILL)  # it does not even get to go on
    until_true(lambda: platform.status()["notifier"]["ready"], BACK_S, every=0.2)
    move(platform, "+1s")
    check_clock(platform, case)
    check_letters(platform)
    after = letters(platform, OFFICER)[before:]
    raised = [
        (data["event"], data["alert"])
        for name, data, _ in said(platform, NOTIFICATION)
        if name == "AlertRaised"
    ]
    assert len({alert for _, alert in raised}) == len(raised)
    assert [event for event, _ in raised].count("ReportingClockOverdue") == 1
    assert after

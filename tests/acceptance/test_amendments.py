"""An amendment on a running platform: brought in before its day, in force from it, by site.

On a platform of its own: its clock runs ahead, and it is started twice.
"""

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.platform import running
from tests.acceptance.story import Json, Story
from tests.acceptance.test_overdue import move, now
from tests.acceptance.trials import ARMS, tiny
from tests.waiting import until_true

TRIAL = "TAMEND"
FIRST = tiny(TRIAL).replace(
    "    consent_signed:", "    informed_consent_date: {type: date}\n    consent_signed:"
)
AMENDMENT = """\
  approved_by: Ethics Committee of the Test
  approved_on: 2026-01-01
amendment:
  in_force_from: {since}
  sites: {{T2: not_approved}}
  summary: From 16 years on.
sites:
"""


def second(since: date) -> str:
    text = FIRST.replace('version: "1.0"', 'version: "2.0"').replace("at_least: 18", "at_least: 16")
    return text.replace("sites:\n", AMENDMENT.format(since=since))


def told(story: Story, name: str) -> list[Json]:
    """What the log has of events of one name, in its order."""
    path, kind = f"/trials/{TRIAL}/entries", f"trialops.{name}.v1"
    return [json.loads(item["entry"]) for item in story.auditor.pages("audit", path, type=kind)]


def screened(story: Story, consent: date | None, site: str = "T1") -> tuple[str, str, str]:
    """Version and verdict of somebody of 17 years."""
    subject = story.new_subject().replace("T1", site)
    form = story.form(age=17)
    if consent is not None:
        form["informed_consent_date"] = consent.isoformat()
    kept = story.submit(subject, form)
    return subject, kept["protocol_version"], kept["verdict"]


def test_an_amendment_comes_into_force_on_its_day(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("amended")
    protocols = folder / "protocols"
    protocols.mkdir()
    (protocols / f"{TRIAL}.yaml").write_text(FIRST)
    with running(folder / "state", protocols) as platform:
        story = Story(platform, TRIAL)
        assert screened(story, None)[1:] == ("1.0", "ineligible")
        story.randomize()

        today = now(platform).astimezone(ZoneInfo("Europe/Rome")).date()
        since = today + timedelta(days=2)
        platform.down()
        (protocols / f"{TRIAL}.v2.yaml").write_text(second(since))
        platform.up()
        story = Story(platform, TRIAL)
        assert screened(story, None)[1:] == ("1.0", "ineligible")
        assert screened(story, since)[1:] == ("1.0", "ineligible")
        assert len(told(story, "TrialActivated")) == 1

        move(platform, "+3d")
        subject, *found = screened(story, since)
        assert found == ["2.0", "eligible"]
        assert story.drawn(subject)["arm"] in ARMS
        assert screened(story, None)[1:] == ("2.0", "eligible")
        assert screened(story, since - timedelta(days=1))[1:] == ("1.0", "ineligible")
        assert screened(story, since, "T2")[1:] == ("1.0", "ineligible")
        _look_into_the_log(story, subject, since)
        _correct(story, since)


def _look_into_the_log(story: Story, subject: str, since: date) -> None:
    until_true(lambda: len(told(story, "PatientRandomized")) >= 2, 30)
    first, later = told(story, "TrialActivated")
    assert first["data"]["protocol_version"] == "1.0"
    assert later["data"]["protocol_version"] == "2.0"
    assert later["data"]["approved_by"] == "Ethics Committee of the Test"
    assert first["data"]["protocol_sha256"] != later["data"]["protocol_sha256"]
    rome = datetime.fromisoformat(later["time"]).astimezone(ZoneInfo("Europe/Rome"))
    assert rome.date() == since
    drawn = {one["data"]["subject"]: one for one in told(story, "PatientRandomized")}
    assert drawn[subject]["data"]["protocol_version"] == "2.0"
    assert drawn[subject]["time"] > later["time"]


def _correct(story: Story, since: date) -> None:
    """A day of consent put right moves the subject to the version of that day."""
    subject = story.new_subject()
    kept = story.submit(subject, {**story.form(age=30), "informed_consent_date": str(since)})
    assert kept["protocol_version"] == "2.0"
    corrected = story.correct(kept, informed_consent_date=str(since - timedelta(days=1)))
    assert (corrected["protocol_version"], corrected["revision"]) == ("1.0", 2)

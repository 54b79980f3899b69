"""Who sees arms, and that every look and every refused one is on record."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.acceptance.people import Person
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story, new_subject
from tests.acceptance.trials import ARMS
from tests.waiting import until_true

Tiny = Callable[[str], Story]


@pytest.fixture
def drawn(tiny: Tiny) -> tuple[Story, str, str]:
    """The trial TARMS with a subject drawn at each of its sites."""
    story = tiny("TARMS")
    here, there = new_subject("T1"), new_subject("T2")
    for subject in (here, there):
        story.submit(subject)
        story.drawn(subject)
    return story, here, there


def tells_arms(answer: httpx.Response) -> bool:
    """Whether an answer holds an arm."""
    return any(arm in answer.text for arm in ARMS) or '"arm' in answer.text


def test_a_trial_manager_sees_no_arm_anywhere(drawn: tuple[Story, str, str]) -> None:
    story, here, _ = drawn
    answers = [
        story.manager.get("randomizer", story.path("allocations")),
        story.manager.get("randomizer", story.path(f"allocations/{here}")),
        story.manager.get("randomizer", story.path("enrolment")),
        story.manager.get("randomizer", "/dead"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any(map(tells_arms, answers))
    [item, *_] = answers[0].json()["items"]
    assert item.keys() == {"subject", "number", "stratum", "at"}


def test_a_site_sees_the_arms_of_its_own_subjects_alone(
    platform: Platform, drawn: tuple[Story, str, str]
) -> None:
    story, here, there = drawn
    site = platform.person("site", sites=("T1",))
    assert site.get("randomizer", story.path(f"allocations/{here}")).json()["arm"] in ARMS
    assert site.get("randomizer", story.path(f"allocations/{there}")).status_code == 404
    items = site.pages("randomizer", story.path("allocations"))
    assert {item["subject"].partition("-")[0] for item in items} == {"T1"}
    assert site.get("randomizer", story.path("enrolment")).status_code == 403


def test_what_screening_says_holds_no_arm(drawn: tuple[Story, str, str]) -> None:
    story, *_ = drawn
    listed = story.site.get("screening", story.path("screenings"), limit=1000)
    assert not tells_arms(listed)
    [item, *_] = listed.json()["items"]
    assert not tells_arms(story.site.get("screening", story.path(f"screenings/{item['id']}")))


def test_the_statistician_sees_totals_by_arm_and_each_look_is_recorded(
    platform: Platform, drawn: tuple[Story, str, str]
) -> None:
    story, *_ = drawn
    person = platform.person("statistician", f"statistician-of-{new_subject()}")
    by_arm = person.get("randomizer", story.path("enrolment"), by="arm").json()
    arms = by_arm["arms"]
    assert set(arms) == {"young", "old"}
    assert sum(arms["young"].values()) == by_arm["strata"]["young"]["randomized"] >= 2
    assert set(arms["young"]) == set(ARMS)
    allocations = person.get("randomizer", story.path("allocations"), by="arm").json()["items"]
    assert {one["arm"] for one in allocations} <= set(ARMS)
    looks = story.logged("ArmsRead", 2, actor=person.sub)
    assert [entry["data"]["path"] for entry in looks] == [
        f"/v1{story.path('enrolment')}",
        f"/v1{story.path('allocations')}",
    ]
    assert {entry["topic"] for entry in looks} == {"trialops.randomizer.record"}
    assert not any(arm in json.dumps(looks) for arm in ARMS)


def test_a_service_reads_by_arm_and_is_recorded(
    platform: Platform, drawn: tuple[Story, str, str]
) -> None:
    story, *_ = drawn
    service = platform.person("service", f"service-of-{new_subject()}")
    answer = service.get("randomizer", story.path("allocations"), by="arm")
    assert answer.json()["items"][0]["arm"] in ARMS
    assert story.logged("ArmsRead", actor=service.sub)
    assert service.get("randomizer", story.path("allocations")).status_code == 403


@pytest.mark.parametrize("path", ["allocations", "enrolment"])
@pytest.mark.parametrize(
    "role", ["site", "investigator", "safety_officer", "trial_manager", "auditor"]
)
def test_a_read_by_arm_of_anyone_else_is_refused_and_recorded(
    platform: Platform, tiny: Tiny, role: str, path: str
) -> None:
    story = tiny("TARMS")
    person: Person = platform.person(role, f"curious-{new_subject()}")
    assert person.get("randomizer", story.path(path), by="arm").status_code == 403

    def refusals() -> list[Json]:
        log = story.path("entries")
        items = story.auditor.pages("audit", log, type="trialops.AccessRefused.v1")
        told = [json.loads(item["entry"])["data"] for item in items]
        return [fact for fact in told if fact["person"] == person.sub]

    until_true(lambda: bool(refusals()), PATIENCE_S)
    assert refusals() == [
        {
            "person": person.sub,
            "method": "GET",
            "path": f"/v1{story.path(path)}?by=arm",
            "status": 403,
        }
    ]


def test_a_plain_read_of_allocations_by_the_statistician_is_recorded_where_it_tells_arms(
    platform: Platform, drawn: tuple[Story, str, str]
) -> None:
    story, here, _ = drawn
    person = platform.person("statistician", f"statistician-of-{new_subject()}")
    answer = person.get("randomizer", story.path(f"allocations/{here}"))
    assert answer.status_code == 200
    if tells_arms(answer):
        assert story.logged("ArmsRead", actor=person.sub)


def test_the_seed_and_what_comes_next_leave_the_randomizer_nowhere(
    platform: Platform, drawn: tuple[Story, str, str]
) -> None:
    story, *_ = drawn
    shown = [
        story.statistician.get("randomizer", story.path("enrolment"), by="arm").text,
        story.statistician.get("randomizer", story.path("allocations"), by="arm").text,
        *(json.dumps(entry) for entry in story.entries() if entry["topic"] != "trialops.screening"),
        platform.http.get(f"{platform.services['randomizer']}/metrics").text,
        platform.logs(),
    ]
    for word in ("block", '"seed"', "placed", "sealed"):
        assert not [text for text in shown if word in text], word

"""Adverse events from the site's report to the authority, and what others hear of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance import topics
from tests.acceptance.people import kind, places
from tests.acceptance.platform import Platform
from tests.acceptance.poison import Forger, drop, letter
from tests.acceptance.story import PATIENCE_S, Json, Story, new_subject
from tests.waiting import until_true

Tiny = Callable[[str], Story]
SAFETY, RECORD = "trialops.safety", "trialops.safety.record"


def told(story: Story, topic: str, subject: str, number: int) -> list[tuple[str, Json]]:
    """Type and data of what was said of a subject, once there is so much of it."""
    found = topics.awaited(story.platform.kafka, topic, f"{story.trial}:{subject}", number)
    sequences = [one.header("ce_sequence") for one in found]
    assert sequences == [str(n + 1) for n in range(number)]
    return [((one.type or "").split(".")[1], json.loads(one.value or b"")) for one in found]


def states(case: Json) -> dict[str, str]:
    """Each clock's state by its kind."""
    return {clock["kind"]: clock["state"] for clock in case["clocks"]}


def test_a_fatal_susar_from_the_report_to_the_authority(nct: Story) -> None:
    subject = nct.randomize_signed()
    case = nct.report(
        subject,
        term="a term that stays private",
        grade=5,
        seriousness=["death", "hospitalisation"],
        outcome="fatal",
        causality={"cabozantinib": "related"},
    )
    assert case.keys() >= {"case", "serious", "susar", "why", "clocks"}
    assert (case["serious"], case["susar"]) == (True, True)
    until_true(lambda: nct.case(case)["matched"], PATIENCE_S)
    assert states(case)["expedited_7"] == "running"
    sponsor_knew = nct.case(case)["versions"][0]["sponsor_aware_at"]
    assert nct.assess(case, causality={"nivolumab": "not_related"})["susar"] is True
    early = nct.submission_of(case, "expedited_7", "2026-03-01T12:00:00Z")
    assert (early.status_code, places(early)) == (422, [["submitted_at"]])
    assert nct.submission_of(case, "expedited_7", sponsor_knew).status_code == 200
    shown = nct.case(case)
    assert states(shown)["expedited_7"] == "met"
    assert states(shown)["follow_up_8"] == "running"
    listed = nct.officer.pages("safety", nct.path("clocks"), subject=subject)
    assert {one["clock"]: one["state"] for one in listed} == {
        one["clock"]: one["state"] for one in shown["clocks"]
    }
    assert {one["case"] for one in listed} == {case["case"]}
    entries = nct.logged("AdverseEventSubmitted", subject=subject)
    assert [entry["data"]["form"]["term"] for entry in entries] == ["a term that stays private"]
    assert {entry["actor"] for entry in entries} == {"site-person"}
    said = [
        record
        for record in topics.read(nct.platform.kafka, SAFETY, f"{nct.trial}:{subject}")
        if record.type
    ]
    whole = b"".join(record.value or b"" for record in said)
    assert b"private" not in whole and b"as I see it" not in whole
    assert b'"arm"' not in whole
    assert "private" not in nct.platform.logs()


def test_a_follow_up_lifts_an_event_to_a_susar_of_its_own_day(tiny: Tiny) -> None:
    story, subject = tiny("TSAFE"), new_subject()
    case = story.report(subject, seriousness=[])
    assert (case["serious"], case["susar"], case["clocks"]) == (False, False, [])
    lifted = story.follow_up(case, seriousness=["life_threatening"], ctcae_term="Headache")
    assert (lifted["version"], lifted["serious"], lifted["susar"]) == (2, True, True)
    assert set(states(lifted)) == {"site_to_sponsor", "expedited_7"}
    ended = story.assess(lifted, causality={"surgery": "not_related"})
    assert (ended["susar"], states(ended)["expedited_7"]) == (False, "cancelled")
    again = story.follow_up(lifted, causality={"surgery": "related"})
    assert again["susar"] is True  # the sponsor cannot undo the investigator's yes
    assert [one["state"] for one in again["clocks"]] == ["late", "cancelled", "running"]
    assert [name for name, _ in told(story, SAFETY, subject, 9)] == [
        "AdverseEventReported",
        "AdverseEventUpdated",
        "ReportingClockStarted",
        "ReportingClockStopped",
        "ReportingClockStarted",
        "AdverseEventUpdated",
        "ReportingClockCancelled",
        "AdverseEventUpdated",
        "ReportingClockStarted",
    ]
    history = story.case(case)
    assert [one["version"] for one in history["versions"]] == [1, 2, 3]
    assert history["versions"][0]["form"]["seriousness"] == []
    items = story.site.pages("safety", story.path("adverse-events"), subject=subject)
    assert [(one["case"], one["version"]) for one in items] == [(case["case"], 3)]
    by_site = story.site.pages("safety", story.path("adverse-events"), site="T1", limit=1)
    assert case["case"] in {one["case"] for one in by_site}


def test_a_report_before_any_screening_is_matched_by_the_events(tiny: Tiny) -> None:
    story, subject = tiny("TSAFE"), new_subject()
    case = story.report(subject, causality={"surgery": "related"})
    assert case["matched"] is False
    story.submit(subject)
    arm = story.drawn(subject)["arm"]

    def learned() -> bool:
        components = ["surgery"] if arm == "ARM_MAPLE" else []
        shown = story.case(case)
        return bool(shown["matched"] and shown["components"] == components)

    until_true(learned, PATIENCE_S)
    assert story.case(case)["susar"] is (arm == "ARM_MAPLE")


@pytest.mark.parametrize("first", ["screened", "withdrawn"])
def test_a_consent_taken_back_before_the_draw_ends_in_one_refusal(nct: Story, first: str) -> None:
    subject = nct.new_subject()
    if first == "screened":
        screening = nct.submit(subject)
        assert nct.withdraw(subject).status_code == 200
    else:
        assert nct.withdraw(subject).status_code == 200
        nct.logged("SubjectWithdrawn", subject=subject)
        screening = nct.submit(subject)
    [entry] = nct.logged("RandomizationRefused", subject=subject)
    assert entry["data"]["reason"] == "consent_withdrawn"
    nct.signature(screening)
    until_true(lambda: bool(nct.screening(screening)["refused"]), PATIENCE_S)
    again = nct.submit(subject)  # a new attempt: refused, too
    assert again["attempt"] == 2
    assert len(nct.logged("RandomizationRefused", 2, subject=subject)) == 2
    assert nct.allocation(subject) is None
    [(name, data)] = told(nct, SAFETY, subject, 1)
    assert (name, data["from"]) == ("SubjectWithdrawn", "consent")
    [(name, data)] = told(nct, RECORD, subject, 1)
    assert (name, data["reason"]) == ("WithdrawalRecorded", "private")


def test_a_consent_taken_back_after_the_draw_takes_nothing_back(nct: Story) -> None:
    subject = nct.randomize_signed()
    assert nct.withdraw(subject).status_code == 200
    assert nct.withdraw(subject, "treatment").status_code == 200
    again = nct.withdraw(subject)
    assert (again.status_code, kind(again)) == (409, "already-withdrawn")
    nct.logged("SubjectWithdrawn", 2, subject=subject)
    assert nct.allocation(subject) is not None
    assert not nct.entries(subject=subject, type="trialops.RandomizationRefused.v1")


def test_survival_is_kept_and_told_without_the_cause(tiny: Tiny) -> None:
    story, subject = tiny("TSAFE"), new_subject()
    body: Json = {"subject": subject, "status": "dead", "date": "2026-03-01", "cause": "private"}
    kept = story.site.post("safety", story.path("survival"), body)
    assert (kept.status_code, kept.json()["status"]) == (200, "dead")
    alive = {"subject": subject, "status": "alive", "date": "2026-03-02"}
    refused = story.site.post("safety", story.path("survival"), alive)
    assert (refused.status_code, kind(refused)) == (409, "reported-dead")
    [(name, data)] = told(story, SAFETY, subject, 1)
    assert (name, "cause" in data) == ("SurvivalReported", False)
    [(name, data)] = told(story, RECORD, subject, 1)
    assert (name, data["cause"]) == ("SurvivalRecorded", "private")


def test_a_key_at_which_safety_is_blind_is_told_and_told_again_when_it_sees(
    platform: Platform, tiny: Tiny
) -> None:
    story, forger = tiny("TDEAD"), Forger(platform, new_subject())
    place = forger.send(forger.value(), forger.headers("v2"))
    found = letter(story, place, "safety")
    [(name, data)] = told(story, SAFETY, forger.subject, 1)
    assert (name, data["letter"], data["topic"]) == (
        "KeyWaiting",
        found["id"],
        "trialops.screening",
    )
    drop(story, found, "safety")
    drop(story, letter(story, place))
    [_, (name, data)] = told(story, SAFETY, forger.subject, 2)
    assert (name, data["letter"]) == ("KeyResumed", found["id"])


FORMS: dict[str, tuple[dict[str, Any], list[str | int]]] = {
    "unknown field": ({"initials": "AB"}, ["initials"]),
    "other scale": ({"severity": "mild"}, ["severity"]),
    "wrong type": ({"grade": "3"}, ["grade"]),
    "out of range": ({"grade": 6}, ["grade"]),
    "blank": ({"term": "  "}, ["term"]),
    "too long": ({"term": "x" * 201}, ["term"]),
    "needed": ({"seriousness": None}, ["seriousness"]),
    "unknown word": ({"seriousness": ["fatal"]}, ["seriousness", 0]),
    "no offset": ({"site_aware_at": "2026-03-01T12:00:00"}, ["site_aware_at"]),
    "future": ({"site_aware_at": "2999-03-01T12:00:00Z"}, ["site_aware_at"]),
    "late paper": ({"sponsor_aware_at": "2999-03-01T12:00:00Z"}, ["sponsor_aware_at"]),
    "fatal alone": ({"outcome": "fatal"}, ["outcome"]),
    "no component": ({"causality": {"aspirin": "related"}}, ["causality", "aspirin"]),
    "not even null": ({"causality": {"aspirin": None}}, ["causality", "aspirin"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_bad_form_is_refused_with_its_place_and_nothing_is_kept(tiny: Tiny, name: str) -> None:
    story, subject = tiny("TSAFE"), new_subject()
    changes, place = FORMS[name]
    answer = story.reporting(subject, key=f"bad {name}", **changes)
    assert answer.status_code == 422, answer.text
    assert place in places(answer), answer.text
    assert story.site.pages("safety", story.path("adverse-events"), subject=subject) == []
    case = story.report(subject, seriousness=[])
    path = story.path(f"adverse-events/{case['case']}/follow-ups")
    follow_up = story.site.post("safety", path, {"form": {"seriousness": [], **changes}})
    assert follow_up.status_code == 422, follow_up.text
    assert place in places(follow_up), follow_up.text
    assert story.case(case)["version"] == 1


def test_an_authority_that_the_protocol_does_not_list_is_refused(tiny: Tiny) -> None:
    story = tiny("TSAFE")
    case = story.report(new_subject())
    path = story.path(f"adverse-events/{case['case']}/submissions")
    body = {"authority": "UK", "kind": "expedited_15", "submitted_at": "2026-03-02T12:00:00Z"}
    refused = story.officer.post("safety", path, body)
    assert (refused.status_code, places(refused)[0]) == (422, ["authority"])


def test_a_report_repeated_with_its_key_is_one_case(tiny: Tiny) -> None:
    story, subject = tiny("TSAFE"), new_subject()
    first = story.reporting(subject, key=f"report {subject}")
    again = story.reporting(subject, key=f"report {subject}")
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    other = story.reporting(subject, key=f"report {subject}", grade=2)
    assert other.status_code == 409
    assert len(story.site.pages("safety", story.path("adverse-events"), subject=subject)) == 1

"""The life of a case: versions, judgements and submissions, and what they make of its clocks."""

from typing import Any

import pytest

from services.safety.submissions import read_submission
from services.safety.values import FormErrors
from shared.contracts.events.safety import (
    AdverseEventAssessed,
    AdverseEventFollowedUp,
    AdverseEventReported,
    AdverseEventSubmitted,
    AdverseEventUpdated,
    ReportingClockStarted,
    ReportingClockStopped,
)
from tests.unit.safety.cases import CASE, SUBJECT, Story, names
from tests.unit.safety.forms import NCT, PILOT, at, rules_with

FATAL = ["death"]
DRUGS = ("cabozantinib", "nivolumab")
NOT_RELATED = dict.fromkeys(DRUGS, "not_related")
RELATED = dict.fromkeys(DRUGS, "related")
EVERY = rules_with("authorities: [EU-CTR]", "authorities: [EU-CTR, FDA-312.32]")


def test_a_report_tells_everything_in_order() -> None:
    story = Story("2026-03-01 12:00", seriousness=["disability", "death"], outcome="fatal", grade=5)
    reported, submitted, started, stopped, expedited = story.events
    assert reported == AdverseEventReported(
        case=CASE,
        subject=SUBJECT,
        site="IT001",
        version=1,
        grade=5,
        severity=None,
        serious=True,
        seriousness=("death", "disability"),
        susar=True,
        outcome="fatal",
        matched=True,
    )
    assert isinstance(submitted, AdverseEventSubmitted) and submitted.form["term"] == "X"
    assert isinstance(started, ReportingClockStarted)
    assert (started.kind, started.authority) == ("site_to_sponsor", None)
    assert isinstance(stopped, ReportingClockStopped)
    assert (stopped.clock, stopped.state) == (started.clock, "met")
    assert stopped.stopped_at == at("2026-03-01 12:00")
    assert isinstance(expedited, ReportingClockStarted)
    assert (expedited.kind, expedited.authority) == ("expedited_7", "EU-CTR")
    assert expedited.due == at("2026-03-09 00:00")
    assert len({started.clock, expedited.clock}) == 2


def test_what_is_not_serious_starts_nothing() -> None:
    story = Story("2026-03-01 12:00", seriousness=[])
    assert names(story.events) == ["AdverseEventReported", "AdverseEventSubmitted"]
    assert (story.case.clocks, story.next_at()) == ((), None)


def test_any_other_susar_has_15_days_and_what_is_none_has_no_clock() -> None:
    story = Story("2026-03-01 12:00")
    assert story.clocks("2026-03-02 00:00") == [("expedited_15", "03-01", "03-16", "running")]
    story = Story("2026-03-01 12:00", causality=NOT_RELATED)
    assert story.clocks("2026-03-02 00:00") == []
    assert story.case.serious and not story.susar()


@pytest.mark.parametrize("criterion", ["death", "life_threatening"])
def test_a_report_sent_in_time_meets_the_clock(criterion: str) -> None:
    story = Story("2026-03-01 12:00", seriousness=[criterion])
    told = story.send("2026-03-08 23:00", "expedited_7")
    assert "ReportingClockStopped" in names(told)
    assert story.clocks("2026-05-01 00:00") == [
        ("expedited_7", "03-01", "03-08", "met"),
        ("follow_up_8", "03-08", "03-16", "overdue"),
    ]


def test_a_report_sent_too_late_is_late() -> None:
    story = Story("2026-03-01 12:00")
    story.send("2026-03-17 00:01", "expedited_15")
    assert story.clocks("2026-03-18 00:00") == [("expedited_15", "03-01", "03-16", "late")]
    # Sent in time, recorded too late.
    story = Story("2026-03-01 12:00")
    story.send("2026-03-18 00:00", "expedited_15", sent="2026-03-16 23:59")
    assert story.clocks("2026-03-18 00:00") == [("expedited_15", "03-01", "03-16", "met")]
    assert "ReportingClockOverdue" in names(story.events)


def test_a_follow_up_report_stops_what_waits_for_one() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    story.send("2026-03-02 10:00", "expedited_7")
    story.send("2026-03-03 10:00", "expedited_7")
    assert story.clocks("2026-03-04 00:00")[1] == ("follow_up_8", "03-02", "03-10", "running")
    story.send("2026-03-05 10:00", "follow_up_8")
    assert story.clocks("2026-06-01 00:00") == [
        ("expedited_7", "03-01", "03-08", "met"),
        ("follow_up_8", "03-02", "03-10", "met"),
    ]


def test_a_follow_up_report_is_not_the_report() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    assert names(story.send("2026-03-02 10:00", "follow_up_8")) == ["ReportSubmitted"]
    assert story.clocks("2026-03-04 00:00") == [("expedited_7", "03-01", "03-08", "running")]


def test_each_authority_has_clocks_of_its_own() -> None:
    story = Story("2026-03-01 12:00", EVERY, seriousness=FATAL)
    assert len(story.clocks("2026-03-02 00:00")) == 2
    story.send("2026-03-02 10:00", "expedited_7", "FDA-312.32")
    states = {
        (clock.duty.kind, clock.duty.authority): clock.state(at("2026-03-03 00:00"))
        for clock in story.case.clocks
    }
    assert states == {
        ("site_to_sponsor", None): "met",
        ("expedited_7", "EU-CTR"): "running",
        ("expedited_7", "FDA-312.32"): "met",
    }


def test_a_missed_last_day_starts_the_follow_up_too() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    told = story.wait("2026-03-09 00:00")
    assert names(told) == [
        "ReportingClockWarnedhalf",
        "ReportingClockWarnedtenth",
        "ReportingClockOverdue",
        "ReportingClockStarted",
    ]
    story.send("2026-03-12 00:00", "expedited_7")
    assert story.clocks("2026-03-12 01:00") == [
        ("expedited_7", "03-01", "03-08", "late"),
        ("follow_up_8", "03-08", "03-16", "running"),
    ]


def test_a_report_recorded_after_the_last_day_brings_its_own_follow_up() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    story.wait("2026-03-10 00:00")
    story.send("2026-03-10 01:00", "expedited_7", sent="2026-03-05 08:00")
    assert story.clocks("2026-03-10 01:00") == [
        ("expedited_7", "03-01", "03-08", "met"),
        ("follow_up_8", "03-08", "03-16", "running"),
        ("follow_up_8", "03-05", "03-13", "running"),
    ]


def test_a_case_that_turns_fatal_has_7_days_from_then_and_keeps_the_old_clock() -> None:
    story = Story("2026-03-01 12:00")
    story.follow_up("2026-03-06 12:00", seriousness=FATAL)
    assert story.clocks("2026-03-07 00:00") == [
        ("expedited_15", "03-01", "03-16", "running"),
        ("expedited_7", "03-06", "03-13", "running"),
    ]
    # One report stops both.
    story.send("2026-03-07 12:00", "expedited_7")
    assert [state for *_, state in story.clocks("2026-03-08 00:00")] == ["met", "met", "running"]


def test_what_was_sent_before_the_news_does_not_stop_its_clock() -> None:
    story = Story("2026-03-01 12:00")
    story.send("2026-03-03 12:00", "expedited_15")
    story.follow_up("2026-03-06 12:00", seriousness=["life_threatening"])
    story.send("2026-03-07 12:00", "expedited_15", sent="2026-03-06 11:59")
    assert story.clocks("2026-03-08 00:00") == [
        ("expedited_15", "03-01", "03-16", "met"),
        ("expedited_7", "03-06", "03-13", "running"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"seriousness": ["hospitalisation", "disability"]},
        {"grade": 4},
        {"outcome": "recovered"},
        {"term": "Y"},
        {"causality": RELATED},
        {"action_taken": {"nivolumab": "withdrawn"}},
        {"onset_date": "2026-02"},
    ],
)
def test_significant_news_after_a_report_has_15_days_of_its_own(change: Any) -> None:
    story = Story("2026-03-01 12:00")
    story.send("2026-03-03 12:00", "expedited_15")
    story.follow_up("2026-03-06 12:00", **change)
    assert story.clocks("2026-03-07 00:00") == [
        ("expedited_15", "03-01", "03-16", "met"),
        ("expedited_15", "03-06", "03-21", "running"),
    ]
    story.send("2026-03-08 12:00", "expedited_15")
    assert [state for *_, state in story.clocks("2026-03-09 00:00")] == ["met", "met"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"seriousness": ["hospitalisation", "hospitalisation"]},
        {"end_date": "2026-03-05"},
        {"site_aware_at": "2026-03-05T00:00:00Z"},
    ],
)
def test_other_news_starts_nothing(change: Any) -> None:
    story = Story("2026-03-01 12:00")
    story.send("2026-03-03 12:00", "expedited_15")
    assert names(story.follow_up("2026-03-06 12:00", **change)) == [
        "AdverseEventUpdated",
        "AdverseEventFollowedUp",
    ]
    assert len(story.clocks("2026-03-07 00:00")) == 1


def test_significant_news_before_the_report_is_part_of_it() -> None:
    story = Story("2026-03-01 12:00")
    story.follow_up("2026-03-02 12:00", grade=4)
    story.send("2026-03-03 12:00", "expedited_15")
    assert story.clocks("2026-03-07 00:00") == [("expedited_15", "03-01", "03-16", "met")]


def test_within_one_second_the_order_of_recording_decides() -> None:
    story = Story("2026-03-01 12:00:00.300")
    story.send("2026-03-01 12:00:00.500", "expedited_15", sent="2026-03-01 12:00:00")
    assert story.clocks("2026-03-02 00:00") == [("expedited_15", "03-01", "03-16", "met")]
    story.follow_up("2026-03-01 12:00:00.700", grade=4)
    assert story.clocks("2026-03-02 00:00")[1:] == [("expedited_15", "03-01", "03-16", "running")]


def test_a_judgement_that_lifts_a_case_counts_from_the_facts() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED)
    told = story.judge("2026-03-05 12:00", related=True)
    assert names(told) == ["AdverseEventUpdated", "ReportingClockStarted", "AdverseEventAssessed"]
    assert story.clocks("2026-03-06 00:00") == [("expedited_15", "03-01", "03-16", "running")]


def test_so_does_the_investigator_s() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED, seriousness=FATAL)
    story.follow_up("2026-03-04 12:00", causality=RELATED)
    assert story.clocks("2026-03-05 00:00") == [("expedited_7", "03-01", "03-08", "running")]


def test_a_judgement_counts_from_the_day_on_which_each_fact_came() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED, seriousness=[])
    story.follow_up("2026-03-03 12:00", seriousness=["disability"])
    story.follow_up("2026-03-05 12:00", seriousness=FATAL)
    story.judge("2026-03-07 12:00", related=True)
    assert story.clocks("2026-03-08 00:00") == [
        ("expedited_15", "03-03", "03-18", "running"),
        ("expedited_7", "03-05", "03-12", "running"),
    ]


def test_lifted_after_its_time_it_says_so_at_once() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED)
    assert names(story.judge("2026-04-01 12:00", related=True)) == [
        "AdverseEventUpdated",
        "ReportingClockStarted",
        "ReportingClockWarnedhalf",
        "ReportingClockWarnedtenth",
        "ReportingClockOverdue",
        "AdverseEventAssessed",
    ]


def test_what_was_sent_already_meets_the_clock_of_a_later_judgement() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED)
    story.send("2026-03-04 12:00", "expedited_15")
    assert story.clocks("2026-03-05 00:00") == []
    story.judge("2026-03-05 12:00", related=True)
    assert story.clocks("2026-03-06 00:00") == [("expedited_15", "03-01", "03-16", "met")]


def test_what_is_no_susar_any_more_has_its_open_clocks_cancelled_and_kept() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    story.send("2026-03-02 12:00", "expedited_7")
    told = story.judge("2026-03-03 12:00", expected=True)
    assert names(told) == ["AdverseEventUpdated", "ReportingClockCancelled", "AdverseEventAssessed"]
    assert story.clocks("2026-04-03 00:00") == [
        ("expedited_7", "03-01", "03-08", "met"),
        ("follow_up_8", "03-02", "03-10", "cancelled"),
    ]
    assert story.case.clocks[-1].answer(at("2026-04-03 00:00"))["reason"] == "not_susar"
    assert (story.susar(), story.next_at()) == (False, None)
    assert story.wait("2026-05-01 00:00") == []


def test_facts_can_do_that_too() -> None:
    story = Story("2026-03-01 12:00")
    story.follow_up("2026-03-03 12:00", seriousness=[])
    assert story.clocks("2026-03-04 00:00") == [("expedited_15", "03-01", "03-16", "cancelled")]
    # Serious again: news of its own day.
    story.follow_up("2026-03-05 12:00", seriousness=["disability"])
    assert story.clocks("2026-03-06 00:00")[1:] == [("expedited_15", "03-05", "03-20", "running")]


def test_a_susar_again_has_the_cancelled_clocks_again() -> None:
    story = Story("2026-03-01 12:00", seriousness=FATAL)
    story.send("2026-03-02 12:00", "expedited_7")
    story.judge("2026-03-03 12:00", expected=True)
    told = story.judge("2026-03-04 12:00", expected=False)
    assert names(told) == ["AdverseEventUpdated", "ReportingClockStarted", "AdverseEventAssessed"]
    assert story.clocks("2026-03-05 00:00") == [
        ("expedited_7", "03-01", "03-08", "met"),
        ("follow_up_8", "03-02", "03-10", "cancelled"),
        ("follow_up_8", "03-02", "03-10", "running"),
    ]
    story = Story("2026-03-01 12:00")
    story.judge("2026-03-03 12:00", expected=True)
    story.judge("2026-03-20 12:00", expected=False)
    assert story.clocks("2026-03-20 12:00") == [
        ("expedited_15", "03-01", "03-16", "cancelled"),
        ("expedited_15", "03-01", "03-16", "overdue"),
    ]


def test_less_than_fatal_again_the_7_days_stay() -> None:
    story = Story("2026-03-01 12:00", seriousness=["life_threatening"])
    story.follow_up("2026-03-02 12:00", seriousness=["hospitalisation"])
    assert story.clocks("2026-03-03 00:00") == [("expedited_7", "03-01", "03-08", "running")]


def test_the_site_s_clock_is_of_the_first_serious_version() -> None:
    story = Story("2026-03-01 12:00", seriousness=[])
    story.follow_up(
        "2026-03-05 12:00", seriousness=["disability"], site_aware_at="2026-03-05T09:00:00Z"
    )
    clock = story.site_clock()
    assert (clock.version, clock.settled) == (2, "met")
    story.follow_up("2026-03-09 12:00", seriousness=FATAL)
    assert story.site_clock() == clock
    late = Story("2026-03-02 12:00", site_aware_at="2026-03-01T11:59:59Z")
    assert late.site_clock().settled == "late"


def test_on_paper_the_sponsor_knew_before_the_platform() -> None:
    paper = "2026-02-20T10:00:00Z"
    story = Story("2026-03-01 12:00", site_aware_at=paper, sponsor_aware_at=paper)
    assert story.clocks("2026-03-01 12:00") == [("expedited_15", "02-20", "03-07", "running")]
    assert story.case.aware_at == at("2026-02-20 10:00")
    assert "ReportingClockWarnedhalf" in names(story.events)
    # The follow-up is not on paper.
    story.follow_up("2026-03-02 12:00", seriousness=FATAL)
    assert story.clocks("2026-03-02 12:00")[1] == ("expedited_7", "03-02", "03-09", "running")


def test_a_report_of_an_unknown_subject_is_told_of_after_24_hours_once() -> None:
    story = Story("2026-03-01 12:00", matched=False, seriousness=[])
    assert not story.case.matched
    assert story.next_at() == at("2026-03-02 12:00")
    assert story.wait("2026-03-02 11:59") == []
    assert names(story.wait("2026-03-02 12:00")) == ["ReportUnmatched"]
    assert story.wait("2026-04-02 12:00") == []
    assert story.next_at() is None
    [told] = story.learn("2026-04-03 00:00", None, None)
    assert isinstance(told, AdverseEventUpdated)
    assert (told.because, told.matched) == ("subject", True)


def test_matched_in_time_nobody_is_told() -> None:
    story = Story("2026-03-01 12:00", matched=False)
    story.learn("2026-03-02 11:59", None, None)
    assert "ReportUnmatched" not in names(story.wait("2026-04-01 00:00"))
    assert story.learn("2026-04-02 00:00", None, None) == []


def test_while_the_treatment_is_not_known_everything_it_could_bring_counts() -> None:
    story = Story("2026-03-01 12:00", matched=False, causality=NOT_RELATED)
    assert len(story.components()) == 8
    assert story.susar()  # nobody has judged the others
    told = story.learn("2026-03-02 12:00", None, "cabozantinib_nivolumab")
    assert names(told) == ["ReportUnmatched", "AdverseEventUpdated"]
    assert story.components() == ("surgery", "radiotherapy", *DRUGS)
    told = story.learn("2026-03-03 12:00", "SOC", "cabozantinib_nivolumab")
    assert names(told) == ["AdverseEventUpdated", "ReportingClockCancelled"]
    assert not story.susar()


def test_a_judgement_that_the_arm_excludes_is_kept_flagged_and_not_counted() -> None:
    judged = {"surgery": "related", **NOT_RELATED}
    story = Story("2026-03-01 12:00", matched=False, causality=judged)
    story.learn("2026-03-01 13:00", "DCN", "cabozantinib_nivolumab")
    assert (story.case.set_aside, story.susar()) == ((), True)
    story = Story("2026-03-01 12:00", matched=False, causality=judged)
    story.judge("2026-03-01 12:30", related=False, expected=False)
    story.learn("2026-03-01 13:00", "SOC", "cabozantinib_nivolumab")
    assert not story.susar()
    assert set(story.case.set_aside) == {
        "surgery",
        "radiotherapy",
        "axitinib",
        "pembrolizumab",
        "lenvatinib",
        "ipilimumab",
    }
    assert story.case.newest.report.causality["surgery"] == "related"
    assert "surgery" not in " ".join(story.case.classification.why)


def test_another_regimen_can_make_it_a_susar_from_the_day_of_the_facts() -> None:
    story = Story("2026-03-01 12:00", causality=NOT_RELATED)
    assert story.clocks("2026-03-02 00:00") == []
    story.learn("2026-03-05 12:00", "SOC", "axitinib_pembrolizumab")
    assert story.clocks("2026-03-06 00:00") == [("expedited_15", "03-01", "03-16", "running")]


def test_nothing_is_overwritten() -> None:
    story = Story("2026-03-01 12:00", grade=2)
    [updated, followed] = story.follow_up("2026-03-02 12:00", grade=3, outcome="recovered")
    assert isinstance(updated, AdverseEventUpdated)
    assert (updated.because, updated.version, updated.grade) == ("follow_up", 2, 3)
    assert isinstance(followed, AdverseEventFollowedUp)
    assert [(one.field, one.old, one.new) for one in followed.changes] == [
        ("grade", 2, 3),
        ("outcome", None, "recovered"),
    ]
    assert [version.report.grade for version in story.case.versions] == [2, 3]


def test_a_judgement_that_changes_nothing_is_kept_without_an_update() -> None:
    story = Story("2026-03-01 12:00")
    [told] = story.judge("2026-03-02 12:00", related=True)
    assert isinstance(told, AdverseEventAssessed)
    assert (told.reason, told.causality) == ("because", RELATED)


def test_the_pilot_s_rules() -> None:
    story = Story("2026-03-01 12:00", PILOT, seriousness=FATAL, causality={"patch": "related"})
    assert story.clocks("2026-03-02 00:00") == [("expedited_7", "03-01", "03-08", "running")]
    story.judge("2026-03-02 12:00", related=False)
    assert story.clocks("2026-03-03 00:00") == [("expedited_7", "03-01", "03-08", "cancelled")]


def _refused(raw: object) -> list[tuple[str | int, ...]]:
    now, aware = at("2026-03-10 00:00"), at("2026-03-01 12:00:00.700")
    try:
        read_submission(NCT, raw, now, aware)
    except FormErrors as error:
        return [loc for loc, _ in error.errors]
    return []


def test_a_submission_is_read_strictly() -> None:
    good = {"authority": "EU-CTR", "kind": "expedited_7", "submitted_at": "2026-03-01T12:00:00Z"}
    assert _refused(good) == []
    assert _refused({**good, "submitted_at": "2026-03-10T00:00:00Z"}) == []
    assert _refused({**good, "submitted_at": "2026-03-10T00:00:01Z"}) == [("submitted_at",)]
    assert _refused({**good, "submitted_at": "2026-03-01T11:59:59Z"}) == [("submitted_at",)]
    for name, bad in (
        ("authority", "UK"),
        ("authority", 1),
        ("kind", "site_to_sponsor"),
        ("kind", "expedited_8"),
        ("submitted_at", "2026-03-05"),
        ("submitted_at", 5),
    ):
        assert _refused({**good, name: bad}) == [(name,)]
    for name in good:
        assert _refused({**good, name: None}) == [(name,)]
        assert _refused({key: value for key, value in good.items() if key != name}) == [(name,)]
    assert _refused({**good, "note": None}) == [("note",)]
    assert _refused(None) == _refused([]) == _refused("x") == [()]

"""The screening log: one box of CONSORT's flow for every subject, and what each criterion costs."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.report import ENDINGS, Cost, Named, Report, Standing
from services.screening.report_table import HEADER, table

CRITERIA = (Named("I1", "inclusion", "Adult."), Named("E1", "exclusion", 'Says "a",\nb'))


def stands(**others: Any) -> Standing:
    return Standing(**({"site": "T1", "verdict": "eligible"} | others))


@pytest.mark.parametrize(
    ("standing", "ending"),
    [
        (stands(), "in_screening"),
        (stands(signed=True), "in_screening"),
        (stands(verdict="incomplete"), "in_screening"),
        (stands(verdict="ineligible"), "not_meeting_criteria"),
        (
            stands(verdict="ineligible", failed=True, failure="withdrawal_by_subject"),
            "not_meeting_criteria",
        ),
        (stands(failed=True), "other"),
        (stands(failed=True, failure="death"), "other"),
        (stands(verdict="incomplete", failed=True, failure="withdrawal_by_subject"), "declined"),
        (stands(refused=True), "other"),
        (stands(refused=True, refusal="cap_reached"), "other"),
        (stands(refused=True, refusal="consent_withdrawn"), "declined"),
        (stands(failed=True, refused=True, refusal="consent_withdrawn"), "declined"),
        # a failure that crossed the draw, a correction after it: the allocation stays
        (stands(randomized=True, failed=True, failure="death"), "randomized"),
        (stands(randomized=True, verdict="ineligible"), "randomized"),
    ],
)
def test_each_standing_has_one_box(standing: Standing, ending: str) -> None:
    assert standing.ending == ending


standings = st.lists(
    st.builds(
        Standing,
        site=st.sampled_from(["T1", "T2", "T3"]),
        verdict=st.sampled_from(["eligible", "ineligible", "incomplete"]),
        signed=st.booleans(),
        failed=st.booleans(),
        failure=st.sampled_from([None, "withdrawal_by_subject", "other"]),
        refused=st.booleans(),
        refusal=st.sampled_from([None, "consent_withdrawn", "site_closed"]),
        randomized=st.booleans(),
        subjects=st.integers(1, 50),
        attempts=st.integers(1, 90),
    )
)


@given(standings)
def test_nobody_is_lost_and_nobody_counted_twice(found: list[Standing]) -> None:
    report = Report(found, [], CRITERIA, ["T1", "T2"])
    every = [report.total(), *(report.of(site) for site in report.every_site)]
    for counts in every:
        flow, verdicts = counts["consort"], counts["verdicts"]
        assert isinstance(flow, dict)
        assert isinstance(verdicts, dict)
        assert sum(flow[ending] for ending in ENDINGS) == flow["assessed"] == counts["assessed"]
        out = flow["not_meeting_criteria"] + flow["declined"] + flow["other"]
        assert flow["excluded"] == out
        assert sum(verdicts.values()) == counts["assessed"]
    assert report.total()["assessed"] == sum(one.subjects for one in found)
    assert report.total()["assessed"] == sum(int(str(one["assessed"])) for one in every[1:])


def test_the_dearest_criterion_is_the_one_that_alone_kept_most_out() -> None:
    costs = [
        Cost("T1", "I1", unmet=9, unknown=0, only=1),
        Cost("T2", "E1", unmet=2, unknown=0, only=2),
        Cost("T1", "X9", unmet=9, unknown=1, only=1),  # of a version before
    ]
    report = Report([], costs, CRITERIA, ["T1", "T2"])

    def order(counts: dict[str, Any]) -> list[str]:
        return [cost["id"] for cost in counts["criteria"]]

    assert order(report.total()) == ["E1", "X9", "I1"]
    assert order(report.of("T1")) == ["X9", "I1", "E1"]
    assert order(report.of("T3")) == ["I1", "E1", "X9"]
    assert report.every_criterion[-1] == Named("X9", None, None)


def test_a_site_that_the_protocol_has_no_more_is_shown_after_the_others() -> None:
    report = Report([stands(site="T0")], [], CRITERIA, ["T1", "T2"])
    assert report.every_site == ["T1", "T2", "T0"]


def test_the_table_is_read_back_as_it_was_whatever_a_text_holds() -> None:
    report = Report([stands(verdict="ineligible")], [Cost("T1", "E1", 1, 0, 1)], CRITERIA, ["T1"])
    lines = list(csv.reader(io.StringIO(table("TSCREEN", report), newline="")))
    assert tuple(lines[0]) == HEADER
    assert {len(line) for line in lines} == {len(HEADER)}
    assert ["TSCREEN", "all", "only", "E1", "1", 'Says "a",\nb'] in lines
    assert ["TSCREEN", "T1", "consort", "not_meeting_criteria", "1", ""] in lines

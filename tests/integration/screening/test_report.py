"""The screening log in numbers, on a real database."""

import csv
import io

import pytest

from tests.integration.screening.made import Json, Screening, randomized, refused

REPORT = "screening-report"


async def report(service: Screening, role: str = "trial_manager", **claims: object) -> Json:
    answer = await service.ask("GET", REPORT, role=role, **claims)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def people(service: Screening) -> None:
    """Nine subjects of T1 and one of T2, each another story."""
    await service.submit("T1-001", age=17)  # for I1 alone
    await service.submit("T1-002", age=17, pregnant=None)  # for I1, and E1 open
    await service.submit("T1-003", age=17, consent_signed=False)  # for two
    again = await service.submit("T1-004", pregnant=None)
    assert again["verdict"] == "incomplete"
    drawn = await service.submit("T1-004")  # the second attempt counts
    assert (await service.sign(drawn)).status_code == 200
    await service.hears(randomized("T1-004"))
    declined = await service.submit("T1-005")
    assert (await service.fail(declined, code="withdrawal_by_subject")).status_code == 200
    uncoded = await service.submit("T1-006")
    assert (await service.fail(uncoded)).status_code == 200
    took_back = await service.submit("T1-007")
    closed = await service.submit("T1-008")
    await service.hears(refused(took_back, "consent_withdrawn"), refused(closed))
    await service.submit("T1-009", pregnant=None)
    later = await service.submit("T2-001")
    assert (await service.sign(later)).status_code == 200
    await service.hears(randomized("T2-001", 2))
    assert (await service.correct(later, age=17)).status_code == 200  # the allocation stays


async def test_every_subject_counts_once_by_the_newest_revision_of_the_newest_attempt(
    service: Screening,
) -> None:
    await people(service)
    told = await report(service)
    total = told["total"]
    assert total["consort"] == {
        "assessed": 10,
        "excluded": 7,
        "not_meeting_criteria": 3,
        "declined": 2,
        "other": 2,
        "in_screening": 1,
        "randomized": 2,
    }
    assert (total["assessed"], total["attempts"], total["signed"]) == (10, 11, 1)
    assert total["verdicts"] == {"eligible": 5, "ineligible": 4, "incomplete": 1}
    assert (total["failed"], total["failures"]) == (2, {"not_coded": 1, "withdrawal_by_subject": 1})
    assert (total["refused"], total["refusals"]) == (2, {"consent_withdrawn": 1, "site_closed": 1})
    assert [one["site"] for one in told["sites"]] == ["T1", "T2"]
    first, second = told["sites"]
    assert first["consort"]["assessed"] + second["consort"]["assessed"] == 10
    assert second["consort"]["randomized"] == 1


async def test_the_criterion_that_costs_most_subjects_comes_first(service: Screening) -> None:
    await people(service)
    told = await report(service)
    assert told["total"]["criteria"] == [
        {"id": "I1", "unmet": 3, "unknown": 0, "only": 2},  # not of T2-001, who is randomized
        {"id": "I2", "unmet": 1, "unknown": 0, "only": 0},
        {"id": "E1", "unmet": 0, "unknown": 2, "only": 0},
    ]
    assert told["criteria"][1] == {
        "id": "I2",
        "category": "inclusion",
        "text": "Consents, in writing.",
    }


async def test_a_correction_moves_the_subject_to_another_box(service: Screening) -> None:
    one = await service.submit("T1-001", age=17)
    assert (await report(service))["total"]["consort"]["not_meeting_criteria"] == 1
    assert (await service.correct(one, age=18)).status_code == 200
    total = (await report(service))["total"]
    assert total["consort"]["in_screening"] == 1
    assert [cost["unmet"] for cost in total["criteria"]] == [0, 0, 0]
    assert [cost["id"] for cost in total["criteria"]] == ["I1", "I2", "E1"]


async def test_a_person_sees_the_numbers_of_their_own_sites_alone(service: Screening) -> None:
    await people(service)
    own = await report(service, "site", sites=["T2"])
    assert [one["site"] for one in own["sites"]] == ["T2"]
    assert own["total"]["assessed"] == 1
    one = await service.ask("GET", f"{REPORT}?site=T2", role="site", sites=["T2"])
    assert one.json() == own
    for site, status in (("T1", 404), ("T9", 404), ("t", 422)):
        answer = await service.ask("GET", f"{REPORT}?site={site}", role="site", sites=["T2"])
        assert answer.status_code == status
    mine = await service.ask("GET", f"{REPORT}?site=T1", role="trial_manager")
    assert mine.json()["total"]["assessed"] == 9
    for role in ("safety_officer", "auditor", "service"):
        assert (await service.ask("GET", REPORT, role=role)).status_code == 403


async def test_no_subject_and_no_free_text_is_in_it(service: Screening) -> None:
    await people(service)
    for form in ("json", "csv"):
        answer = await service.ask("GET", f"{REPORT}?format={form}")
        assert "T1-0" not in answer.text
        assert "private words" not in answer.text


@pytest.mark.parametrize(
    ("query", "accept", "type"),
    [
        ("", "text/csv", "text/csv"),
        ("", "TEXT/CSV; q=1, application/json", "text/csv"),
        ("", "application/json, text/csv", "application/json"),
        ("", "text/csv;q=0", "application/json"),
        ("", "text/csv; q=0.000, application/json", "application/json"),
        ("", "application/json;q=0, text/csv", "text/csv"),
        ("", "text/csv;q=0.001", "text/csv"),
        ("", "*/*", "application/json"),
        ("?format=csv", "application/json", "text/csv"),
        ("?format=json", "text/csv", "application/json"),
    ],
)
async def test_csv_is_asked_for_by_the_query_or_by_accept(
    service: Screening, query: str, accept: str, type: str
) -> None:
    answer = await service.ask("GET", REPORT + query, headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == type
    assert answer.headers["vary"] == "accept"


async def test_the_lines_of_the_csv_are_the_numbers(service: Screening) -> None:
    await people(service)
    told = await report(service)
    answer = await service.ask("GET", f"{REPORT}?format=csv", role="statistician")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    by = {(one["site"], one["measure"], one["of"]): int(one["count"]) for one in lines}
    assert len(by) == len(lines)
    for site, counts in [("all", told["total"]), *((one["site"], one) for one in told["sites"])]:
        for box, number in counts["consort"].items():
            assert by[site, "consort", box] == number
        for cost in counts["criteria"]:
            for measure in ("unmet", "unknown", "only"):
                assert by[site, measure, cost["id"]] == cost[measure]
        assert by[site, "attempts", ""] == counts["attempts"]
        assert by[site, "verdict", "ineligible"] == counts["verdicts"]["ineligible"]
    assert {one["text"] for one in lines if one["of"] == "I2"} == {"Consents, in writing."}
    assert {one["trial"] for one in lines} == {"TSCREEN"}


async def test_nobody_yet_is_a_report_of_zeros(service: Screening) -> None:
    told = await report(service)
    assert set(told["total"]["consort"].values()) == {0}
    assert [one["site"] for one in told["sites"]] == ["T1", "T2"]

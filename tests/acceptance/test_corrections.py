"""A screening's life: corrected, failed, attempted again; before, in waiting and after the draw."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.acceptance import topics
from tests.acceptance.forms import tiny as tiny_form
from tests.acceptance.people import kind
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.waiting import until_true

Tiny = Callable[[str], Story]
TO_GT4 = {"primary_tumour_size": {"value": 4.1, "unit": "cm"}}
OLD_SIZE = {"value": 4.0, "unit": "cm"}


def test_a_correction_before_the_signature_moves_the_subject_to_its_stratum(nct: Story) -> None:
    subject = nct.new_subject()
    screening = nct.submit(subject)
    corrected = nct.correct(screening, **TO_GT4)
    assert (corrected["id"], corrected["attempt"]) == (screening["id"], 1)
    assert (corrected["revision"], corrected["signed"]) == (2, False)
    assert (corrected["verdict"], corrected["stratum"]) == ("eligible", "gt4")
    nct.sign(corrected)
    allocation = nct.drawn(subject)
    assert allocation["stratum"] == "gt4"
    assert allocation["arm"] in ("DCN", "SOC")  # no radiotherapy over 4 cm


def test_a_correction_is_answered_and_shown_as_a_submission_is(nct: Story) -> None:
    screening = nct.submit(nct.new_subject())
    corrected = nct.correct(screening, age=17)
    assert corrected.keys() == screening.keys()
    assert corrected["verdict"] == "ineligible"
    assert nct.screening(screening) == corrected


def test_a_correction_is_on_record_with_old_and_new_value_and_reason(nct: Story) -> None:
    subject = nct.new_subject()
    nct.correct(nct.submit(subject), ecog=None, **TO_GT4)
    [entry] = nct.logged("ScreeningCorrected", subject=subject)
    assert entry["topic"] == "trialops.screening.record"
    assert entry["actor"] == "site-person"
    assert entry["data"]["reason"] == "read again"
    changes = {
        change["field"]: (change["old"], change["new"]) for change in entry["data"]["changes"]
    }
    assert changes["ecog"] == (1, None)
    old, new = changes["primary_tumour_size"]
    assert (old["value"], new["value"]) == ("4.0", "4.1")  # decimals as strings


def test_unknown_is_incomplete_and_known_again_is_eligible(nct: Story) -> None:
    screening = nct.submit(nct.new_subject())
    unknown = nct.correct(screening, ecog=None)
    assert (unknown["verdict"], unknown["revision"]) == ("incomplete", 2)
    assert any("ecog" in one["missing"] for one in unknown["criteria"])
    known = nct.correct(screening, ecog=0)
    assert (known["verdict"], known["revision"]) == ("eligible", 3)


def test_a_correction_that_breaks_the_form_changes_nothing(nct: Story) -> None:
    screening = nct.submit(nct.new_subject())
    body = {"changes": {"age": "old", "no_such_field": 1}, "reason": "typo"}
    answer = nct.act(screening, "corrections", body)
    assert answer.status_code == 422
    assert {tuple(error["loc"]) for error in answer.json()["errors"]} == {
        ("age",),
        ("no_such_field",),
    }
    assert nct.screening(screening) == screening


def test_who_waits_keeps_the_place_once_signed_again(tiny: Tiny) -> None:
    story = tiny("TPLACE")  # listed, signed; its list is not there yet
    first, second, third = (story.new_subject() for _ in range(3))
    signed: list[Json] = []
    for waiting, subject in enumerate((first, second, third), 1):
        signed.append(story.sign(story.submit(subject)))
        story.until_enrolment(waiting=waiting)
    story.correct(signed[0], age=41)
    story.correct(signed[1], age=17)  # no longer eligible
    story.until_enrolment(waiting=1)
    story.sign(story.screening(signed[0]))
    story.until_enrolment(waiting=2)
    assert story.allocation(first) is None

    rows = "stratum,arm\n" + "young,ARM_MAPLE\nyoung,ARM_LARCH\n"
    assert story.load_list(rows).status_code == 200
    assert (story.drawn(first)["number"], story.drawn(third)["number"]) == (1, 2)
    assert story.allocation(second) is None
    assert story.drawn(first)["arm"] == "ARM_MAPLE"


def test_who_waits_without_a_list_goes_by_the_newest_revision(tiny: Tiny) -> None:
    story = tiny("TEMPTY")
    subject = story.new_subject()
    screening = story.submit(subject)
    story.logged("RandomizationWaiting", subject=subject)
    before = story.enrolment()["strata"]
    story.correct(screening, age=70)
    until_true(
        lambda: story.enrolment()["strata"]["old"]["waiting"] == before["old"]["waiting"] + 1,
        PATIENCE_S,
    )
    assert story.enrolment()["strata"]["young"]["waiting"] == before["young"]["waiting"] - 1
    assert story.allocation(subject) is None


def test_a_correction_after_the_draw_keeps_the_allocation_and_tells_the_deviation(
    nct: Story,
) -> None:
    subject = nct.new_subject()
    screening = nct.sign(nct.submit(subject))
    allocation = nct.drawn(subject)
    corrected = nct.correct(screening, **TO_GT4)
    assert corrected["stratum"] == "gt4"
    [deviation] = nct.logged("EligibilityDeviation", subject=subject)
    assert deviation["data"] == {
        "subject": subject,
        "site": "IT001",
        "number": allocation["number"],
        "verdict": "eligible",
        "stratum_at_draw": "le4",
        "stratum": "gt4",
        "unmet": [],
        "unknown": [],
    }
    nct.correct(screening, age=17)
    [_, ineligible] = nct.logged("EligibilityDeviation", 2, subject=subject)
    assert ineligible["data"]["verdict"] == "ineligible"
    assert ineligible["data"]["unmet"]
    assert nct.allocation(subject) == allocation


def test_a_correction_after_the_draw_that_changes_no_decision_tells_nothing(
    platform: Platform, nct: Story
) -> None:
    subject = nct.new_subject()
    screening = nct.sign(nct.submit(subject))
    nct.drawn(subject)
    nct.correct(screening, age=62)
    nct.correct(screening, age=17)  # this one is told: so the first has been decided by then
    nct.logged("EligibilityDeviation", subject=subject)
    records = topics.read(platform.kafka, "trialops.randomization", f"{nct.trial}:{subject}")
    told = [record.type for record in records]
    assert told == ["trialops.PatientRandomized.v1", "trialops.EligibilityDeviation.v1"]


# attempts


def test_an_attempt_that_is_not_eligible_may_be_followed_by_another(nct: Story) -> None:
    subject = nct.new_subject()
    ineligible = nct.submit(subject, nct.form(age=17))
    incomplete = nct.submit(subject, nct.form(ecog=None))
    eligible = nct.submit(subject)
    attempts = [ineligible, incomplete, eligible]
    assert [one["attempt"] for one in attempts] == [1, 2, 3]
    assert [one["revision"] for one in attempts] == [1, 1, 1]
    assert [one["verdict"] for one in attempts] == ["ineligible", "incomplete", "eligible"]
    assert len({one["id"] for one in attempts}) == 3

    again = nct.submission(subject)
    assert again.status_code == 409
    for older in (ineligible, incomplete):
        assert nct.signature(older).status_code == 409
    nct.sign(eligible)
    nct.drawn(subject)
    until_true(lambda: kind(nct.submission(subject)) == "already-randomized", PATIENCE_S)


def test_only_an_eligible_unsigned_newest_attempt_is_signed(nct: Story) -> None:
    ineligible = nct.submit(nct.new_subject(), nct.form(age=17))
    assert nct.signature(ineligible).status_code == 409
    eligible = nct.submit(nct.new_subject())
    nct.sign(eligible)
    assert nct.signature(eligible).status_code == 409


def test_a_screen_failure_ends_the_attempt_and_allows_another(
    platform: Platform, nct: Story
) -> None:
    subject = nct.new_subject()
    screening = nct.submit(subject)
    answer = nct.act(screening, "failure", {"reason": "withdrew"})
    assert answer.status_code == 200
    assert answer.json().keys() == screening.keys()
    assert nct.signature(screening).status_code == 409
    assert nct.act(screening, "failure", {"reason": "withdrew"}).status_code == 409

    key = f"{nct.trial}:{subject}"
    [failed] = nct.logged("ScreeningFailed", subject=subject)
    assert failed["topic"] == "trialops.screening"
    [declared] = nct.logged("ScreeningFailureDeclared", subject=subject)
    assert declared["data"]["reason"] == "withdrew"
    for record in topics.read(platform.kafka, "trialops.screening", key):
        assert b"withdrew" not in (record.value or b"")  # free text stays in its service

    second = nct.submit(subject)
    assert second["attempt"] == 2
    nct.sign(second)
    until_true(lambda: kind(nct.submission(subject)) == "already-randomized", PATIENCE_S)
    assert nct.act(second, "failure", {"reason": "late"}).status_code == 409


def test_two_people_submit_the_same_subject_at_once(platform: Platform, nct: Story) -> None:
    for _ in range(5):
        subject = nct.new_subject()
        body = {"subject": subject, "form": nct.form()}
        people = [platform.person("site", name) for name in ("anna", "bruno")]
        with ThreadPoolExecutor(len(people)) as pool:
            answers = list(
                pool.map(
                    lambda who, body=body: who.post("screening", nct.path("screenings"), body),
                    people,
                )
            )
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        [kept] = [answer.json() for answer in answers if answer.status_code == 201]
        found = nct.site.pages("screening", nct.path("screenings"))
        assert [one["id"] for one in found if one["subject"] == subject] == [kept["id"]]


def test_a_check_decides_as_a_submission_does_and_keeps_nothing(nct: Story) -> None:
    subject = nct.new_subject()
    body = {"subject": subject, "form": nct.form(**TO_GT4)}
    checked = nct.site.post("screening", nct.path("screenings/check"), body)
    again = nct.site.post("screening", nct.path("screenings/check"), body)
    assert (checked.status_code, again.status_code) == (200, 200)  # never a 409
    assert checked.json()["id"] is None
    kept = nct.submit(subject, nct.form(**TO_GT4))
    decided = ("verdict", "stratum", "criteria", "signed")
    assert {name: checked.json()[name] for name in decided} == {
        name: kept[name] for name in decided
    }
    assert kept["attempt"] == 1
    assert nct.site.post("screening", nct.path("screenings/check"), body).status_code == 200


def test_numbers_stand_in_evidence_as_they_were_written(tiny: Tiny) -> None:
    story = tiny("TWAY")
    subject = story.new_subject()
    text = json.dumps({"subject": subject, "form": tiny_form()})
    text = text.replace('"age": 40', '"age": 40, "weight": {"value": 70.50, "unit": "kg"}')
    answer = story.site.ask("POST", "screening", story.path("screenings"), content=text.encode())
    assert answer.status_code == 201
    [submitted] = story.logged("ScreeningSubmitted", subject=subject)
    assert submitted["data"]["form"]["weight"] == {"value": "70.50", "unit": "kg"}

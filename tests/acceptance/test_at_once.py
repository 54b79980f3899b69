"""What crosses the draw: a correction, a withdrawal, a screen failure, all sent at one moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import httpx

from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.waiting import until_true

SUBJECTS = 6
TO_GT4 = {"primary_tumour_size": {"value": 4.1, "unit": "cm"}}


def together(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """What each was answered, sent at once."""
    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result() for one in [pool.submit(act) for act in acts]]


def ends(story: Story, subject: str) -> list[str]:
    """How often it was drawn or refused."""
    ending = ("trialops.PatientRandomized.v1", "trialops.RandomizationRefused.v1")
    return [one["type"] for one in story.entries(subject=subject) if one["type"] in ending]


def has_ended(story: Story, subject: str) -> bool:
    """Whether it was drawn or refused."""
    return bool(ends(story, subject))


def test_a_correction_while_the_draw_is_under_way(nct: Story) -> None:
    correction = {"changes": TO_GT4, "reason": "read again"}
    for _ in range(SUBJECTS):
        screening = nct.submit(nct.new_subject())
        subject = screening["subject"]

        signed, corrected = together(
            partial(nct.signature, screening),
            partial(nct.act, screening, "corrections", correction),
        )
        assert (signed.status_code, corrected.status_code) == (200, 200)
        allocation = nct.drawn(subject)
        # Drawn by what was signed: the form before the correction, which is then a deviation, or
        # the corrected one.
        before = signed.json()["revision"] == 1
        assert allocation["stratum"] == ("le4" if before else "gt4")
        if before:
            [deviation] = nct.logged("EligibilityDeviation", subject=subject)
            assert deviation["data"]["stratum"] == "gt4"
        until_true(partial(has_ended, nct, subject), PATIENCE_S)
        assert ends(nct, subject) == ["trialops.PatientRandomized.v1"]
        assert nct.allocation(subject) == allocation


def test_a_signature_that_names_its_revision_is_never_for_another(nct: Story) -> None:
    screening = nct.submit(nct.new_subject())
    nct.correct(screening, **TO_GT4)
    path = nct.path(f"screenings/{screening['id']}/signature")
    body = {"meaning": "I have checked it", "revision": 1}
    stale = nct.investigator.post("screening", path, body)
    assert stale.status_code == 409
    assert nct.investigator.post("screening", path, body | {"revision": 2}).status_code == 200
    assert nct.drawn(screening["subject"])["stratum"] == "gt4"


def test_a_consent_taken_back_while_the_draw_is_under_way(nct: Story) -> None:
    for _ in range(SUBJECTS):
        screening = nct.submit(nct.new_subject())
        subject = screening["subject"]
        signed, withdrawn = together(
            partial(nct.signature, screening), partial(nct.withdraw, subject)
        )
        assert (signed.status_code, withdrawn.status_code) == (200, 200)
        nct.logged("SubjectWithdrawn", subject=subject)
        until_true(partial(has_ended, nct, subject), PATIENCE_S)
        [end] = ends(nct, subject)
        assert (nct.allocation(subject) is not None) == (end == "trialops.PatientRandomized.v1")


def test_a_screen_failure_while_the_draw_is_under_way(nct: Story) -> None:
    failure = {"reason": "private", "code": "physician_decision"}
    for _ in range(SUBJECTS):
        screening = nct.submit(nct.new_subject())
        subject = screening["subject"]
        signed, failed = together(
            partial(nct.signature, screening), partial(nct.act, screening, "failure", failure)
        )
        if signed.status_code == 409:  # ended before it was signed: nobody to draw
            assert failed.status_code == 200
            nct.logged("ScreeningFailed", subject=subject)
            assert ends(nct, subject) == []
        else:
            nct.drawn(subject)  # signed before it ended: the draw stands
            until_true(partial(has_ended, nct, subject), PATIENCE_S)
            assert ends(nct, subject) == ["trialops.PatientRandomized.v1"]


def test_the_screening_log_follows_a_subject_through_its_life(nct: Story) -> None:
    def boxes() -> Json:
        answer = nct.manager.get("screening", nct.path("screening-report"), site="IT001")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["total"]["consort"])

    def moved(before: Json, **changes: int) -> None:
        wanted = {name: number + changes.get(name, 0) for name, number in before.items()}
        until_true(lambda: boxes() == wanted, PATIENCE_S)

    before = boxes()
    ineligible = nct.submit(nct.new_subject(), nct.form(age=17))
    moved(before, assessed=1, excluded=1, not_meeting_criteria=1)
    signed = nct.sign(nct.submit(ineligible["subject"]))
    nct.drawn(signed["subject"])
    moved(before, assessed=1, randomized=1)
    other = nct.submit(nct.new_subject())
    moved(before, assessed=2, randomized=1, in_screening=1)
    assert nct.withdraw(other["subject"]).status_code == 200
    moved(before, assessed=2, randomized=1, excluded=1, declined=1)
    nct.correct(other, age=62)  # no value brings a consent back
    moved(before, assessed=2, randomized=1, excluded=1, declined=1)
    answer = nct.manager.get("screening", nct.path("screening-report"), format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    at = nct.manager.get("screening", nct.path("screening-report")).json()["at"]
    assert datetime.fromisoformat(at).tzinfo == UTC

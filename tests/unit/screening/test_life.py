"""The life of a screening, told as the contract tells it."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.screening import domain
from services.screening.domain import Conflict, Decision, Screening
from shared.contracts.subjects import TrialId
from tests.unit.screening.forms import SUBJECT, decide, good

TRIAL = TrialId("NCT06903312")
ELIGIBLE = decide(good())
INELIGIBLE = decide(good(age=17))
INCOMPLETE = decide(good(age=None))


def begun(
    decision: Decision = ELIGIBLE, newest: Screening | None = None, number: int = 1
) -> Screening:
    return domain.submit(newest, decision, UUID(int=number), TRIAL, SUBJECT)


def conflict(caught: pytest.ExceptionInfo[Conflict]) -> str:
    assert caught.value.detail
    return caught.value.type


def test_the_first_attempt() -> None:
    first = begun()
    assert (first.attempt, first.revision, first.verdict, first.stratum) == (
        1,
        1,
        "eligible",
        "le4",
    )
    assert not first.signed
    assert first.site == "IT001"


@pytest.mark.parametrize("decision", [INELIGIBLE, INCOMPLETE])
def test_again_where_the_last_one_is_not_eligible(decision: Decision) -> None:
    again = begun(ELIGIBLE, begun(decision), 2)
    assert (again.attempt, again.revision, again.id) == (2, 1, UUID(int=2))


def test_not_again_where_it_is() -> None:
    for newest in (begun(), domain.sign(begun(), begun())):
        with pytest.raises(Conflict) as caught:
            begun(ELIGIBLE, newest)
        assert conflict(caught) == "screening-open"


def test_again_after_failure_or_refusal() -> None:
    assert begun(ELIGIBLE, domain.fail(begun(), begun())).attempt == 2
    assert (
        begun(ELIGIBLE, domain.refuse(domain.sign(begun(), begun()), 1, 1, "site_closed")).attempt
        == 2
    )


def test_never_again_once_randomized() -> None:
    drawn = replace(domain.sign(begun(), begun()), randomized=True)
    for newest in (drawn, domain.correct(drawn, INELIGIBLE)):
        with pytest.raises(Conflict) as caught:
            begun(ELIGIBLE, newest)
        assert conflict(caught) == "already-randomized"


def test_a_signature_makes_no_revision_and_is_given_once() -> None:
    signed = domain.sign(begun(), begun())
    assert (signed.signed, signed.revision) == (True, 1)
    with pytest.raises(Conflict) as caught:
        domain.sign(signed, signed)
    assert conflict(caught) == "already-signed"


def test_nobody_signs_another_revision_than_was_seen() -> None:
    corrected = domain.correct(begun(), ELIGIBLE)
    assert domain.sign(corrected, corrected, 2).signed
    for seen in (1, 3):
        with pytest.raises(Conflict) as caught:
            domain.sign(corrected, corrected, seen)
        assert conflict(caught) == "not-newest-revision"


@pytest.mark.parametrize("decision", [INELIGIBLE, INCOMPLETE])
def test_only_the_eligible_are_signed(decision: Decision) -> None:
    with pytest.raises(Conflict) as caught:
        domain.sign(begun(decision), begun(decision))
    assert conflict(caught) == "not-eligible"


def test_only_the_newest_attempt_is_signed_or_failed() -> None:
    old = begun(INELIGIBLE)
    new = begun(ELIGIBLE, old, 2)
    for act in (domain.sign, domain.fail):
        with pytest.raises(Conflict) as caught:
            act(old, new)
        assert conflict(caught) == "not-newest-attempt"


def test_a_failed_screening_is_not_signed_and_not_failed_again() -> None:
    failed = domain.fail(begun(), begun(), "death")
    assert (failed.failed, failed.failure) == (True, "death")
    for act in (domain.sign, domain.fail):
        with pytest.raises(Conflict) as caught:
            act(failed, failed)
        assert conflict(caught) == "screening-failed"


def test_a_randomized_subject_is_no_screen_failure() -> None:
    drawn = replace(begun(), randomized=True)
    with pytest.raises(Conflict) as caught:
        domain.fail(drawn, drawn)
    assert conflict(caught) == "already-randomized"


def test_a_correction_is_always_taken_and_unsigned() -> None:
    for screening in (
        begun(),
        domain.sign(begun(), begun()),
        domain.fail(begun(), begun()),
        replace(domain.sign(begun(), begun()), randomized=True),
        domain.refuse(domain.sign(begun(), begun()), 1, 1, "site_closed"),
    ):
        corrected = domain.correct(screening, INELIGIBLE)
        assert (corrected.revision, corrected.attempt) == (2, 1)
        assert (corrected.verdict, corrected.signed) == ("ineligible", False)
        assert corrected.failed == screening.failed
        assert corrected.randomized == screening.randomized
        assert not corrected.refused


def test_a_refusal_of_an_older_revision_says_nothing_of_the_newest() -> None:
    corrected = domain.correct(domain.sign(begun(), begun()), ELIGIBLE)
    assert not domain.refuse(corrected, 1, 1, "site_closed").refused
    refused = domain.refuse(corrected, 1, 2, "site_closed")
    assert (refused.refused, refused.refusal) == (True, "site_closed")
    assert domain.correct(refused, ELIGIBLE).refusal is None


def test_a_consent_taken_back_is_told_once_an_attempt_and_no_correction_brings_it_back() -> None:
    corrected = domain.correct(begun(), ELIGIBLE)
    late = domain.refuse(corrected, 1, 1, "consent_withdrawn")  # said of the revision before
    before = domain.correct(domain.refuse(begun(), 1, 1, "consent_withdrawn"), ELIGIBLE)
    assert (late.refused, late.refusal) == (before.refused, before.refusal)
    assert (late.refused, late.refusal) == (True, "consent_withdrawn")
    for refused in (late, before):
        second = begun(ELIGIBLE, refused, 2)  # no 409: the attempt has been refused
        assert (second.refused, second.refusal) == (False, None)
        assert not domain.refuse(second, 1, 2, "consent_withdrawn").refused


def test_changes_are_merged_and_kept() -> None:
    form = {"age": 17, "sex": "male"}
    changes = {"age": 18, "sex": None, "ecog": 1}
    assert domain.merged(form, changes) == {"age": 18, "sex": None, "ecog": 1}
    assert domain.changed(form, changes) == (
        ("age", 17, 18),
        ("sex", "male", None),
        ("ecog", None, 1),
    )
    assert form == {"age": 17, "sex": "male"}

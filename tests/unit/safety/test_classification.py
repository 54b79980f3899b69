"""Serious, related, unexpected, SUSAR: each rule on both sides, for each authority."""

from datetime import timedelta
from typing import Any

import pytest

from services.safety.classification import classify
from services.safety.days import Days
from services.safety.judgements import Judgements
from services.safety.reference import in_force
from tests.unit.safety.forms import AUTHORITIES, NCT, REFERENCE, judged, report

YES, NO = "related", "not_related"


@pytest.mark.parametrize(
    "criterion",
    [
        "death",
        "life_threatening",
        "hospitalisation",
        "disability",
        "congenital_anomaly",
        "other_medically_important",
    ],
)
def test_one_criterion_makes_it_serious(criterion: str) -> None:
    found = judged("EU-CTR", YES, None, seriousness=[criterion])
    assert (found.serious, found.susar) == (True, True)
    assert found.why[0] == f"serious (ICH E2A): {criterion}"


def test_without_one_it_is_not_and_is_still_judged() -> None:
    found = judged("EU-CTR", YES, None, seriousness=[], grade=5)
    assert (found.serious, found.susar) == (False, False)
    assert found.authorities["EU-CTR"].related == ("nivolumab",)
    assert found.authorities["EU-CTR"].unexpected == ("nivolumab",)
    assert found.why[0].startswith("not serious")
    assert found.why[-1] == "EU-CTR: no SUSAR: not serious"


@pytest.mark.parametrize(
    ("investigator", "sponsor", "either", "sponsors"),
    [
        (None, None, True, True),
        (YES, None, True, True),
        (NO, None, False, False),
        (None, YES, True, True),
        (None, NO, False, False),
        (YES, YES, True, True),
        (YES, NO, True, False),
        (NO, YES, True, True),
        (NO, NO, False, False),
    ],
)
def test_who_makes_it_related(
    investigator: str | None, sponsor: str | None, either: bool, sponsors: bool
) -> None:
    for authority, holds in (("EU-CTR", either), ("UK", either), ("FDA-312.32", sponsors)):
        found = judged(authority, investigator, sponsor)
        [one] = found.authorities.values()
        assert bool(one.related) is one.susar is found.susar is holds, authority
        [why] = [text for text in found.why if text.startswith(f"{authority}: ") and ":" in text][
            :1
        ]
        word = "related" if holds else "not related"
        assert why.startswith(f"{authority}: {word} to nivolumab: ")


@pytest.mark.parametrize(("expected", "susar"), [(True, False), (False, True), (None, True)])
@pytest.mark.parametrize("authority", AUTHORITIES)
def test_what_the_sponsor_expects(authority: str, expected: bool | None, susar: bool) -> None:
    assert judged(authority, YES, YES, expected).susar is susar


def test_related_and_unexpected_must_meet_in_one_component() -> None:
    told = report(causality={"surgery": YES, "nivolumab": NO}, action_taken=None)
    said = Judgements({}, {"surgery": True, "nivolumab": False})
    found = classify(NCT, told, said, ("surgery", "nivolumab"))
    assert found.authorities["EU-CTR"].related == ("surgery",)
    assert found.authorities["EU-CTR"].unexpected == ("nivolumab",)
    assert not found.susar
    assert found.why[-1] == "EU-CTR: no SUSAR: no component is both related and unexpected"


def test_what_is_said_of_a_component_that_does_not_count_counts_not() -> None:
    told = report(causality={"surgery": YES, "nivolumab": NO}, action_taken=None)
    found = classify(NCT, told, Judgements(), ("nivolumab",))
    assert found.authorities["EU-CTR"].related == ()
    assert not found.susar
    assert not any("surgery" in text for text in found.why)


def test_a_subject_with_no_component_has_no_susar() -> None:
    assert not classify(NCT, report(), Judgements(), ()).susar


def test_susar_is_by_any_of_the_authorities() -> None:
    told = report(causality={"nivolumab": YES}, action_taken=None)
    said = Judgements({"nivolumab": "not_related"})
    found = classify(NCT, told, said, ("nivolumab",), ("FDA-312.32", "EU-CTR"))
    assert {name: one.susar for name, one in found.authorities.items()} == {
        "FDA-312.32": False,
        "EU-CTR": True,
    }
    assert found.susar


def _expected(term: str, onset: str | None, **changes: Any) -> bool:
    changes = {"ctcae_term": None, "end_date": None, **changes}
    told = report(term=term, onset_date=onset, causality=None, action_taken=None, **changes)
    found = classify(REFERENCE, told, Judgements(), ("nivolumab",))
    return not found.authorities["EU-CTR"].unexpected


@pytest.mark.parametrize(
    ("term", "onset", "expected"),
    [
        # In force from its date, that day included, until the next one's.
        ("Rash", "2025-06-14", False),
        ("Rash", "2025-06-15", True),
        ("Rash", "2026-03-09", True),
        ("Rash", "2026-03-10", False),
        ("Colitis", "2026-03-10", True),
        ("Colitis", "2027-01-01", True),
        # Every version that a partial onset allows must list it.
        ("Rash", "2026-02", True),
        ("Rash", "2026-03", False),
        ("Colitis", "2026-03", True),
        ("Colitis", "2026", True),
        ("Rash", "2026", False),
        ("Rash", "2026-04", False),
        # Days before the first version have no such information.
        ("Rash", "2025-06", False),
        ("Colitis", "2025", False),
        ("Colitis", "1977", False),
        # A missing onset asks every version.
        ("Colitis", None, True),
        ("Rash", None, False),
        # Letter case aside, and nothing else.
        ("COLITIS", "2026-01-01", True),
        ("colitis", "2026-01-01", True),
        ("Colitis, severe", "2026-01-01", False),
        ("Pain", "2026-01-01", False),
    ],
)
def test_the_version_in_force_at_onset_decides(
    term: str, onset: str | None, expected: bool
) -> None:
    assert _expected(term, onset) is expected


def test_a_version_counts_from_its_own_day_on() -> None:
    first, second = REFERENCE.reference
    begins = second.since
    for last, versions in (
        (begins - timedelta(days=1), (first,)),
        (begins, (first, second)),
        (begins + timedelta(days=1), (first, second)),
    ):
        assert in_force(REFERENCE.reference, Days(first.since, last)) == versions
    assert in_force(REFERENCE.reference, Days(begins, begins)) == (second,)
    assert in_force((), None) == ()


def test_the_ctcae_term_is_looked_up_else_the_term() -> None:
    assert _expected("Bauchweh", "2026-01-01", ctcae_term="colitis")
    assert not _expected("Colitis", "2026-01-01", ctcae_term="Headache")
    assert _expected("Colitis", "2026-01-01", ctcae_term=None)


def test_the_sponsor_s_word_goes_before_the_information() -> None:
    told = report(ctcae_term="Colitis", onset_date="2026-01-01", causality=None, action_taken=None)
    for expected in (True, False):
        said = Judgements({}, {"nivolumab": expected})
        found = classify(REFERENCE, told, said, ("nivolumab",))
        assert found.susar is not expected


def test_why_names_rule_component_and_facts_and_no_free_text() -> None:
    found = judged("EU-CTR", NO, NO, True, term="Sehr privat", ctcae_term="Privat")
    assert found.why == (
        "serious (ICH E2A): hospitalisation",
        "expected for nivolumab: the sponsor says expected",
        "EU-CTR: not related to nivolumab: the investigator and the sponsor say not related",
        "EU-CTR: no SUSAR: no component is both related and unexpected",
    )
    told = report(ctcae_term="Privat", causality=None, action_taken=None)
    for onset in (None, "2020", "2026-01-01"):
        told = report(ctcae_term="Privat", onset_date=onset, causality=None, action_taken=None)
        why = classify(REFERENCE, told, Judgements(), ("nivolumab",)).why
        assert "rivat" not in " ".join(why)
        assert "Bauch" not in " ".join(why)


def test_later_judgements_count_component_by_component() -> None:
    said = Judgements({"a": "related", "b": "not_related"}, {"a": True}, "first")
    said = said.then(Judgements({"a": None}, {"b": False}, "second"))
    assert said.causality == {"a": None, "b": "not_related"}
    assert said.expected == {"a": True, "b": False}

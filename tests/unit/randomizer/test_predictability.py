"""The predictability report: by hand, against exact figures, and what it may not tell."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from services.randomizer.characteristics import blocks
from services.randomizer.predictability import Past, guesses, predictability
from services.randomizer.scheme import Scheme
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.subjects import SubjectId
from tests.unit.randomizer.made import BLOCKS, STRATA, TRIAL, Story, rules, screened

TWO = {"all": {"A": 1, "B": 1}}


def made(arms: str, stratum: str = "all", site: str = "IT001") -> list[Past]:
    """These arms, one subject after the other."""
    return [
        Past(SubjectId(f"{site}-{n:04d}"), stratum, arm, "1.0", {"ecog": n % 2})
        for n, arm in enumerate(arms, 1)
    ]


def scheme(
    section: dict[str, object], strata: dict[str, dict[str, int]] = TWO
) -> dict[str, Scheme]:
    return {"1.0": Scheme.of(section, strata)}


COMPLETE = scheme({"design": "complete"})


@pytest.mark.parametrize(
    ("arms", "right"),
    [
        ("", 0.0),
        ("A", 0.5),
        ("AB", 1.5),  # the first is a coin, the second is the one behind
        ("AA", 0.5),
        ("ABAB", 3.0),
        ("AABB", 2.5),
    ],
)
def test_right_guesses_by_hand(arms: str, right: float) -> None:
    past = made(arms)
    assert sum(guesses(past, COMPLETE, arms).values()) == pytest.approx(right)


def test_behind_is_in_the_ratio() -> None:
    """2:1: after A the arm B is behind, after AB the arm A."""
    two_one = scheme({"design": "complete"}, {"all": {"A": 2, "B": 1}})
    assert guesses(made("ABA"), two_one, "ABA")["all"] == pytest.approx(0.5 + 1 + 1)


def story(arms_of: Sequence[int]) -> tuple[list[Past], dict[str, Scheme]]:
    """A trial in blocks as it was drawn."""
    told = Story(rules(BLOCKS))
    told.tell(*(screened(n, stratum="le4" if n % 3 else "gt4") for n in arms_of))
    past = [
        Past(SubjectId(one.subject), one.stratum, one.arm or "", one.protocol_version, {})
        for one in told.told
        if isinstance(one, PatientRandomized)
    ]
    return past, {"1.0": told.rules.plan.scheme}


def test_an_honest_trial_is_guessed_as_often_as_the_design_implies() -> None:
    past, schemes = story(range(1, 241))
    report = predictability(TRIAL, past, schemes)
    assert report.randomized == 240
    assert {name: of.randomized for name, of in report.strata.items()} == {"gt4": 80, "le4": 160}
    for of in (report, *report.strata.values()):
        assert of.guessed is not None
        assert of.implied is not None
        assert of.standard_deviation is not None
        assert abs(of.guessed - of.implied) <= 4 * of.standard_deviation + 0.01
    exact = blocks.exact((1, 1), (2, 4, 6), 80).correct_guess
    assert report.strata["gt4"].implied == pytest.approx(exact, abs=0.02)


def test_somebody_who_knows_what_comes_is_seen() -> None:
    """Where each subject of an open coin went to the arm behind, nobody tossed it."""
    report = predictability(TRIAL, made("AB" * 50), COMPLETE)
    assert report.guessed == 0.75
    assert report.implied == pytest.approx(0.5, abs=0.02)
    assert report.standard_deviation is not None
    assert report.guessed is not None
    assert report.guessed - 0.5 > 4 * report.standard_deviation


def test_it_tells_nothing_that_the_allocations_do_not() -> None:
    """Trials of other seeds with the same arms so far have the same report."""
    past, schemes = story(range(1, 41))
    again = [Past(one.subject, one.stratum, one.arm, "1.0", {}) for one in past]
    assert predictability(TRIAL, again, schemes) == predictability(TRIAL, past, schemes)


def test_minimisation_is_drawn_again_by_the_values_that_it_went_by() -> None:
    section = {
        "design": "minimisation",
        "metric": "range",
        "p": Decimal(1),
        "factors": [{"name": "stratum"}],
    }
    report = predictability(TRIAL, made("AB" * 20), scheme(section))
    assert (report.guessed, report.implied, report.standard_deviation) == (0.75, 0.75, 0.0)


def test_a_list_implies_nothing_and_an_empty_trial_tells_nothing() -> None:
    listed = predictability(TRIAL, made("ABAB"), scheme({"design": "listed"}))
    assert (listed.guessed, listed.implied, listed.runs) == (0.75, None, 0)
    empty = predictability(TRIAL, [], {"1.0": Scheme.of(BLOCKS, STRATA)})
    assert (empty.randomized, empty.guessed, empty.strata) == (0, None, {})

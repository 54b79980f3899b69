"""The predictability report: by hand, against exact figures, and what it may not tell."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from services.randomizer.characteristics import blocks
from services.randomizer.predictability import Past, guesses, predictability
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
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


def drawn(of: Scheme, seed: Seed, n: int) -> list[Past]:
    """The first subjects of a trial by this seed."""
    at: dict[str, StratumState] = {}
    past = []
    for number in range(1, n + 1):
        subject = SubjectId(f"IT001-{number:04d}")
        made = of.draw(at, subject, "all", seed)
        assert made is not None
        arm, at["all"] = made
        past.append(Past(subject, "all", arm, "1.0", {}))
    return past


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
    report = predictability(TRIAL, past, schemes, closed=True)
    assert report.randomized == 240
    assert {name: of.randomized for name, of in report.strata.items()} == {"gt4": 80, "le4": 160}
    for of in (report, *report.strata.values()):
        assert of.guessed is not None
        assert of.implied is not None
        assert of.standard_deviation is not None
        assert abs(of.guessed - of.implied) <= 4 * of.standard_deviation + 0.01
        assert of.more_than_implied is False
    exact = blocks.exact((1, 1), (2, 4, 6), 80).correct_guess
    assert report.strata["gt4"].implied == pytest.approx(exact, abs=0.02)


def test_somebody_who_knows_what_comes_is_seen() -> None:
    """Where each subject of an open coin went to the arm behind, nobody tossed it."""
    report = predictability(TRIAL, made("AB" * 50), COMPLETE, closed=True)
    assert report.guessed == 0.75
    assert report.more_than_implied is True
    assert report.implied == pytest.approx(0.5, abs=0.02)
    assert report.standard_deviation is not None
    assert report.guessed is not None
    assert report.guessed - 0.5 > 4 * report.standard_deviation


def test_it_tells_nothing_that_the_allocations_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of other seeds with the same arms so far have the same report."""
    past, schemes = story(range(1, 41))
    again = [Past(one.subject, one.stratum, one.arm, "1.0", {}) for one in past]
    monkeypatch.setattr("services.randomizer.predictability.DRAWS", 1_000)
    for closed in (False, True):
        found = [predictability(TRIAL, of, schemes, closed=closed) for of in (again, past)]
        assert found[0] == found[1]


@pytest.mark.parametrize("n", [2, 8, 40])
def test_before_the_trial_closes_it_tells_no_block_size(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of the blocks: an honest trial is told of by its allocations alone."""
    monkeypatch.setattr("services.randomizer.predictability.DRAWS", 1_000)
    implied = set()
    for sizes in ([2], [4], [6], [8], [2, 4, 6]):
        of = scheme({"design": "permuted_block", "block_sizes": sizes})
        for secret in range(2):
            past = drawn(of["1.0"], Seed(TRIAL, bytes([secret]) * 32), n)
            arms = [one.arm for one in past]
            guessed = round(sum(guesses(past, of, arms).values()) / n, 2)
            share: dict[str, object] = {
                "randomized": n,
                "guessed": guessed,
                "more_than_implied": False,
                "implied": None,
                "standard_deviation": None,
            }
            report = predictability(TRIAL, past, of, closed=False).model_dump()
            assert report == {**share, "runs": report["runs"], "strata": {"all": share}}
            if secret == 0:
                implied.add(predictability(TRIAL, past, of, closed=True).implied)
    # What is held back would have told them apart, from the second subject on.
    assert len(implied) > 1


def test_minimisation_is_drawn_again_by_the_values_that_it_went_by() -> None:
    section = {
        "design": "minimisation",
        "metric": "range",
        "p": Decimal(1),
        "factors": [{"name": "stratum"}],
    }
    report = predictability(TRIAL, made("AB" * 20), scheme(section), closed=True)
    assert (report.guessed, report.implied, report.standard_deviation) == (0.75, 0.75, 0.0)


def test_a_list_implies_nothing_and_an_empty_trial_tells_nothing() -> None:
    listed = predictability(TRIAL, made("ABAB"), scheme({"design": "listed"}), closed=True)
    assert (listed.guessed, listed.implied, listed.runs) == (0.75, None, 0)
    assert listed.more_than_implied is None
    empty = predictability(TRIAL, [], {"1.0": Scheme.of(BLOCKS, STRATA)}, closed=True)
    assert (empty.randomized, empty.guessed, empty.strata) == (0, None, {})

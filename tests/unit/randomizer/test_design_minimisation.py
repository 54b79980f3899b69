"""Minimisation: published worked examples, ties to the last digit, and what must hold."""

from fractions import Fraction
from statistics import variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.randomizer.minimisation import Factor, Minimisation, MinimisationError, whole_scores

F = Fraction


def asked(
    *counts: tuple[int, ...],
    metric: str = "range",
    p: str = "0.7",
    ratio: tuple[int, ...] | None = None,
    weights: tuple[str, ...] | None = None,
) -> Minimisation:
    """Factors of such counts, of weight 1 unless told otherwise."""
    factors = tuple(
        Factor(f"factor {index}", F(weights[index] if weights else 1), of_factor)
        for index, of_factor in enumerate(counts)
    )
    return Minimisation(metric, F(p), ratio or (1,) * len(counts[0]), factors)


def test_the_fifteenth_patient_of_lim_and_in() -> None:
    """Table values: Lim & In 2019, Korean J Anesthesiol 72:221, table 4.

    A woman of 74 at site 2. With her on the control arm that site has 4 and 5, the women 4 and 3,
    her age band 4 and 3: an imbalance of 3; on the other arm 3 and 6, 3 and 4, 3 and 4: 5.
    """
    found = asked((3, 5), (3, 3), (3, 3), p="1")
    assert found.scores() == (F(3), F(5))
    assert found.probabilities() == (F(1), F(0))


def test_the_seventh_patient_of_scott() -> None:
    """Table values: Scott et al. 2002, Control Clin Trials 23:662, as Ivers et al. 2012, Trials
    13:120, adapt it in their table 3.

    2 and 2 have the new one's baseline rate, 3 and 1 the covariate rate: with the new one on the
    intervention 1 + 3 = 4, on the control 1 + 1 = 2.
    """
    found = asked((2, 2), (3, 1), p="1")
    assert found.scores() == (F(4), F(2))
    assert found.probabilities() == (F(0), F(1))


def test_scores_by_hand() -> None:
    """Range of (5, 5, 1), (4, 6, 1), (4, 5, 2); the variances of the same."""
    assert asked((4, 5, 1)).scores() == (F(4), F(5), F(3))
    assert asked((4, 5, 1)).probabilities() == (F("0.15"), F("0.15"), F("0.7"))
    assert asked((4, 5, 1), metric="variance").scores() == (F(16, 3), F(19, 3), F(7, 3))


def test_ratios_divide_the_counts() -> None:
    """Han et al. 2009: 2:1 with 4 and 2 on the arms; (5/2, 2) and (2, 3)."""
    found = asked((4, 2), ratio=(2, 1))
    assert found.scores() == (F(1, 2), F(1))


def test_the_best_share_p_and_the_others_the_rest() -> None:
    two_best = asked((1, 1, 9, 9))
    assert two_best.probabilities() == (F("0.35"), F("0.35"), F("0.15"), F("0.15"))
    assert asked((3, 3, 3)).probabilities() == (F(1, 3),) * 3


def test_a_tie_is_decided_on_the_decimals_as_written() -> None:
    """0.1 + 0.2 on one arm against 0.3 on the other, which differ as binary doubles."""
    weights = ("0.1", "0.2", "0.3")
    found = asked((1, 0), (1, 0), (0, 1), weights=weights)
    assert found.scores() == (F("0.6"), F("0.6"))
    assert found.probabilities() == (F(1, 2), F(1, 2))
    binary = [2 * 0.1 + 2 * 0.2, 2 * 0.3]
    assert binary[0] != binary[1]


arms = st.integers(2, 5)


@st.composite
def questions(draw: st.DrawFn) -> Minimisation:
    """Any question of some factors."""
    count = draw(arms)
    whole = st.tuples(*[st.integers(0, 20)] * count)
    factors = draw(st.lists(st.tuples(st.integers(0, 30), whole), min_size=1, max_size=4))
    return Minimisation(
        draw(st.sampled_from(["range", "variance"])),
        F(draw(st.integers(10, 20)), 20),
        draw(st.tuples(*[st.integers(1, 4)] * count)),
        tuple(Factor(str(at), F(by, 10), counts) for at, (by, counts) in enumerate(factors)),
    )


@settings(max_examples=40, deadline=None)
@given(question=questions())
def test_scores_and_probabilities_are_as_defined(question: Minimisation) -> None:
    """Written apart: every arm's table, with the library's sample variance."""
    scores = []
    for arm in range(len(question.ratio)):
        score = F(0)
        for factor in question.factors:
            counts = list(factor.counts)
            counts[arm] += 1
            scaled = [F(count) / share for count, share in zip(counts, question.ratio, strict=True)]
            spread = max(scaled) - min(scaled)
            score += factor.weight * (spread if question.metric == "range" else F(variance(scaled)))
        scores.append(score)
    assert list(question.scores()) == scores
    found = question.probabilities()
    assert sum(found) == 1
    best = [chance for chance, score in zip(found, scores, strict=True) if score == min(scores)]
    assert len(set(best)) == 1
    assert sum(best) == (question.p if len(best) < len(scores) else 1)


@settings(max_examples=40, deadline=None)
@given(question=questions(), data=st.data())
def test_other_names_of_the_arms_permute_the_answer(
    question: Minimisation, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(question.ratio))))

    def moved(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(values[arm] for arm in order)

    other = Minimisation(
        question.metric,
        question.p,
        moved(question.ratio),
        tuple(Factor(of.name, of.weight, moved(of.counts)) for of in question.factors),
    )
    assert other.probabilities() == tuple(question.probabilities()[arm] for arm in order)


@pytest.mark.parametrize(
    ("metric", "p", "ratio", "factors"),
    [
        ("median", "0.7", (1, 1), (Factor("a", F(1), (0, 0)),)),
        ("range", "0.4", (1, 1), (Factor("a", F(1), (0, 0)),)),
        ("range", "1.1", (1, 1), (Factor("a", F(1), (0, 0)),)),
        ("range", "0.7", (1,), (Factor("a", F(1), (0,)),)),
        ("range", "0.7", (1, 0), (Factor("a", F(1), (0, 0)),)),
        ("range", "0.7", (1, 1), ()),
        ("range", "0.7", (1, 1), (Factor("a", F(1), (0, 0, 0)),)),
        ("range", "0.7", (1, 1), (Factor("a", F(1), (0, -1)),)),
        ("range", "0.7", (1, 1), (Factor("a", F(-1), (0, 0)),)),
        ("range", "0.7", (1, 1), (Factor("a", F(1), (0, 0)), Factor("a", F(1), (0, 0)))),
    ],
)
def test_what_is_no_minimisation_is_refused(
    metric: str, p: str, ratio: tuple[int, ...], factors: tuple[Factor, ...]
) -> None:
    with pytest.raises(MinimisationError):
        Minimisation(metric, F(p), ratio, factors)


@given(
    metric=st.sampled_from(["range", "variance"]),
    ratio=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    data=st.data(),
)
def test_scores_in_whole_numbers_are_the_same_but_for_a_factor(
    metric: str, ratio: list[int], data: st.DataObject
) -> None:
    """So the same arms are best, and tied."""
    row = st.lists(st.integers(0, 9), min_size=len(ratio), max_size=len(ratio))
    counts = data.draw(st.lists(row, min_size=1, max_size=3))
    weights = data.draw(st.lists(st.integers(1, 5), min_size=len(counts), max_size=len(counts)))
    exact = asked(
        *map(tuple, counts),
        metric=metric,
        p="1",
        ratio=tuple(ratio),
        weights=tuple(f"0.{weight}" for weight in weights),
    ).scores()
    found = whole_scores(metric, ratio, weights, counts)
    factors = {F(whole) / score for whole, score in zip(found, exact, strict=True) if score}
    assert len(factors) <= 1
    assert [whole == 0 for whole in found] == [score == 0 for score in exact]

"""Stopping boundaries: a published table, an oracle that lists every trial, what must hold."""

from fractions import Fraction
from itertools import product
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.safety.boundaries import evidence
from services.safety.boundaries.boundary import BetaBinomial, BoundaryError, Pocock
from services.safety.boundaries.stopping import Region, course

F = Fraction


def pocock(p0: str, looks: list[int], cross_p0: str = "0.1") -> Region:
    """The region of a Pocock-type boundary."""
    return Pocock(F(p0), looks, F(cross_p0)).region()


def test_the_beta_binomial_boundary_of_the_r_package_stoppingrule() -> None:
    """README of stoppingrule (Martens, Lian & Logan; CRAN), which applies Geller et al. 2003.

    calc.rule.bin(ns=1:30, p0=0.20, alpha=0.10, type="BB", param=c(0.6, 2.4)), its table and the
    output of OC.rule.bin, as printed there.
    """
    boundary = BetaBinomial(F("0.2"), F("0.1"), (F("0.6"), F("2.4")), range(1, 31))
    region = boundary.region()
    ranges = {3: (3, 4), 4: (5, 6), 5: (7, 10), 6: (11, 13), 7: (14, 17), 8: (18, 20)}
    ranges |= {9: (21, 24), 10: (25, 28), 11: (29, 30)}
    printed: Region = {1: None, 2: None} | {
        n: least for least, (first, last) in ranges.items() for n in range(first, last + 1)
    }
    assert region == printed
    for p, p_stop, expected_events in [
        ("0.20", 0.09957367, 5.651197),
        ("0.25", 0.23832301, 6.536293),
        ("0.30", 0.43615256, 6.926712),
        ("0.35", 0.64555222, 6.819377),
        ("0.40", 0.81491087, 6.355803),
    ]:
        found = course(region, F(p))
        assert float(found.p_stop) == pytest.approx(p_stop, abs=5e-9)
        assert float(found.expected_events) == pytest.approx(expected_events, abs=5e-7)


def listed(region: Region, p: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Oracle: every trial, outcome by outcome: (p_stop, expected n, expected events)."""
    totals = [F(0), F(0), F(0)]
    for outcomes in product((0, 1), repeat=max(region)):
        chance = F(1)
        for outcome in outcomes:
            chance *= p if outcome else 1 - p
        ended, stopped = max(region), 0
        for n, least in region.items():
            if least is not None and sum(outcomes[:n]) >= least:
                ended, stopped = n, 1
                break
        for index, value in enumerate((stopped, ended, sum(outcomes[:ended]))):
            totals[index] += chance * value
    return totals[0], totals[1], totals[2]


looks_of_few = st.sets(st.integers(1, 7), min_size=1).map(sorted)
rates = st.integers(1, 19).map(lambda twentieth: F(twentieth, 20))


@settings(max_examples=25, deadline=None)
@given(looks=looks_of_few, p=rates, data=st.data())
def test_the_characteristics_are_those_of_all_trials(
    looks: list[int], p: Fraction, data: st.DataObject
) -> None:
    region = {n: data.draw(st.none() | st.integers(0, n)) for n in looks}
    found = course(region, p)
    assert (found.p_stop, found.expected_n, found.expected_events) == listed(region, p)


def tail(n: int, x: int, p: Fraction) -> Fraction:
    """P(X_n >= x | p)."""
    return sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x, n + 1)), F(0))


@settings(max_examples=15, deadline=None)
@given(looks=looks_of_few, p0=rates, cross=st.integers(1, 60).map(lambda by: F(by, 100)))
def test_a_pocock_region_is_the_largest_of_all_levels(
    looks: list[int], p0: Fraction, cross: Fraction
) -> None:
    """Oracle: every level that makes another region, with all its trials listed."""
    best: Region = dict.fromkeys(looks)
    for level in sorted({tail(n, x, p0) for n in looks for x in range(n + 1)}):
        region = {
            n: next((x for x in range(n + 1) if tail(n, x, p0) <= level), None) for n in looks
        }
        if listed(region, p0)[0] > cross:
            break
        best = region
    assert Pocock(p0, looks, cross).region() == best


@settings(max_examples=15, deadline=None)
@given(
    looks=looks_of_few,
    p0=rates,
    alpha=st.integers(1, 60).map(lambda by: F(by, 100)),
    a=st.integers(1, 4),
    b=st.integers(1, 4),
)
def test_a_beta_binomial_region_is_the_largest_of_all_thresholds(
    looks: list[int], p0: Fraction, alpha: Fraction, a: int, b: int
) -> None:
    """Oracle for whole priors: P(beta(c, d) > p) = P(fewer than c of c + d - 1 | p)."""

    def posterior(n: int, x: int) -> Fraction:
        return 1 - tail(a + b + n - 1, a + x, p0)

    best: Region = dict.fromkeys(looks)
    values = {posterior(n, x) for n in looks for x in range(n + 1)}
    for threshold in sorted(values, reverse=True):
        region = {
            n: next((x for x in range(n + 1) if posterior(n, x) >= threshold), None) for n in looks
        }
        if listed(region, p0)[0] > alpha:
            break
        best = region
    assert BetaBinomial(p0, alpha, (F(a), F(b)), looks).region() == best


def test_the_order_is_a_posteriors_up_to_two_numbers_of_the_prior() -> None:
    """With a = 2, b = 3: P(rate > p0 | x of n) = P0 + k R, k = p0**a (1-p0)**b / B(a, b)."""
    p0 = F("0.3")
    order = evidence.beta_binomial(p0, (F(2), F(3)), [1, 4, 7])
    k = p0**2 * (1 - p0) ** 3 * 12
    for n, of_look in order.items():
        for x, weight in enumerate(of_look):
            assert 1 - tail(4 + n, 2 + x, p0) == 1 - tail(4, 2, p0) + k * weight


def test_what_weighs_the_same_is_in_or_out_together() -> None:
    """A prior and a p0 that favour no side: half of any even n is as likely above as below."""
    order = evidence.beta_binomial(F(1, 2), (F("0.7"), F("0.7")), [2, 4, 30])
    assert order[2][1] == order[4][2] == order[30][15] == 0


@given(p0=rates, looks=st.sets(st.integers(1, 60), min_size=1).map(sorted))
@settings(max_examples=25, deadline=None)
def test_the_limit_is_kept_and_more_allowed_stops_more(p0: Fraction, looks: list[int]) -> None:
    spent = []
    for cross in (F(1, 50), F(1, 20), F(1, 5)):
        region = Pocock(p0, looks, cross).region()
        spent.append(course(region, p0).p_stop)
        assert spent[-1] <= cross
        levels = [tail(n, x, p0) for n, x in region.items() if x is not None]
        # One level for all looks: one event fewer would not do at it anywhere.
        assert all(
            tail(n, x - 1, p0) > max(levels) for n, x in region.items() if x is not None and x
        )
    assert spent == sorted(spent)


@given(p=rates, looks=looks_of_few)
@settings(deadline=None)
def test_events_come_at_their_rate_until_the_trial_stops(p: Fraction, looks: list[int]) -> None:
    """Wald's identity: the mean number of events is p times the mean number of subjects."""
    found = course(pocock("0.25", looks, "0.2"), p)
    assert found.expected_events == p * found.expected_n


def test_a_threshold_cut_to_three_digits_overspends() -> None:
    """The exact c is 0.99740...; at 0.997 the type I error is 0.067 instead of 0.05."""
    p0, alpha, a, b = F("0.1"), F("0.05"), 2, 3

    def region(c: Fraction) -> Region:
        return {
            n: next((x for x in range(n + 1) if 1 - tail(a + b + n - 1, a + x, p0) >= c), None)
            for n in range(1, 31)
        }

    exact = BetaBinomial(p0, alpha, (F(a), F(b)), range(1, 31)).region()
    kept = min(1 - tail(a + b + n - 1, a + x, p0) for n, x in exact.items() if x is not None)
    assert region(kept) == exact
    assert course(exact, p0).p_stop <= alpha
    assert round(float(kept), 3) == 0.997
    assert course(region(F("0.997")), p0).p_stop > F("0.066")


@pytest.mark.parametrize("looks", [[], [0], [2, 2], [3, 2], [501]])
def test_looks_are_ascending(looks: list[int]) -> None:
    with pytest.raises(BoundaryError):
        pocock("0.2", looks)
    with pytest.raises(BoundaryError):
        BetaBinomial(F("0.2"), F("0.1"), (F(1), F(1)), looks)


@pytest.mark.parametrize("value", [F(-1, 10), F(0), F(1), F(3, 2)])
def test_chances_are_between_0_and_1(value: Fraction) -> None:
    for make in (
        lambda: Pocock(value, [5]),
        lambda: Pocock(F(1, 5), [5], value),
        lambda: BetaBinomial(value, F(1, 5), (F(1), F(1)), [5]),
        lambda: BetaBinomial(F(1, 5), value, (F(1), F(1)), [5]),
    ):
        with pytest.raises(BoundaryError):
            make()
    with pytest.raises(BoundaryError):
        BetaBinomial(F(1, 5), F(1, 5), (F(1), F(0)), [5])

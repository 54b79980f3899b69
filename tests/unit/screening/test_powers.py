"""Products of powers against numbers: exact at ties, and right however near."""

from decimal import Decimal
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.powers import Product, product

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def root(base: int | Fraction, degree: int) -> Product:
    made = product((base, Fraction(1, degree)))
    assert isinstance(made, Product)
    return made


@pytest.mark.parametrize(
    ("made", "value"),
    [
        (product((4, HALF)), 2),
        (product((Fraction(8, 27), THIRD)), Fraction(2, 3)),
        (product((400, 1), (Decimal("0.512"), -THIRD)), 500),
        (product((Fraction(1024), Decimal("-1.2"))), Fraction(1, 4096)),
        (product((6, HALF), (Fraction(2, 3), HALF)), 2),
        (product((12, HALF), (Fraction(1, 18), HALF), (6, HALF)), 2),
        (product((Decimal("0.5"), 3)), Decimal("0.125")),
    ],
)
def test_a_tie_is_a_tie(made: Product, value: int | Fraction | Decimal) -> None:
    assert made >= value
    assert made <= value
    assert not made > value
    assert not made < value


@pytest.mark.parametrize("digits", [10, 30, 100, 400])
def test_however_near(digits: int) -> None:
    scale = 10**digits
    below = Fraction(isqrt(2 * scale * scale), scale)
    above = below + Fraction(1, scale)
    two = root(2, 2)
    assert two > below
    assert two >= below
    assert two < above
    assert two <= above
    assert not two >= above
    assert not two <= below


def test_no_power_is_below_zero() -> None:
    assert root(2, 2) > 0
    assert root(2, 2) >= -1
    assert not root(2, 2) <= 0
    assert product((0, HALF), (5, 1)) == 0


NUMBERS = st.integers(1, 10**6).flatmap(
    lambda top: st.integers(1, 10**4).map(lambda bottom: Fraction(top, bottom))
)


@given(base=NUMBERS, power=st.integers(-7, 7), degree=st.integers(1, 7), limit=NUMBERS)
def test_as_whole_powers_say(base: Fraction, power: int, degree: int, limit: Fraction) -> None:
    made = product((base, Fraction(power, degree)))
    assert isinstance(made, Product)
    one, other = base**power, limit**degree
    assert (made > limit, made >= limit, made <= limit, made < limit) == (
        one > other,
        one >= other,
        one <= other,
        one < other,
    )


@given(base=NUMBERS, degree=st.integers(2, 9))
def test_the_root_of_a_power_is_its_base(base: Fraction, degree: int) -> None:
    made = product((base**degree, Fraction(1, degree)))
    assert isinstance(made, Product)
    assert made >= base >= 0
    assert made <= base

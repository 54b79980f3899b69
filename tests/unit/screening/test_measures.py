"""Measures written in a protocol: read as they are, or refused to the word; and decimals shown."""

from fractions import Fraction

import pytest

from services.screening import units


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("2.5 mg/dL", "2.5", "mg/dL"),
        ("-40 mV", "-40", "mV"),
        ("7.10  %", "7.10", "%"),
        ("12", "12", "1"),
    ],
)
def test_a_measure_is_read_as_it_is_written(text: str, number: str, unit: str) -> None:
    value, code = units.measure(text)
    assert (str(value), code) == (number, unit)


NO_MEASURE = "must be a number and a unit, like 2.5 mg/dL"
NO_MORE = "both must be above 0"
ONE_KIND = "both are units of the same kind, which needs no table"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("0 mg/dL", "1 umol/L", NO_MORE),
        ("1 mg/dL", "0 umol/L", NO_MORE),
        ("-1 mg/dL", "-1 umol/L", NO_MORE),
        ("1 mg/dL", "10 mg/L", ONE_KIND),
        ("1 mg/dL", "umol/L", NO_MEASURE),
        ("0.1,5 mg/dL", "1 umol/L", NO_MEASURE),
    ],
)
def test_what_is_said_of_a_table_that_cannot_be(one: str, other: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        units.same([one, other])
    assert str(caught.value) == said


def test_a_table_may_be_of_small_numbers() -> None:
    made = units.same(["0.01 mg/dL", "0.8842 umol/L"])
    assert made == units.Same(Fraction(1, 100), "mg/dL", Fraction(8842, 10_000), "umol/L")
    assert units.factor("umol/L", "mg/dL", made) == Fraction(100, 8842)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(3, 20), "0.15"),
        # Exact beyond the digits to which what has no end is rounded.
        (Fraction(1, 2**60), "8.67361737988403547205962240695953369140625E-19"),
        (Fraction(10**30 + 1, 10), "100000000000000000000000000000.1"),
        (Fraction(10**40, 3), "3.333333333333333333333333333E+39"),
    ],
)
def test_a_fraction_is_shown_whole_where_it_ends(fraction: Fraction, text: str) -> None:
    shown = units.as_decimal(fraction)
    assert str(shown) == text
    assert Fraction(text) == Fraction(shown)

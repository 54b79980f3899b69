import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest

from services.screening import units
from services.screening.scales import SCALES
from services.screening.units import OtherDimension, UnknownUnit

CREATININE = units.same(["1 mg/dL", "88.42 umol/L"])


@pytest.mark.parametrize(
    ("code", "canonical", "factor"),
    [
        ("g/L", "g/dL", Fraction(1, 10)),
        ("10*3/uL", "/mm3", Fraction(1000)),
        ("10*9/L", "/mm3", Fraction(1000)),
        ("{cells}/uL", "/mm3", Fraction(1)),
        ("{INR}", "1", Fraction(1)),
        ("%", "1", Fraction(1, 100)),
        ("/100", "1", Fraction(1, 100)),
        ("10*-3", "1", Fraction(1, 1000)),
        ("wk", "mo", Fraction(112, 487)),
        ("a", "mo", Fraction(12)),
        ("[lb_av]", "kg", Fraction(45359237, 100000000)),
        ("ukat/L", "U/L", Fraction(60)),
        ("mm", "cm", Fraction(1, 10)),
        ("min", "s", Fraction(60)),
        ("kPa", "mm[Hg]", 1000 / Fraction("133.322387415")),
        ("m[IU]/L", "[IU]/L", Fraction(1, 1000)),
    ],
)
def test_factors_are_exact(code: str, canonical: str, factor: Fraction) -> None:
    assert units.factor(code, canonical) == factor
    assert units.factor(canonical, code) == 1 / factor


def test_the_same_unit_needs_no_factor() -> None:
    assert units.factor("kg", "kg") is None


@pytest.mark.parametrize(
    ("code", "factor"),
    [
        ("umol/L", Fraction(100, 8842)),
        ("mmol/L", Fraction(100000, 8842)),
        ("g/L", Fraction(100)),
    ],
)
def test_mass_and_amount(code: str, factor: Fraction) -> None:
    assert units.factor(code, "mg/dL", CREATININE) == factor
    assert units.factor("mg/dL", code, CREATININE) == 1 / factor


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("umol/L", "mg/dL"),
        ("K/uL", "/mm3"),  # kelvin, not thousands
        ("Cel", "K"),
        ("dB", "1"),
        ("[IU]/L", "U/L"),
        ("[IU]/mL", "/mm3"),
        ("rad", "1"),
        ("G/L", "g/L"),  # gauss
    ],
)
def test_units_of_something_else(code: str, canonical: str) -> None:
    with pytest.raises(OtherDimension):
        units.factor(code, canonical)


@pytest.mark.parametrize(
    "code",
    ["", " ", "kilo", "mg/dL ", "mg per dL", "µg/L", "mg//dL", "(mg", "x" * 41, "10*9999", "mg\0"]
    + ["10*999", "Ym99"],
)
def test_no_units(code: str) -> None:
    with pytest.raises((UnknownUnit, OtherDimension)):
        units.factor(code, "1")


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(1, 8), "0.125"),
        (Fraction(1000), "1000"),
        (Fraction(12345, 100), "123.45"),
        (Fraction(1, 3), "0.3333333333333333333333333333"),
        (Fraction(2, 3), "0.6666666666666666666666666667"),
        (Fraction(1, 2**40), "9.094947017729282379150390625E-13"),
    ],
)
def test_showing_a_fraction(fraction: Fraction, text: str) -> None:
    assert str(units.as_decimal(fraction)) == text


@pytest.mark.parametrize(
    ("given", "unit", "wanted", "other"),
    [
        ("37", "Cel", "310.15", "K"),
        ("0", "Cel", "32", "[degF]"),
        ("38", "Cel", "100.4", "[degF]"),
        ("0", "K", "-459.67", "[degF]"),
        ("310150", "mK", "37", "Cel"),
        ("25", "mm", "2.5", "cm"),
    ],
)
def test_temperatures_have_an_offset(given: str, unit: str, wanted: str, other: str) -> None:
    there, back = units.line(unit, other), units.line(other, unit)
    assert there is not None
    assert back is not None
    assert there.of(Decimal(given)) == Fraction(wanted)
    assert back.of(Decimal(wanted)) == Fraction(given)


def test_a_line_is_a_factor_where_zeros_are_the_same() -> None:
    assert units.line("Cel", "Cel") is None
    assert units.line("umol/L", "mg/dL", CREATININE) == units.Line(Fraction(100, 8842))


@pytest.mark.parametrize(
    ("code", "canonical"),
    [("Cel", "kg"), ("kg", "Cel"), ("Cel", "1"), ("dB", "1"), ("Cel/h", "K/h")],
)
def test_no_line(code: str, canonical: str) -> None:
    with pytest.raises((OtherDimension, UnknownUnit)):
        units.line(code, canonical)


def test_the_master_equation_of_hba1c_and_back_exactly() -> None:
    """NGSP % = 0.09148 x IFCC mmol/mol + 2.152."""
    to_ngsp, to_ifcc = (
        units.line("mmol/mol", "%", SCALES["hba1c"]),
        units.line("%", "mmol/mol", SCALES["hba1c"]),
    )
    assert to_ngsp is not None
    assert to_ifcc is not None
    assert to_ngsp.of(53) == Fraction("7.00044")
    assert to_ngsp.of(0) == Fraction("2.152")
    assert to_ifcc.of(Decimal("7.00044")) == 53
    assert round(to_ifcc.of(Decimal("6.5"))) == 48


@pytest.mark.parametrize("code", ["1", "[ppth]", "mol/mol", "umol/mol", "kg"])
def test_only_its_two_units_are_on_a_scale(code: str) -> None:
    """A fraction of mass or amount would be converted by ten; it is no HbA1c."""
    for canonical in ("%", "mmol/mol"):
        with pytest.raises(OtherDimension):
            units.line(code, canonical, SCALES["hba1c"])


def test_nothing_on_a_scale_is_a_multiple() -> None:
    with pytest.raises(OtherDimension):
        units.factor("mmol/mol", "%", SCALES["hba1c"])


@pytest.mark.parametrize("text", ["", "mg", "1,5 mg", "1 mg dL", "1e3 mg", ".5 mg"])
def test_a_measure_is_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError):
        units.measure(text)


@pytest.mark.parametrize(
    "pair", [["1 mg/dL", "10 mg/L"], ["0 mg/dL", "1 umol/L"], ["1 mg/dL", "1 foo"]]
)
def test_tables_that_cannot_be(pair: list[str]) -> None:
    with pytest.raises(ValueError):
        units.same(pair)


def test_units_that_nobody_has_used_before_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry that has met them is given up, and the next one knows every unit as well."""
    monkeypatch.setattr(units, "A_READER", 10)
    units.unit.cache_clear()
    units._reader.cache_clear()
    first = units._reader()
    for power in range(10):
        assert units.unit(f"m{power + 2}.g").factor is not None
    assert units._reader() is first
    assert units.unit("m.s.kg").factor == Fraction(1)
    assert units._reader() is not first
    assert units._reader.cache_info().currsize == 1


@pytest.mark.parametrize("between", ["mg per dL", "Cel", "m.g"])
def test_codes_that_no_registry_meets_do_not_keep_one(
    between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked between fresh codes, refused or known, a registry meets no more of them."""
    monkeypatch.setattr(units, "A_READER", 10)
    units.unit.cache_clear()
    units._reader.cache_clear()
    used = []
    for power in range(2, 32):
        units.unit(f"m{power}.kg")
        used.append(units._reader())
        with contextlib.suppress(UnknownUnit):
            units.unit(between)
    assert max(used.count(one) for one in used) <= 10


@pytest.mark.parametrize(
    ("code", "canonical", "of", "is_"),
    [
        ("%{Hb}", "%", 7, "7"),
        ("mmol/mol{Hb}", "%", 53, "7.00044"),
        ("%{Hb}", "mmol/mol", Decimal("7.00044"), "53"),
    ],
)
def test_an_annotation_changes_no_scale(
    code: str, canonical: str, of: int | Decimal, is_: str
) -> None:
    found = units.line(code, canonical, SCALES["hba1c"])
    assert found is not None
    assert found.of(of) == Fraction(is_)

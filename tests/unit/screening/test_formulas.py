"""Named formulas: by their sources, in plain powers worked out apart, and exact at limits."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening.eligibility import Eligibility
from services.screening.formulas import FORMULAS
from shared.contracts import protocol_file
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import HEAD, TODAY, quantity

# (formula, its numbers and words, the result to so many digits), each result worked out apart from
# this code.
WORKED: list[tuple[str, dict[str, Any], str]] = [
    ("cockcroft_gault", {"age": 50, "weight": 72, "creatinine": 1, "sex": "male"}, "90"),
    ("cockcroft_gault", {"age": 50, "weight": 72, "creatinine": 1, "sex": "female"}, "76.5"),
    ("ckd_epi_2021", {"age": 50, "creatinine": Decimal("0.6"), "sex": "male"}, "117.603"),
    ("ckd_epi_2021", {"age": 50, "creatinine": Decimal("1.2"), "sex": "male"}, "73.674"),
    ("ckd_epi_2021", {"age": 50, "creatinine": Decimal("0.5"), "sex": "female"}, "114.192"),
    ("ckd_epi_2021", {"age": 50, "creatinine": Decimal("1.2"), "sex": "female"}, "55.147"),
    ("bmi", {"weight": 72, "height": Decimal("1.8")}, "22.2222"),
    ("bsa_mosteller", {"weight": 80, "height": 180}, "2"),
    ("bsa_mosteller", {"weight": 70, "height": 170}, "1.81812"),
    ("qtcf", {"qt": 400, "rr": 1}, "400"),
    ("qtcf", {"qt": 400, "rr": Decimal("0.8")}, "430.887"),
    ("qtcf_by_rate", {"qt": 400, "heart_rate": 75}, "430.887"),
    ("corrected_calcium", {"calcium": 9, "albumin": 3}, "9.8"),
    ("corrected_calcium_si", {"calcium": Decimal("2.2"), "albumin": 30}, "2.4"),
]


@pytest.mark.parametrize(("name", "of", "result"), WORKED)
def test_worked_examples(name: str, of: dict[str, Any], result: str) -> None:
    made: Any = FORMULAS[name].compute(of)
    last = Decimal(1).scaleb(int(Decimal(result).as_tuple().exponent))
    assert made >= Decimal(result) - last
    assert made <= Decimal(result) + last
    if Decimal(result) == round(Decimal(result), 1):
        assert made >= Decimal(result)
        assert made <= Decimal(result)


def ckd_epi(age: int, creatinine: float, sex: str) -> float:
    """Inker 2021 in doubles."""
    kappa, alpha = (0.7, -0.241) if sex == "female" else (0.9, -0.302)
    ratio = creatinine / kappa
    made: float = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age
    return made * (1.012 if sex == "female" else 1)


@given(
    age=st.integers(18, 100),
    creatinine=st.decimals("0.2", "8", places=2),
    sex=st.sampled_from(["female", "male"]),
)
def test_ckd_epi_2021_is_the_published_equation(age: int, creatinine: Decimal, sex: str) -> None:
    made: Any = FORMULAS["ckd_epi_2021"].compute({"age": age, "creatinine": creatinine, "sex": sex})
    near = ckd_epi(age, float(creatinine), sex)
    assert made > Fraction(near) * Fraction(999_999, 1_000_000)
    assert made < Fraction(near) * Fraction(1_000_001, 1_000_000)


@given(age=st.integers(18, 100), creatinine=st.decimals("0.2", "8", places=2))
def test_mdrd_ma_is_the_published_equation(age: int, creatinine: Decimal) -> None:
    of = {"age": age, "creatinine": creatinine, "sex": "female"}
    made: Any = FORMULAS["mdrd_ma"].compute(of)
    near = 175 * float(creatinine) ** -1.234 * math.pow(age, -0.179) * 0.79
    assert made > Fraction(near) * Fraction(999_999, 1_000_000)
    assert made < Fraction(near) * Fraction(1_000_001, 1_000_000)


@pytest.mark.parametrize("sex", ["female", "male"])
def test_ckd_epi_2021_at_its_knee(sex: str) -> None:
    """At creatinine = k the power is 1 from both sides, so the result is rational."""
    knee = Decimal("0.7") if sex == "female" else Decimal("0.9")
    made: Any = FORMULAS["ckd_epi_2021"].compute({"age": 1, "creatinine": knee, "sex": sex})
    exact = 142 * Decimal("0.9938") * (Decimal("1.012") if sex == "female" else 1)
    assert made >= exact
    assert made <= exact


@pytest.mark.parametrize("which", FORMULAS.values(), ids=FORMULAS)
def test_every_formula_has_its_source_and_an_example(which: Any) -> None:
    assert any(letter.isdigit() for letter in which.source)
    assert which.example.keys() == {*which.numbers, *which.words}
    assert which.lever in which.numbers
    assert which.above_zero <= which.numbers.keys()
    result: Any = which.compute(which.example)
    more: Any = which.compute({**which.example, which.lever: which.example[which.lever] * 2})
    assert result > 0
    assert more > 0
    zero = {name: 0 for name in which.numbers if name not in which.above_zero}
    assert which.compute({**which.example, **zero}) is not None


PROTOCOL = (
    HEAD
    + """\
eligibility:
  fields:
    age: {type: int}
    sex: {type: choice, of: [female, male]}
    weight: {type: quantity, unit: kg}
    height: {type: quantity, unit: cm, above_zero: true}
    creatinine: {type: quantity, unit: umol/L, above_zero: true, same: [1 mg/dL, 88.42 umol/L]}
    creatinine_or_none: {type: quantity, unit: mg/dL}
    qt: {type: quantity, unit: ms}
    rr: {type: quantity, unit: ms, above_zero: true}
  criteria:
    - {id: I01, category: inclusion, text: A rule., rule: {formula: RULE}}
"""
)


def decided(rule: str, form: dict[str, Any]) -> bool | None:
    protocol = protocol_file.parse(PROTOCOL.replace("RULE", rule).encode(), "t.yaml")
    decision = Eligibility.of(protocol).decide(SubjectId("AA-0001"), form, TODAY)
    return decision.criteria[0].outcome


BMI = "{name: bmi, of: {weight: weight, height: height}, at_most: 25 kg/m2}"
BSA = "{name: bsa_mosteller, of: {weight: weight, height: height}, LIMIT: 2 m2}"
QTCF = "{name: qtcf, of: {qt: qt, rr: rr}, LIMIT: 0.5 s}"
CKD = "{name: ckd_epi_2021, of: {age: age, sex: sex, creatinine: creatinine}, at_least: LIMIT}"


@pytest.mark.parametrize(
    ("height", "weight", "truth"),
    [
        (quantity(180, "cm"), quantity("81", "kg"), True),
        (quantity("1.8", "m"), quantity("81", "kg"), True),
        (quantity("1.8", "m"), quantity("81000.0000001", "g"), False),
        (quantity(180, "cm"), None, None),
    ],
)
def test_a_formula_takes_its_numbers_in_any_unit(
    height: dict[str, Any], weight: dict[str, Any] | None, truth: bool | None
) -> None:
    assert decided(BMI, {"height": height, "weight": weight}) is truth


@pytest.mark.parametrize(
    ("limit", "weight", "truth"),
    [
        ("at_least", "80", True),
        ("above", "80", False),
        ("above", "80.00000000000000000000000000000000000000001", True),
        ("at_most", "80.00000000000000000000000000000000000000001", False),
        ("below", "80", False),
        ("below", "79.99999999999999999999999999999999999999999", True),
    ],
)
def test_a_root_is_exact_at_its_limit(limit: str, weight: str, truth: bool) -> None:
    form = {"height": quantity(180, "cm"), "weight": quantity(weight, "kg")}
    assert decided(BSA.replace("LIMIT", limit), form) is truth


@pytest.mark.parametrize(
    ("limit", "rr", "truth"),
    [("at_most", "512", True), ("below", "512", False), ("below", "512.0000000001", True)],
)
def test_a_cube_root_is_exact_at_its_limit(limit: str, rr: str, truth: bool) -> None:
    form = {"qt": quantity(400, "ms"), "rr": quantity(rr, "ms")}
    assert decided(QTCF.replace("LIMIT", limit), form) is truth


def test_an_unknown_sex_counts_where_both_agree() -> None:
    form = {"age": 50, "creatinine": quantity(1, "mg/dL")}  # 68.6 of a woman, 91.7 of a man
    limits = {"68 mL/min": True, "69 mL/min": None, "91 mL/min": None, "92 mL/min": False}
    for limit, truth in limits.items():
        assert decided(CKD.replace("LIMIT", limit), form) is truth


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (BMI.replace("height: height", "height: weight"), "formula.of.height: bmi needs height in"),
        (
            CKD.replace("creatinine: creatinine", "creatinine: creatinine_or_none"),
            "formula.of.creatinine: ckd_epi_2021 needs creatinine above 0",
        ),
        (BMI.replace("name: bmi", "name: bmj"), "formula.name: unknown; "),
        (BMI.replace("25 kg/m2", "25 kg"), "formula.at_most: cannot be converted to kg/m2"),
        (BMI.replace("25 kg/m2", "25"), "formula.at_most: needs its unit, like 25 kg/m2"),
    ],
)
def test_what_a_formula_cannot_take(rule: str, message: str) -> None:
    protocol = protocol_file.parse(PROTOCOL.replace("RULE", rule).encode(), "t.yaml")
    with pytest.raises(ProtocolError) as caught:
        Eligibility.of(protocol)
    assert str(caught.value).startswith(f"t.yaml:17: eligibility.criteria.0.rule.{message}")

"""Numbers as laboratories give them: both limits of normal, temperatures, scales, words in place
of a number, formulas in multiples of a field. Expected values are worked out by hand.
"""

from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from services.screening.boundaries import Boundaries
from services.screening.eligibility import Eligibility
from services.screening.form import FormErrors
from services.screening.section import Section
from shared.contracts import protocol_file
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import TODAY, Form

TEXT = """\
study: {id: T1, version: "1", title: T, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: ctcae}
sites: [{id: AA, time_zone: Europe/Rome}]
arms: [{id: A, title: A}, {id: B, title: B}]
strata: STRATA
eligibility:
  fields:
    albumin: {type: quantity, unit: g/L, lln: true}
    calcium: {type: quantity, unit: mg/dL, uln: true, lln: true, same: [1 mmol/L, 4.008 mg/dL]}
    temperature: {type: quantity, unit: Cel}
    hba1c: {type: quantity, unit: "%", scale: hba1c}
    psa: {type: quantity, unit: ug/L, uln: true, or: not_done}
    cycles: {type: int, min: 1, or: none}
    age: {type: int, min: 1, max: 120}
    sex: {type: choice, of: [female, male]}
    creatinine: {type: quantity, unit: mg/dL, above_zero: true}
    egfr_before: {type: quantity, unit: "mL/min/{1.73_m2}"}
    lesions:
      type: list
      of: {type: item, members: {size: {type: quantity, unit: mm, or: not_measurable}}}
  criteria:
    - {id: I01, category: inclusion, text: a, rule: {x_lln: {field: albumin, at_least: 0.9}}}
    - id: I02
      category: inclusion
      text: Calcium is normal.
      rule:
        all:
          - x_lln: {field: calcium, at_least: 1}
          - x_uln: {field: calcium, at_most: 1}
    - {id: E01, category: exclusion, text: i, rule: {number: {field: temperature, above: 38 Cel}}}
    - {id: E02, category: exclusion, text: b, rule: {number: {field: hba1c, above: 7.0 %}}}
    - {id: E03, category: exclusion, text: c, rule: {number: {field: hba1c, above: 53 mmol/mol}}}
    - {id: E04, category: exclusion, text: d, rule: {number: {field: psa, above: 10 ng/mL}}}
    - {id: E05, category: exclusion, text: e, rule: {x_uln: {field: psa, above: 2}}}
    - {id: E06, category: exclusion, text: f, rule: {says: {field: psa, word: not_done}}}
    - {id: E07, category: exclusion, text: g, rule: {number: {field: cycles, above: 6}}}
    - id: E08
      category: exclusion
      text: Calcium, corrected for albumin, above 1.1 x ULN.
      rule:
        formula:
          name: corrected_calcium
          of: {calcium: calcium, albumin: albumin}
          x_uln: calcium
          above: 1.1
    - id: E09
      category: exclusion
      text: eGFR fell by a quarter or more.
      rule:
        formula:
          name: ckd_epi_2021
          of: {age: age, creatinine: creatinine, sex: sex}
          x_field: egfr_before
          at_most: 0.75
    - id: E10
      category: exclusion
      text: Calcium, corrected for albumin, below LLN.
      rule:
        formula:
          name: corrected_calcium
          of: {calcium: calcium, albumin: albumin}
          x_lln: calcium
          below: 1
    - id: E11
      category: exclusion
      text: A lesion of more than 30 mm, or one that cannot be measured.
      rule:
        any_item:
          list: lesions
          where:
            any:
              - number: {field: item.size, above: 3 cm}
              - says: {field: item.size, word: not_measurable}
"""
BY_SITE = "{by: site, ratio: {A: 1, B: 1}}"
PROTOCOL = protocol_file.parse(TEXT.replace("STRATA", BY_SITE).encode(), "t.yaml")


@cache
def trial() -> Eligibility:
    """Compiled when a test asks, so that no mutant of what compiles is hidden."""
    return Eligibility.of(PROTOCOL)


def q(value: Any, unit: str, **normal: Any) -> Form:
    """A quantity; a text is a decimal."""
    given = {"value": value, **normal}
    made = {name: Decimal(one) if isinstance(one, str) else one for name, one in given.items()}
    return {"unit": unit, **made}


def outcome(criterion: str, form: Form) -> Any:
    decision = trial().decide(SubjectId("AA-0001"), form, TODAY)
    return next(one for one in decision.criteria if one.id == criterion)


CASES: list[tuple[str, bool | None, Form]] = [
    ("I01", True, {"albumin": q(9, "g/L", lln=10)}),
    ("I01", False, {"albumin": q(8, "g/L", lln=10)}),
    ("I01", True, {"albumin": q(9, "g/dL", lln=10)}),
    ("I01", None, {}),
    ("I02", True, {"calcium": q(8, "mg/dL", lln=8, uln=10)}),
    ("I02", False, {"calcium": q(7, "mg/dL", lln=8, uln=10)}),
    ("I02", True, {"calcium": q(10, "mg/dL", lln=8, uln=10)}),
    ("I02", False, {"calcium": q(11, "mg/dL", lln=8, uln=10)}),
    ("E01", False, {"temperature": q(38, "Cel")}),
    ("E01", True, {"temperature": q("38.01", "Cel")}),
    ("E01", False, {"temperature": q("100.4", "[degF]")}),
    ("E01", True, {"temperature": q("100.41", "[degF]")}),
    ("E01", False, {"temperature": q("311.15", "K")}),
    ("E01", True, {"temperature": q("311.16", "K")}),
    ("E02", True, {"hba1c": q(53, "mmol/mol")}),  # 7.00044 %
    ("E02", False, {"hba1c": q(52, "mmol/mol")}),
    ("E02", False, {"hba1c": q(7, "%")}),
    ("E03", False, {"hba1c": q(53, "mmol/mol")}),
    ("E03", True, {"hba1c": q(54, "mmol/mol")}),
    ("E03", False, {"hba1c": q(7, "%")}),
    ("E04", True, {"psa": q(11, "ng/mL", uln=4)}),
    ("E04", None, {"psa": "not_done"}),
    ("E04", None, {"psa": None}),
    ("E05", True, {"psa": q(9, "ng/mL", uln=4)}),
    ("E05", None, {"psa": "not_done"}),
    ("E06", True, {"psa": "not_done"}),
    ("E06", False, {"psa": q(0, "ng/mL", uln=4)}),
    ("E06", None, {}),
    ("E07", False, {"cycles": 6}),
    ("E07", True, {"cycles": 7}),
    ("E07", None, {"cycles": "none"}),
    # With albumin at 30 g/L, 0.8 mg/dL is added: 11 is 1.1 x 10, which is not above it.
    ("E08", False, {"calcium": q(102, "mg/L", lln=80, uln=100), "albumin": q(30, "g/L", lln=35)}),
    ("E08", True, {"calcium": q(103, "mg/L", lln=80, uln=100), "albumin": q(30, "g/L", lln=35)}),
    ("E08", None, {"calcium": q(103, "mg/L", lln=80, uln=100)}),
    ("E08", None, {"albumin": q(30, "g/L", lln=35)}),
    # 2.42 mmol/L is 1.1 x 2.2 whatever its molar mass.
    (
        "E08",
        False,
        {"calcium": q("2.42", "mmol/L", lln=2, uln="2.2"), "albumin": q(40, "g/L", lln=3)},
    ),
    (
        "E08",
        True,
        {"calcium": q("2.5", "mmol/L", lln=2, uln="2.2"), "albumin": q(4, "g/dL", lln=3)},
    ),
    ("E10", True, {"calcium": q(79, "mg/L", lln=80, uln=100), "albumin": q(4, "g/dL", lln=3)}),
    ("E10", False, {"calcium": q(79, "mg/L", lln=80, uln=100), "albumin": q(3, "g/dL", lln=3)}),
    ("E11", False, {"lesions": []}),
    ("E11", False, {"lesions": [{"size": q(30, "mm")}]}),
    ("E11", True, {"lesions": [{"size": q(31, "mm")}]}),
    ("E11", True, {"lesions": [{"size": "not_measurable"}]}),
    ("E11", None, {"lesions": [{}]}),
]


@pytest.mark.parametrize(("criterion", "truth", "form"), CASES)
def test_case(criterion: str, truth: bool | None, form: Form) -> None:
    assert outcome(criterion, form).outcome is truth


@pytest.mark.parametrize(
    ("before", "truth"), [("89.24", True), ("89.23", False), (None, None), ("200", True)]
)
def test_a_formula_in_multiples_of_a_field(before: str | None, truth: bool | None) -> None:
    """142 x (1.3 / 0.9) ** -1.2 x 0.9938 ** 50 is 66.9263 mL/min/1.73 m2, 3/4 of 89.2351."""
    form: Form = {"age": 50, "sex": "male", "creatinine": q("1.3", "mg/dL")}
    if before is not None:
        form["egfr_before"] = q(before, "mL/min/{1.73_m2}")
    found = outcome("E09", form)
    assert found.outcome is truth
    assert found.missing == (() if before else ("egfr_before",))
    assert found.evidence.keys() == form.keys()


def test_an_unknown_word_of_a_formula_in_multiples_counts_where_both_agree() -> None:
    form: Form = {"age": 50, "creatinine": q(1, "mg/dL")}
    assert outcome("E09", form | {"egfr_before": q(200, "mL/min/{1.73_m2}")}).outcome is True
    found = outcome("E09", form | {"egfr_before": q(100, "mL/min/{1.73_m2}")})
    assert (found.outcome, found.missing) == (None, ("sex",))  # 92 of a man, 69 of a woman


def test_evidence_is_as_written_and_as_converted() -> None:
    both = outcome("I02", {"calcium": q(2, "mmol/L", uln="2.5", lln=2)})
    assert both.evidence == {"calcium": q(2, "mmol/L", uln="2.5", lln=2)}
    assert both.converted == {"calcium": q("8.016", "mg/dL", uln="10.020", lln="8.016")}
    assert outcome("E02", {"hba1c": q(53, "mmol/mol")}).converted == {"hba1c": q("7.00044", "%")}
    assert outcome("E01", {"temperature": q("100.4", "[degF]")}).converted == {
        "temperature": q(38, "Cel")
    }
    word = outcome("E04", {"psa": "not_done"})
    assert (word.evidence, word.converted) == ({"psa": "not_done"}, {})


def test_a_word_in_place_of_a_number_leaves_a_comparison_open() -> None:
    """Nobody measured, so nobody knows; a rule that says the word is decided by it."""
    for criterion in ("E04", "E05"):
        assert outcome(criterion, {"psa": "not_done"}).missing == ("psa",)
    assert outcome("E11", {"lesions": [{"size": "not_measurable"}]}).missing == ()
    word, above = "{says: {field: psa, word: not_done}}", "{number: {field: psa, above: 5 ug/L}}"
    times = "{x_field: {field: psa, of: calcium, above: 2}}"
    for rule, truth in (
        (f"{{any: [{word}, {above}]}}", True),
        (f"{{all: [{{not: {word}}}, {above}]}}", False),
        (f"{{all: [{word}, {above}]}}", None),
        (f"{{not: {above}}}", None),
        (times, None),
    ):
        raw = TEXT.replace("STRATA", BY_SITE).replace(f"rule: {word}", f"rule: {rule}")
        made = Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))
        form = {"psa": "not_done", "calcium": q(8, "mg/dL", lln=8, uln=10)}
        decision = made.decide(SubjectId("AA-0001"), form, TODAY)
        found = next(one for one in decision.criteria if one.id == "E06")
        assert (found.outcome, found.missing) == (truth, ("psa",) if truth is None else ())


WRONG: list[tuple[Form, tuple[Any, ...], str]] = [
    ({"albumin": q(9, "g/L")}, ("albumin", "lln"), "is missing"),
    ({"albumin": q(9, "g/L", lln=0)}, ("albumin", "lln"), "must be above 0"),
    ({"albumin": 9}, ("albumin",), "must have value, unit and lln"),
    ({"calcium": 9}, ("calcium",), "must have value, unit, uln and lln"),
    (
        {"calcium": q(9, "mg/dL", lln="10.1", uln=10)},
        ("calcium", "lln"),
        "must not be above the upper limit",
    ),
    ({"psa": "unknown"}, ("psa",), 'must be "not_done", if it is a word'),
    ({"psa": 5}, ("psa",), "must have value, unit and uln"),
    ({"cycles": 0}, ("cycles",), "must be 1 or more"),
    ({"cycles": "1"}, ("cycles",), 'must be "none", if it is a word'),
    ({"temperature": q(31, "[degF]")}, ("temperature", "value"), "must be 0 or more in Cel"),
    ({"hba1c": q(5, "mol/mol")}, ("hba1c", "unit"), "cannot be converted to %"),
    (
        {"lesions": [{"size": "large"}]},
        ("lesions", 0, "size"),
        'must be "not_measurable", if it is a word',
    ),
]


@pytest.mark.parametrize(("form", "loc", "said"), WRONG)
def test_what_is_said_of_a_wrong_value(form: Form, loc: tuple[Any, ...], said: str) -> None:
    with pytest.raises(FormErrors) as caught:
        trial().decide(SubjectId("AA-0001"), form, TODAY)
    assert caught.value.errors == [(loc, said)]


def test_right_values_beside_the_wrong_ones() -> None:
    for form in (
        {"calcium": q(9, "mg/dL", lln=10, uln=10)},
        {"temperature": q(32, "[degF]")},
        {"cycles": "none"},
    ):
        trial().decide(SubjectId("AA-0001"), form, TODAY)


def faults(old: str, new: str) -> list[str]:
    """What is wrong with the eligibility of the protocol changed so, each without file and line."""
    assert old in TEXT
    raw = TEXT.replace("STRATA", BY_SITE).replace(old, new)
    with pytest.raises(ProtocolError) as caught:
        Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))
    return [line.split(": eligibility.", 1)[1] for line in caught.value.lines]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "x_lln: {field: albumin,",
            "x_uln: {field: albumin,",
            "criteria.0.rule.x_uln.field: albumin has no upper limit of normal",
        ),
        (
            "x_lln: {field: albumin,",
            "x_lln: {field: psa,",
            "criteria.0.rule.x_lln.field: psa has no lower limit of normal",
        ),
        (
            "at_least: 0.9}",
            "at_least: 0.9 g/L}",
            "criteria.0.rule.x_lln.at_least: a multiple has no unit",
        ),
        (
            "above: 38 Cel",
            "above: 38 kg",
            "criteria.2.rule.number.above: cannot be converted to Cel",
        ),
        (
            "above: 53 mmol/mol",
            "above: 0.053 mol/mol",
            "criteria.4.rule.number.above: cannot be converted to %",
        ),
        (
            "unit: Cel}",
            "unit: Cel, uln: true}",
            ("fields.temperature: a limit of normal is multiplied, and Cel has no true zero"),
        ),
        (
            "scale: hba1c}",
            "scale: hba1}",
            "fields.hba1c: hba1 is no scale; there are hba1c",
        ),
        (
            "scale: hba1c}",
            "scale: hba1c, uln: true}",
            "fields.hba1c: scale goes with none of same, uln and lln",
        ),
        (
            'unit: "%", scale',
            "unit: mol/mol, scale",
            "fields.hba1c: hba1c is in mmol/mol or %",
        ),
        (
            "cycles: {type: int, min: 1, or: none}",
            "cycles: {type: object, members: {eye: {type: int, or: untestable}}}",
            "fields.cycles: eye is a number beside others, and no word can stand for it",
        ),
        (
            "word: not_done",
            "word: none",
            "criteria.7.rule.says.word: psa never says none",
        ),
        (
            "says: {field: psa, word: not_done}",
            "says: {field: sex, word: not_done}",
            (
                "criteria.7.rule.says.field: sex is of another kind (choice); date or int or "
                "number or quantity is needed here"
            ),
        ),
        (
            "x_uln: calcium",
            "x_uln: creatinine",
            "criteria.9.rule.formula.x_uln: creatinine has no upper limit of normal",
        ),
        (
            "x_uln: calcium",
            "x_uln: psa",
            (
                "criteria.9.rule.formula.x_uln: psa may be no number, so nothing can be "
                "worked out from it"
            ),
        ),
        (
            "x_field: egfr_before",
            "x_field: albumin",
            ("criteria.10.rule.formula.x_field: albumin cannot be converted to mL/min/{1.73_m2}"),
        ),
        (
            "number: {field: temperature, above: 38 Cel}",
            "x_field: {field: temperature, of: temperature, above: 1, at_most: 1.05}",
            (
                "criteria.2.rule.x_field.at_most: temperature has no true zero, so that only 1 "
                "times it means anything"
            ),
        ),
        (
            "number: {field: hba1c, above: 7.0 %}",
            "x_field: {field: hba1c, of: hba1c, below: 0.9}",
            (
                "criteria.3.rule.x_field.below: hba1c has no true zero, so that only 1 times it "
                "means anything"
            ),
        ),
        (
            "x_field: egfr_before",
            "x_uln: calcium\n          x_field: egfr_before",
            "criteria.10.rule.formula.x_field: is one too many beside x_uln",
        ),
        (
            "{age: age, creatinine: creatinine, sex: sex}",
            "{age: cycles, creatinine: creatinine, sex: sex}",
            (
                "criteria.10.rule.formula.of.age: cycles may be no number, so nothing can be "
                "worked out from it"
            ),
        ),
        (
            "above: 1.1\n",
            "above: 1.1 mg/dL\n",
            "criteria.9.rule.formula.above: a multiple has no unit",
        ),
    ],
)
def test_what_is_said_of_a_wrong_rule(old: str, new: str, said: str) -> None:
    assert faults(old, new) == [said]


def strata(*rules: str) -> list[str]:
    """What is wrong with these strata."""
    made = ", ".join(
        f"{{id: s{n}, title: s, when: {rule}, ratio: {{A: 1, B: 1}}}}"
        for n, rule in enumerate(rules)
    )
    found = TEXT.replace("STRATA", f"[{made}]")
    found = found[: found.index("    - id: I02")]  # what lets everybody in who has albumin
    try:
        Eligibility.of(protocol_file.parse(found.encode(), "t.yaml"))
    except ProtocolError as error:
        return [line.split(": ", 1)[1] for line in error.lines]
    return []


LOW, HIGH = "{number: {field: psa, at_most: 10 ug/L}}", "{number: {field: psa, above: 10 ug/L}}"
NOT_DONE = "{says: {field: psa, word: not_done}}"


def test_a_word_in_place_of_a_number_is_a_part_of_its_own() -> None:
    assert strata(LOW, HIGH) == []  # the stratum is unknown then, and no gap
    assert strata(LOW, HIGH, NOT_DONE) == []
    assert strata(LOW, f"{{not: {LOW}}}") == []
    assert strata(LOW, f"{{any: [{HIGH}, {NOT_DONE}]}}", NOT_DONE) == [
        "strata.2.when: overlap with s1: psa not_done"
    ]
    assert strata(f"{{all: [{LOW}, {NOT_DONE}]}}", f"{{not: {LOW}}}", LOW) == [
        "strata.0.when: holds for nobody"
    ]
    assert strata(NOT_DONE, f"{{not: {NOT_DONE}}}") == []
    assert strata(NOT_DONE, f"{{all: [{{not: {NOT_DONE}}}, {LOW}]}}") == [
        "strata: gap: psa 11 ug/L"
    ]
    done = (f"{{all: [{{not: {NOT_DONE}}}, {one}]}}" for one in (LOW, HIGH))
    assert strata(*done) == ["strata: gap: psa not_done"]  # neither, by the word


def test_a_word_is_the_same_in_limits_and_in_multiples() -> None:
    """That it says the word is told on either axis of the field, so that no patient is both."""
    low, high = (f"{{x_uln: {{field: psa, {word}: 2}}}}" for word in ("at_most", "above"))
    assert strata(NOT_DONE, low, high) == []
    assert strata(low, high, NOT_DONE) == []
    assert strata(low, high) == []
    assert strata(NOT_DONE, low) == ["strata: gap: psa 3 x ULN"]


def test_limits_on_a_scale_are_compared_in_one_unit() -> None:
    low, high = (
        f"{{number: {{field: hba1c, {limit}}}}}"
        for limit in ("at_most: 7.00044 %", "above: 53 mmol/mol")
    )
    assert strata(low, high) == []
    assert strata(low.replace("7.00044", "7.0"), high) == ["strata: gap: hba1c 7.0001 %"]


def test_multiples_of_either_limit_are_strata() -> None:
    low, high = (f"{{x_lln: {{field: albumin, {word}: 1.5}}}}" for word in ("below", "at_least"))
    assert strata(low, high) == []
    assert strata(low.replace("1.5", "1.2"), high)[0].startswith("strata: gap: albumin 1.2 x LLN")


def test_every_limit_is_shown_on_both_sides() -> None:
    boundaries = Boundaries(PROTOCOL, Section.of(PROTOCOL))
    for criterion in (
        "I01",
        "I02",
        "E01",
        "E02",
        "E03",
        "E04",
        "E05",
        "E07",
        "E08",
        "E09",
        "E10",
        "E11",
    ):
        rows = boundaries.of(criterion)
        for limit in {row.limit for row in rows}:
            beside = [row for row in rows if row.limit == limit]
            inside = {row.outcome for row in beside if row.where == "inside"}
            outside = {row.outcome for row in beside if row.where == "outside"}
            assert {frozenset(inside), frozenset(outside)} == {
                frozenset({True}),
                frozenset({False}),
            }, (criterion, limit)


def test_a_row_tells_what_the_limit_is_a_multiple_of() -> None:
    boundaries = Boundaries(PROTOCOL, Section.of(PROTOCOL))
    rows = [(row.where, row.value, row.outcome) for row in boundaries.of("I01")]
    assert rows == [
        ("outside", "89.99 g/L (lower limit: 100)", False),
        ("on", "90 g/L (lower limit: 100)", True),
        ("inside", "90.01 g/L (lower limit: 100)", True),
    ]
    assert [row.value for row in boundaries.of("E08")] == [
        "calcium 109.99 mg/dL (albumin 4, the upper limit of normal of calcium 100)",
        "calcium 110.00 mg/dL (albumin 4, the upper limit of normal of calcium 100)",
        "calcium 110.01 mg/dL (albumin 4, the upper limit of normal of calcium 100)",
    ]

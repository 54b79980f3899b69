"""Strata and criteria that cannot be: overlaps, gaps, nobody; each with a patient to show it."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.screening import searching
from services.screening.cells import between, cells
from services.screening.eligibility import Eligibility
from services.screening.trial import Trial
from shared.contracts import protocol_file
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SubjectId
from shared.contracts.versions import Versions
from tests.unit.screening.examples import examples
from tests.unit.screening.forms import TODAY

HEAD = """\
study: {id: T1, version: "1", title: T, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: ctcae}
sites: [{id: AA, time_zone: Europe/Rome}]
arms: [{id: A, title: A}, {id: B, title: B}]
strata:
  - {id: s, title: S, when: ONE, ratio: {A: 1}}
  - {id: t, title: T, when: TWO, ratio: {B: 1}}
eligibility:
  fields:
    flag: {type: bool}
    age: {type: int, max: 120}
    size: {type: quantity, unit: cm, above_zero: true}
    alt: {type: quantity, unit: U/L, uln: true}
    sex: {type: choice, of: [female, male]}
    stage: {type: choice, of: [i, ii, iii]}
    start: {type: date}
    surgery: {type: date, or: none}
    drugs: {type: list, of: {type: text}}
    weight: {type: quantity, unit: kg}
    height: {type: quantity, unit: m, above_zero: true}
    pressure: {type: object, members: {low: {type: number}, high: {type: number}}}
  criteria:
    - {id: I01, category: inclusion, text: A rule., rule: CRITERION}
"""
BMI = "formula: {name: bmi, of: {weight: weight, height: height},"


def faults(one: str, two: str, criterion: str | None = None) -> list[str]:
    """What is wrong with a protocol of these two strata, without the file's name."""
    anybody = "{any: [{is_true: flag}, {not: {is_true: flag}}]}"
    raw = HEAD.replace("ONE", one).replace("TWO", two).replace("CRITERION", criterion or anybody)
    try:
        Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))
    except ProtocolError as error:
        return [line.removeprefix("t.yaml:") for line in error.lines]
    return []


RIGHT = [
    ("{number: {field: size, at_most: 4 cm}}", "{number: {field: size, above: 40 mm}}"),
    ("{number: {field: age, below: 18}}", "{number: {field: age, above: 17}}"),
    ("{one_of: {field: stage, words: [i, iii]}}", "{one_of: {field: stage, words: [ii]}}"),
    ("{is_true: flag}", "{not: {is_true: flag}}"),
    ("{x_uln: {field: alt, below: 2}}", "{x_uln: {field: alt, at_least: 2}}"),
    ("{number: {field: pressure.low, below: 9}}", "{number: {field: pressure.low, at_least: 9}}"),
    (f"{{{BMI} below: 30 kg/m2}}}}", f"{{{BMI} at_least: 30 kg/m2}}}}"),
    (
        "{any_item: {list: drugs, where: {one_of: {field: item, words: [x]}}}}",
        "{not: {any_item: {list: drugs, where: {one_of: {field: item, words: [x]}}}}}",
    ),
    (
        "{within: {field: surgery, before: start, weeks: 4}}",
        "{not: {within: {field: surgery, before: start, days: 28}}}",
    ),
    (
        "{all: [{is_true: flag}, {number: {field: age, at_least: 65}}]}",
        "{any: [{number: {field: age, at_most: 64}}, {not: {is_true: flag}}]}",
    ),
]


@pytest.mark.parametrize(("one", "two"), RIGHT)
def test_strata_that_part_all_patients(one: str, two: str) -> None:
    assert faults(one, two) == []


WRONG = [
    (
        "{number: {field: size, below: 4 cm}}",
        "{number: {field: size, above: 4 cm}}",
        ["5: strata: gap: size 4 cm"],
    ),
    (
        "{number: {field: size, at_most: 4 cm}}",
        "{number: {field: size, at_least: 40 mm}}",
        ["7: strata.1.when: overlap with s: size 4"],
    ),
    (
        "{number: {field: size, at_most: 4 cm}}",
        "{number: {field: size, above: 4.5 cm}}",
        ["5: strata: gap: size 4.1 cm"],
    ),
    (
        "{number: {field: age, at_most: 17}}",
        "{number: {field: age, above: 18}}",
        ["5: strata: gap: age 18"],
    ),
    (
        "{one_of: {field: stage, words: [i]}}",
        "{one_of: {field: stage, words: [iii]}}",
        ["5: strata: gap: stage ii"],
    ),
    (
        "{x_uln: {field: alt, at_most: 2}}",
        "{x_uln: {field: alt, above: 2.5}}",
        ["5: strata: gap: alt 2.1 x ULN"],
    ),
    (
        f"{{{BMI} below: 30 kg/m2}}}}",
        f"{{{BMI} above: 30 kg/m2}}}}",
        ["5: strata: gap: bmi 30 kg/m2"],
    ),
    (
        "{within: {field: surgery, before: start, months: 1}}",
        "{not: {within: {field: surgery, before: start, days: 31}}}",
        ["5: strata: gap: surgery 2024-01-30, start 2024-03-01"],
    ),
    (
        "{within: {field: surgery, before: start, days: 28}}",
        "{not: {within: {field: surgery, before: start, days: 27}}}",
        ["7: strata.1.when: overlap with s: surgery 2025-08-03, start 2025-08-31"],
    ),
    (
        "{is_true: flag}",
        "{all: [{number: {field: age, above: 5}}, {number: {field: age, below: 5}}]}",
        ["4: arms.1: nobody can reach B", "5: strata: gap: flag false", "7: strata.1.when: holds"],
    ),
    (
        "{all: [{is_true: flag}, {one_of: {field: sex, words: [male]}}]}",
        "{all: [{not: {is_true: flag}}, {one_of: {field: sex, words: [female]}}]}",
        ["5: strata: gap: flag true, sex female"],
    ),
]


@pytest.mark.parametrize(("one", "two", "wanted"), WRONG)
def test_what_is_wrong_is_told_with_a_patient(one: str, two: str, wanted: list[str]) -> None:
    found = faults(one, two)
    assert len(found) == len(wanted)
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start)


def test_a_service_does_not_start_with_a_gap() -> None:
    raw = HEAD.replace("ONE", WRONG[0][0]).replace("TWO", WRONG[0][1])
    protocol = protocol_file.parse(raw.replace("CRITERION", "{is_true: flag}").encode(), "t.yaml")
    with pytest.raises(ProtocolError, match=r"^t\.yaml:5: strata: gap: size 4 cm$"):
        Trial.of(Versions((protocol,)))


def test_what_cannot_be_told_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that gives up lets no overlap and no gap pass, and calls nothing unreachable."""
    monkeypatch.setattr(searching, "_MOST", 0)
    assert faults(*RIGHT[0]) == [
        "5: strata: gap: too much is read to tell",
        "7: strata.1.when: overlap with s: too much is read to tell",
    ]


def test_a_gap_that_the_criteria_close_is_none() -> None:
    grown = "{number: {field: age, at_least: 18}}"
    young = "{number: {field: age, at_least: 18, at_most: 40}}"
    old = "{number: {field: age, above: 40}}"
    assert faults(young, old, grown) == []
    assert faults(young, old) == ["5: strata: gap: age 0"]


def test_a_stratum_that_the_criteria_empty() -> None:
    below, above = "{number: {field: size, at_most: 4 cm}}", "{number: {field: size, above: 4 cm}}"
    assert faults(below, above, "{number: {field: size, below: 3 cm}}") == [
        "4: arms.1: nobody can reach B",
        "7: strata.1.when: the criteria let nobody in",
    ]


def test_criteria_that_nobody_can_meet() -> None:
    strata = "{is_true: flag}", "{not: {is_true: flag}}"
    both = "{number: {field: age, at_least: 65, below: 65}}"
    assert faults(*strata, both) == [
        "23: eligibility.criteria.0.rule: keeps everybody out, whatever a form says"
    ]


ONES = st.sampled_from(
    [
        {"number": {"field": "age", word: limit}}
        for word in ("above", "at_least", "at_most", "below")
        for limit in (0, 1, 2, 3, 120)
    ]
    + [
        {"one_of": {"field": "stage", "words": words}}
        for words in (["i"], ["ii"], ["i", "iii"], ["i", "ii", "iii"])
    ]
    + [{"is_true": "flag"}]
)


def several(word: str) -> st.SearchStrategy[Any]:
    return st.lists(RULES, min_size=1, max_size=3).map(lambda those: {word: those})


RULES: st.SearchStrategy[Any] = st.deferred(
    lambda: ONES | RULES.map(lambda rule: {"not": rule}) | several("all") | several("any")
)


def holds(rule: Any, form: dict[str, Any]) -> bool:
    """A rule on a whole form, by hand."""
    ((word, said),) = rule.items()
    match word:
        case "not":
            return not holds(said, form)
        case "all":
            return all(holds(one, form) for one in said)
        case "any":
            return any(holds(one, form) for one in said)
        case "is_true":
            return bool(form[said])
        case "one_of":
            return form[said["field"]] in said["words"]
    ((limit, value),) = ((key, said[key]) for key in said if key != "field")
    age = form["age"]
    return bool(
        {"above": age > value, "at_least": age >= value, "at_most": age <= value}.get(
            limit, age < value
        )
    )


def flow(rule: Any) -> str:
    """A rule in one line of YAML."""
    if isinstance(rule, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in rule.items()) + "}"
    if isinstance(rule, list):
        return "[" + ", ".join(map(flow, rule)) + "]"
    return str(rule)


EVERYBODY = [
    {"age": age, "stage": stage, "flag": flag}
    for age in (*range(6), 60, 119, 120)
    for stage in ("i", "ii", "iii")
    for flag in (True, False)
]


@examples(80)
@given(one=RULES, two=RULES)
def test_as_all_patients_one_by_one_say(one: Any, two: Any) -> None:
    """The search agrees with trying every patient that these rules can tell apart."""
    counts = {(holds(one, who), holds(two, who)) for who in EVERYBODY}
    found = faults(flow(one), flow(two))
    assert any("overlap" in line for line in found) is ((True, True) in counts)
    assert any("gap" in line for line in found) is ((False, False) in counts)
    nobody = {(True, False), (True, True)}.isdisjoint(counts)
    assert any("strata.0.when: holds for nobody" in line for line in found) is nobody
    assert any("arms.0" in line for line in found) is nobody


@given(
    limits=st.sets(st.fractions(0, 5, max_denominator=7), max_size=4),
    value=st.fractions(0, 5, max_denominator=97),
)
def test_every_value_has_its_cell(limits: set[Fraction], value: Fraction) -> None:
    """For any value there is one among the cells that stands to all limits as it does."""
    made = cells(limits, 0, 5, whole=False)
    stands = [((limit > value) - (limit < value)) for limit in limits]
    assert any(stands == [((limit > one) - (limit < one)) for limit in limits] for one in made)


@given(low=st.fractions(-5, 5), width=st.fractions(Fraction(1, 10**6), 5))
def test_between_is_between(low: Fraction, width: Fraction) -> None:
    assert low < between(low, low + width) < low + width


def test_an_unknown_field_of_a_stratum_is_asked_for() -> None:
    raw = HEAD.replace("ONE", "{number: {field: size, at_most: 4 cm}}")
    raw = raw.replace("TWO", "{number: {field: size, above: 4 cm}}")
    protocol = protocol_file.parse(raw.replace("CRITERION", "{is_true: flag}").encode(), "t.yaml")
    decision = Eligibility.of(protocol).decide(SubjectId("AA-0001"), {"flag": True}, TODAY)
    assert (decision.verdict, decision.stratum, decision.missing) == ("incomplete", None, ("size",))

"""The words of rules: Kleene in both orders, and every wrong word found with its line."""

from itertools import permutations

import pytest

from services.screening.compiling import compiled
from services.screening.eligibility import Eligibility
from services.screening.fields import BoolField
from services.screening.rules import Rule
from services.screening.scope import Scope
from services.screening.vocabulary import statement
from shared.contracts import protocol_file, versions
from shared.contracts.study import ProtocolError
from tests.unit.screening.forms import NCT_PROTOCOL, PILOT_PROTOCOL, PROTOCOLS

SCOPE = Scope.of({name: BoolField(type="bool") for name in "abc"})
TRUTHS = (True, False, None)


def rule(word: str, *fields: str) -> Rule:
    return compiled(statement({word: [{"is_true": field} for field in fields]}, SCOPE))


@pytest.mark.parametrize("first", TRUTHS)
@pytest.mark.parametrize("second", TRUTHS)
def test_kleene_in_both_orders(first: bool | None, second: bool | None) -> None:
    facts = {"a": first, "b": second}
    conjunction = False if False in (first, second) else None if None in (first, second) else True
    disjunction = True if True in (first, second) else None if None in (first, second) else False
    for order in permutations("ab"):
        both, either = rule("all", *order), rule("any", *order)
        assert both.test(facts) is conjunction
        assert either.test(facts) is disjunction
        unknown = {name for name, truth in facts.items() if truth is None}
        if conjunction is None:
            assert both.asks(facts) == unknown
        if disjunction is None:
            assert either.asks(facts) == unknown
    negated = compiled(statement({"not": {"is_true": "a"}}, SCOPE))
    assert negated.test(facts) is (None if first is None else not first)


def test_both_protocols_load() -> None:
    assert NCT_PROTOCOL.study.requires_signature
    assert [site.id for site in NCT_PROTOCOL.sites] == [f"IT{n:03}" for n in range(1, 21)]
    assert {site.time_zone for site in NCT_PROTOCOL.sites} == {"Europe/Rome"}
    assert {one.id: one.ratio for one in NCT_PROTOCOL.strata} == {
        "le4": {"DCN": 1, "RT": 1, "SOC": 1},
        "gt4": {"DCN": 1, "SOC": 1},
    }
    assert PILOT_PROTOCOL.strata_by_site
    assert len(PILOT_PROTOCOL.sites) == len(PILOT_PROTOCOL.strata) == 17
    assert not PILOT_PROTOCOL.study.requires_signature
    assert set(versions.load_all(PROTOCOLS)) == {"NCT06903312", "CDISCPILOT01"}


HEAD = """\
study: {id: T1, version: "1", title: T, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: ctcae}
sites: [{id: AA, time_zone: Europe/Rome}]
arms: [{id: A, title: A}]
strata: [{id: s, title: S, when: {is_true: flag}, ratio: {A: 1}}]
eligibility:
  fields:
    flag: {type: bool}
    count: {type: int}
    mass: {type: quantity, unit: kg}
    ratio: {type: quantity, unit: "1", uln: true}
    sex: {type: choice, of: [female, male]}
    start: {type: date}
    maybe: {type: date, or: none}
    drugs: {type: list, of: {type: text}}
    done: {type: map, of: [met, not_met]}
    creatinine: {type: quantity, unit: mg/dL, above_zero: true}
  criteria:
    - {id: I01, category: inclusion, text: A rule., rule: RULE}
"""

GAULT = "{formula: {name: cockcroft_gault, of: {age: count, sex: sex, creatinine: creatinine,"
BAD = [
    ("{}", "rule: a rule is a map with one key"),
    ("{is_true: flag, not: {is_true: flag}}", "rule: a rule is a map with one key"),
    ("{is_tru: flag}", "rule.is_tru: unknown; the vocabulary is all, any"),
    ("{is_true: flagg}", "rule.is_true: flagg is not a field of the form"),
    ("{is_true: today}", "rule.is_true: today is not a field of the form"),
    ("{is_true: count}", "rule.is_true: count is of another kind (int); bool"),
    ("{is_true: [flag]}", "rule.is_true: needs the name of a field"),
    ("{all: []}", "rule.all: needs a list of rules"),
    ("{all: [{is_true: flag}, {is_true: x}]}", "rule.all.1.is_true: x is not a field"),
    ("{number: {field: start, above: 1}}", "rule.number.field: start is of another kind"),
    ("{number: {field: count}}", "rule.number: needs a limit"),
    ("{number: {field: count, above: 1 kg}}", "rule.number.above: is compared with a whole"),
    ("{number: {field: count, above: many}}", "rule.number.above: must be a whole number"),
    ("{number: {field: count, over: 1}}", "rule.number.over: "),
    ("{number: {field: mass, above: 1}}", "rule.number.above: needs its unit, like 1 kg"),
    ("{number: {field: mass, above: 1 cm}}", "rule.number.above: cannot be converted to kg"),
    ("{number: {field: mass, above: 1 foo}}", "rule.number.above: is not in a UCUM unit"),
    ("{number: {field: mass, above: heavy}}", "rule.number.above: must be a number and a unit"),
    ("{number: {field: count, above: true}}", "rule.number.above"),
    ("{x_uln: {field: mass, at_most: 2}}", "rule.x_uln.field: mass has no upper limit"),
    ("{x_uln: {field: ratio, at_most: 2 kg}}", "rule.x_uln.at_most: a multiple has no unit"),
    ("{one_of: {field: sex, words: [woman]}}", "rule.one_of.words.0: woman is no choice of sex"),
    ("{one_of: {field: sex, words: []}}", "rule.one_of.words: "),
    ("{within: {field: start, before: start}}", "rule.within: needs one of days, weeks"),
    ("{within: {field: start, before: start, days: 1, years: 1}}", "rule.within: needs one of"),
    ("{within: {field: start, before: start, days: [3, 2]}}", "rule.within.days: the smaller"),
    ("{within: {field: start, before: start, days: -1}}", "rule.within.days"),
    ("{within: {field: start, before: maybe, days: 1}}", "rule.within.before: maybe may be no"),
    ("{within: {field: count, before: start, days: 1}}", "rule.within.field: count is of another"),
    ("{earlier_than: {field: start, before: start, days: [1, 2]}}", "rule.earlier_than: needs one"),
    ("{on_or_before: {field: maybe, day: today}}", "rule.on_or_before.field: maybe may be no day"),
    ("{on_or_before: {field: start, day: count}}", "rule.on_or_before.day: count is of another"),
    ("{says: {field: maybe, word: never}}", "rule.says.word: maybe never says never"),
    ("{any_item: {list: flag, where: {is_true: flag}}}", "rule.any_item.list: flag is of another"),
    ("{any_item: {list: drugs, where: {is_true: item}}}", "rule.any_item.where.is_true: item is"),
    (
        "{formula: {name: lean_mass, of: {}, above: 1}}",
        "rule.formula.name: unknown; the formulas are",
    ),
    (
        "{formula: {name: cockcroft_gault, of: {age: count}, above: 30 mL/min}}",
        "rule.formula.of: cockcroft_gault is of age, creatinine, sex, weight",
    ),
    (
        f"{GAULT} weight: creatinine}}, above: 30 mL/min}}}}",
        "rule.formula.of.weight: cockcroft_gault needs weight in kg",
    ),
    (
        f"{GAULT} weight: mass}}, above: 30}}}}",
        "rule.formula.above: needs its unit",
    ),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_wrong_words_are_found_with_file_and_line(words: str, message: str) -> None:
    raw = HEAD.replace("RULE", words)
    protocol = protocol_file.parse(raw.encode(), "t.yaml")
    with pytest.raises(ProtocolError) as caught:
        Eligibility.of(protocol)
    assert str(caught.value).startswith(f"t.yaml:19: eligibility.criteria.0.{message}")


WRONG_FIELDS = [
    ("flag: {type: bool}", "flag: {type: boo}", "t.yaml:8: eligibility.fields.flag"),
    ("{type: bool}", "{of: [x]}", "t.yaml:8: eligibility.fields.flag: needs its type"),
    ("{type: bool}", "{type: bol}", "t.yaml:8: eligibility.fields.flag: bol is no type; there are"),
    ("unit: kg", "unit: kilo", "t.yaml:10: eligibility.fields.mass: kilo is not a unit in UCUM"),
    (
        "unit: kg",
        "unit: kg, same: [1 kg, 2 mool]",
        "t.yaml:10: eligibility.fields.mass: same: a measure is not in a UCUM unit",
    ),
    ("unit: kg", "unit: kg, same: [1 kg, 2 g]", "t.yaml:10: eligibility.fields.mass: "),
    ("unit: kg", "unit: kg, same: [1 mg/dL, 2 mol/L]", "t.yaml:10: eligibility.fields.mass: "),
    ("text: A rule.", "text: ''", "t.yaml:19: eligibility.criteria.0.text: "),
    ("text: A rule., ", "", "t.yaml:19: eligibility.criteria.0.text: is missing"),
    (
        "rule: RULE",
        "rule: {is_true: flag}, shows: [x]",
        "t.yaml:19: eligibility.criteria.0.shows.0",
    ),
    (
        "  criteria:",
        "  carry: [x]\n  criteria:",
        "t.yaml:18: eligibility.carry.0: x is not a field",
    ),
    ("when: {is_true: flag}", "when: {is_true: x}", "t.yaml:5: strata.0.when.is_true: x is not"),
    ("when: {is_true: flag}", "when: {attested_in: done}", "t.yaml:5: strata.0.when.attested_in"),
    ("eligibility:", "safety:", "t.yaml:1: eligibility: "),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_FIELDS)
def test_wrong_fields_are_found_with_file_and_line(old: str, new: str, message: str) -> None:
    assert old in HEAD
    raw = HEAD.replace(old, new, 1).replace("RULE", "{is_true: flag}")
    with pytest.raises(ProtocolError) as caught:
        Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))
    assert str(caught.value).startswith(message)


def test_ids_are_listed_once() -> None:
    again = "\n    - {id: I01, category: inclusion, text: A., rule: {is_true: flag}}"
    raw = HEAD.replace("RULE}", "{is_true: flag}}" + again)
    with pytest.raises(ProtocolError, match=r"t\.yaml:20: .*I01 is listed twice"):
        Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))


def test_a_good_rule_of_every_word_compiles() -> None:
    words = (
        '{any: [{number: {field: mass, above: 1 g, at_most: "3 [lb_av]"}},'
        "{number: {field: ratio, above: 1}}, {attested_in: done},"
        "{says: {field: maybe, word: none}}, {on_or_before: {field: start, day: today}},"
        "{within: {field: maybe, before: start, years: 2}},"
        "{within: {field: maybe, before: start, weeks: [1, 2]}},"
        "{earlier_than: {field: maybe, before: start, days: 3}},"
        "{any_item: {list: drugs, where: {one_of: {field: item, words: [x]}}}}]}"
    )
    anybody = "{any: [{is_true: flag}, {not: {is_true: flag}}]}"
    raw = HEAD.replace("when: {is_true: flag}", f"when: {anybody}").replace("RULE", words)
    Eligibility.of(protocol_file.parse(raw.encode(), "t.yaml"))

"""Rules said as a person would say them: a sentence for each word, and how they stand together."""

from typing import Any

import pytest

from services.screening.saying import said
from services.screening.scope import Scope
from services.screening.section import EligibilityWords
from services.screening.vocabulary import WORDS, statement

FIELDS = EligibilityWords.model_validate(
    {
        "fields": {
            "flag": {"type": "bool"},
            "ecog": {"type": "int", "label": "ECOG status"},
            "size": {
                "type": "quantity",
                "unit": "cm",
                "uln": True,
                "lln": True,
                "above_zero": True,
            },
            "dose": {"type": "quantity", "unit": "mg", "or": "not_taken"},
            "square": {"type": "quantity", "unit": "cm2", "uln": True, "lln": True},
            "old_size": {"type": "quantity", "unit": "mm"},
            "weight": {"type": "quantity", "unit": "kg"},
            "sex": {"type": "choice", "of": ["female", "male"]},
            "visit": {"type": "date"},
            "last_dose": {"type": "date", "or": "none"},
            "drugs": {"type": "list", "of": {"type": "text"}},
            "cancers": {
                "type": "list",
                "of": {"type": "item", "members": {"kind": {"type": "choice", "of": ["a", "b"]}}},
            },
            "pressure": {"type": "object", "members": {"low": {"type": "number", "unit": "kPa"}}},
            "attested": {"type": "map", "of": ["met", "not_met"]},
        },
        "criteria": [{}],
    }
).fields
IN = {"field": "last_dose", "before": "visit"}
BSA = {"name": "bsa_mosteller", "of": {"weight": "weight", "height": "size"}}
AREA = "body surface area by Mosteller (of weight, size)"
SENTENCES: list[tuple[dict[str, Any], list[str]]] = [
    ({"is_true": "flag"}, ["flag: yes"]),
    ({"not": {"is_true": "flag"}}, ["flag: no"]),
    ({"one_of": {"field": "sex", "words": ["male"]}}, ["sex is male"]),
    (
        {"one_of": {"field": "sex", "words": ["male", "female"]}},
        ["sex is one of male, female"],
    ),
    ({"number": {"field": "ecog", "at_most": 1}}, ["ECOG status is at most 1"]),
    (
        {"number": {"field": "size", "at_least": "20 mm", "below": "4.0 cm"}},
        ["size is at least 20 mm and below 4.0 cm"],
    ),
    ({"number": {"field": "pressure.low", "above": "9 kPa"}}, ["pressure, low is above 9 kPa"]),
    ({"x_uln": {"field": "size", "at_most": 2}}, ["size is at most 2 x its upper limit of normal"]),
    (
        {"x_lln": {"field": "size", "at_least": 1, "below": 2}},
        ["size is at least 1 and below 2 x its lower limit of normal"],
    ),
    (
        {"x_field": {"field": "size", "of": "old_size", "above": 1, "below": 2}},
        ["size is above 1 and below 2 x old size"],
    ),
    (
        {
            "formula": {
                "name": "bsa_mosteller",
                "of": {"weight": "weight", "height": "size"},
                "above": "2 m2",
            }
        },
        ["body surface area by Mosteller (of weight, size) is above 2 m2"],
    ),
    (
        {"formula": BSA | {"x_uln": "square", "at_most": 2}},
        [f"{AREA} is at most 2 x the upper limit of normal of square"],
    ),
    (
        {"formula": BSA | {"x_lln": "square", "below": 1}},
        [f"{AREA} is below 1 x the lower limit of normal of square"],
    ),
    (
        {"formula": BSA | {"x_field": "square", "above": 2}},
        [f"{AREA} is above 2 x square"],
    ),
    ({"within": IN | {"days": 7}}, ["last dose is 0 to 7 days before visit, both included"]),
    (
        {"within": {"field": "last_dose", "after": "visit", "weeks": [1, 2]}},
        ["last dose is 1 to 2 weeks after visit, both included"],
    ),
    (
        {"within": IN | {"less_than_months": 6}},
        ["last dose is less than 6 months before visit, or on that day"],
    ),
    ({"earlier_than": IN | {"years": 3}}, ["last dose is more than 3 years before visit"]),
    ({"no_later_than": IN | {"days": 60}}, ["last dose is 60 days or more before visit"]),
    ({"on_or_before": {"field": "visit", "day": "today"}}, ["visit is not after today"]),
    ({"says": {"field": "last_dose", "word": "none"}}, ["last dose says “none”"]),
    ({"says": {"field": "dose", "word": "not_taken"}}, ["dose says “not_taken”"]),
    ({"attested_in": "attested"}, ["the investigator attested it as met"]),
    (
        {"any_item": {"list": "drugs", "where": {"one_of": {"field": "item", "words": ["x"]}}}},
        ["one of drugs for which holds:", "  it is x"],
    ),
    (
        {
            "any_item": {
                "list": "cancers",
                "where": {"one_of": {"field": "item.kind", "words": ["a"]}},
            }
        },
        ["one entry of cancers for which holds:", "  its kind is a"],
    ),
    (
        {"all": [{"is_true": "flag"}, {"any": [{"is_true": "flag"}]}]},
        ["all of these:", "  flag: yes", "  one of these, or more:", "    flag: yes"],
    ),
    ({"any": [{"is_true": "flag"}]}, ["one of these, or more:", "  flag: yes"]),
    ({"not": {"any": [{"is_true": "flag"}]}}, ["none of these:", "  flag: yes"]),
    ({"not": {"all": [{"is_true": "flag"}]}}, ["not all of these:", "  flag: yes"]),
    ({"not": {"not": {"is_true": "flag"}}}, ["flag: yes"]),
    ({"not": {"number": {"field": "ecog", "above": 1}}}, ["not: ECOG status is above 1"]),
]


@pytest.mark.parametrize(("rule", "sentence"), SENTENCES)
def test_said(rule: dict[str, Any], sentence: list[str]) -> None:
    made = said(statement(rule, Scope.of(FIELDS, "I01")), FIELDS)
    assert ["  " * depth + text for depth, text in made.lines()] == sentence


def test_every_word_is_said() -> None:
    assert {word for rule, _ in SENTENCES for word in rule} == set(WORDS)

"""What is typed into the screening form is the JSON form that screening takes, digit by digit."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal import numerals
from services.portal.dictionary import asked_by
from services.portal.questions import Dictionary
from services.portal.reading import compacted, read
from services.portal.shown import shown
from services.portal.typed import Typed
from services.portal.writing import written
from services.screening.eligibility import Eligibility
from services.screening.scales import SCALES
from shared.contracts import protocol_file
from tests.acceptance import forms
from tests.unit.portal.made import NCT, NCT_PROTOCOL, PILOT, exact, typed
from tests.unit.screening.forms import SUBJECT, TODAY, good

PILOT_FORM: dict[str, Any] = {
    "informed_consent_date": "2012-07-01",
    "consent_signed": True,
    "age": 74,
    "sex": "female",
    "postmenopausal": True,
    "mmse_total": 20,
    "resting_pulse": {"value": Decimal("61.50"), "unit": "/min"},
    "hba1c": None,
    "probable_ad": None,
    "attested": {"INCL05": "met", "EXCL09": "not_met"},
}
CANCERS = [
    {
        "kind": "prostate_pt2",
        "last_active": None,
        "psa": {"value": Decimal("0.009"), "unit": "ng/mL"},
    },
    {"kind": "other", "last_active": "2020-02-01", "curatively_treated": True},
]


@pytest.mark.parametrize(
    ("dictionary", "form"),
    [
        (NCT, exact(forms.nct())),
        (NCT, exact(forms.nct(age=None, haemoglobin={"value": Decimal("7.50"), "unit": "mmol/L"}))),
        (NCT, exact(forms.nct(sex=None, other_cancers=CANCERS, discontinued_agents=["axitinib"]))),
        (NCT, exact(forms.nct(blood_pressure=None, last_major_surgery_date="2025-01-31"))),
        (NCT, exact(forms.nct(last_severe_bleed_date=None, antiarrhythmics=None))),
        (NCT, exact(good())),
        (PILOT, PILOT_FORM),
    ],
)
def test_a_form_typed_in_is_the_form_that_was_meant(
    dictionary: Dictionary, form: dict[str, Any]
) -> None:
    found = read(dictionary, written(dictionary, form))
    assert found.form == form
    assert found.errors == []
    for name in ("haemoglobin", "resting_pulse"):
        meant, read_back = form.get(name), found.form.get(name)
        if meant:
            assert isinstance(read_back, dict)
            assert str(read_back["value"]) == str(meant["value"])  # 7.50, not 7.5


def test_the_form_of_the_story_is_eligible_after_its_way_through_a_browser() -> None:
    typing = Typed(written(NCT, exact(forms.nct())).pairs())
    decision = Eligibility.of(NCT_PROTOCOL).decide(SUBJECT, read(NCT, typing).form, TODAY)
    assert decision.verdict == "eligible"


def test_not_known_is_an_answer_and_nothing_said_is_none() -> None:
    found = read(NCT, typed(sex="?", age__is="?", creatinine__is="?", consent_signed="", ecog=""))
    assert found.form == {"sex": None, "age": None, "creatinine": None}
    assert set(found.unknown) == {"sex", "age", "creatinine"}
    assert {"consent_signed", "ecog"} <= set(found.unsaid)


def test_a_word_or_an_empty_list_is_said_by_its_box() -> None:
    found = read(
        NCT,
        typed(
            last_major_surgery_date__is="none", discontinued_agents__is="[]", other_cancers__is="[]"
        ),
    )
    assert found.form == {
        "last_major_surgery_date": "none",
        "discontinued_agents": [],
        "other_cancers": [],
    }


def test_names_of_agents_are_read_one_a_line_in_lower_case() -> None:
    found = read(NCT, typed(discontinued_agents=" Ipilimumab \r\n\r\n NIVOLUMAB  sc "))
    assert found.form == {"discontinued_agents": ["ipilimumab", "nivolumab sc"]}


def test_still_active_is_null_and_not_known_is_left_out() -> None:
    found = read(
        NCT,
        typed(
            other_cancers__0__kind="other",
            other_cancers__0__last_active__is="still_active",
            other_cancers__1__kind="other",
            other_cancers__1__last_active__is="?",
        ),
    )
    assert found.form == {
        "other_cancers": [{"kind": "other", "last_active": None}, {"kind": "other"}]
    }


def test_rows_in_which_nothing_is_said_are_none_and_the_others_close_up() -> None:
    typing = typed(
        other_cancers__0__psa__unit="ng/mL",
        other_cancers__2__kind="other",
        other_cancers__2__psa__value="x",
    )
    moved = compacted(NCT, typing)
    assert moved.one("other_cancers", 0, "kind") == "other"
    assert read(NCT, moved).errors[0][0] == ("other_cancers", 0, "psa", "value")


@pytest.mark.parametrize(
    ("inputs", "loc"),
    [
        ({"age": "6x"}, ("age",)),
        ({"age": "18.0"}, ("age",)),
        ({"age": "61", "age__is": "?"}, ("age",)),
        ({"creatinine__value": "1.1.1"}, ("creatinine", "value")),
        ({"alt__value": "40", "alt__uln": "forty"}, ("alt", "uln")),
        ({"blood_pressure__systolic": "high"}, ("blood_pressure", "systolic")),
        ({"angina_onset_date__is": ["none", "?"]}, ("angina_onset_date",)),
        (
            {"discontinued_agents": "axitinib", "discontinued_agents__is": "[]"},
            ("discontinued_agents",),
        ),
        ({"neutrophils__value": "1,500"}, ("neutrophils", "value")),
    ],
)
def test_what_cannot_be_read_is_told_at_its_place_left_out_and_still_there(
    inputs: dict[str, Any], loc: tuple[str, ...]
) -> None:
    typing = typed(**inputs)
    found = read(NCT, typing)
    assert [place for place, _ in found.errors] == [loc]
    assert loc[0] not in found.form
    assert loc[0] not in found.unsaid
    first = next(iter(inputs.items()))
    assert dict(typing.pairs())["form/" + first[0].replace("__", "/")] in first[1]


def test_a_part_that_lacks_is_sent_as_it_is_for_screening_to_name() -> None:
    found = read(NCT, typed(alt__value="40", alt__unit="U/L", blood_pressure__systolic="130"))
    assert found.form == {"alt": {"unit": "U/L", "value": 40}, "blood_pressure": {"systolic": 130}}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.50", Decimal("2.50")),
        ("2,5", Decimal("2.5")),
        ("0,125", Decimal("0.125")),
        ("100 000", 100000),
        ("1\u202f234.5", Decimal("1234.5")),
        ("-1", -1),
        ("00012", 12),
        ("1234,500", Decimal("1234.500")),
    ],
)
def test_a_number_is_read_as_it_is_written(text: str, number: int | Decimal) -> None:
    found = numerals.number(text)
    assert (found, str(found), type(found)) == (number, str(number), type(number))


@pytest.mark.parametrize(
    "text", ["1,500", "12,000", "1e3", "1.", ".5", "NaN", "10 0", "²", "1,2,3"]
)
def test_a_number_that_could_be_two_or_is_none_is_not_guessed(text: str) -> None:
    with pytest.raises(numerals.NotANumber):
        numerals.number(text)


@given(st.lists(st.tuples(st.sampled_from(sorted(dict(written(NCT, good()).pairs()))), st.text())))
def test_nothing_that_is_typed_breaks_the_form(pairs: list[tuple[str, str]]) -> None:
    for dictionary in (NCT, PILOT):
        read(dictionary, compacted(dictionary, Typed(pairs)))


LABORATORY = asked_by(
    protocol_file.parse(
        b"""
study: {id: T1, version: "1", title: t, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: sdtm}
sites: [{id: AA, time_zone: UTC}]
arms: [{id: A, title: A}]
strata: {by: site, ratio: {A: 1}}
eligibility:
  fields:
    psa: {type: quantity, unit: ug/L, uln: true, lln: true, or: not_done}
    cycles: {type: int, or: none}
    hba1c: {type: quantity, unit: "%", scale: hba1c}
    lesions:
      type: list
      of:
        type: item
        members:
          size: {type: quantity, unit: mm, or: not_measurable}
          seen: {type: date, null_means: still_there}
  criteria:
    - {id: I1, category: inclusion, text: a, rule: {number: {field: cycles, at_least: 1}}}
""",
        "t.yaml",
    )
)


@pytest.mark.parametrize(
    "form",
    [
        {"psa": "not_done", "cycles": "none", "lesions": [{"size": "not_measurable"}]},
        {"psa": None, "cycles": None, "lesions": [{"seen": None}]},
        {
            "psa": {"value": 4, "unit": "ng/mL", "uln": 4, "lln": Decimal("0.1")},
            "cycles": 3,
            "hba1c": {"value": 53, "unit": "mmol/mol"},
            "lesions": [{"size": {"value": 10, "unit": "mm"}, "seen": "2026-01-02"}],
        },
    ],
)
def test_words_in_place_of_numbers_and_both_limits_of_normal(form: dict[str, Any]) -> None:
    found = read(LABORATORY, written(LABORATORY, form))
    assert (found.form, found.errors) == (form, [])


def test_a_scale_asks_for_its_two_units_alone() -> None:
    hba1c = LABORATORY.field("hba1c")
    assert hba1c is not None
    assert [unit.value for unit in hba1c.units] == ["%", "mmol/mol"]
    assert set(SCALES) == {"hba1c"}
    assert {SCALES["hba1c"].one, SCALES["hba1c"].other} == {"%", "mmol/mol"}


def test_both_limits_of_normal_are_shown() -> None:
    value = {"value": 4, "unit": "ug/L", "uln": Decimal("4.0"), "lln": 1}
    assert shown(LABORATORY.field("psa"), value) == "4 µg/L (LLN 1, ULN 4.0)"
    assert shown(LABORATORY.field("cycles"), "none") == "none"

"""The screening form that a protocol's data dictionary makes, and nothing else."""

import pytest

from services.portal import labels
from services.portal.dictionary import asked_by
from services.screening import units
from services.screening.fields import QuantityField
from services.screening.section import EligibilityWords
from shared.contracts import protocol_file, study
from shared.contracts.study import Protocol
from tests.unit.portal.made import NCT, NCT_PROTOCOL, PILOT, PILOT_PROTOCOL


@pytest.mark.parametrize("protocol", [NCT_PROTOCOL, PILOT_PROTOCOL])
def test_every_field_is_asked_in_the_protocols_order(protocol: Protocol) -> None:
    words = EligibilityWords.model_validate(protocol.sections["eligibility"])
    assert [one.name for one in asked_by(protocol).fields] == list(words.fields)


@pytest.mark.parametrize("protocol", [NCT_PROTOCOL, PILOT_PROTOCOL])
def test_every_unit_that_may_be_chosen_converts(protocol: Protocol) -> None:
    words = EligibilityWords.model_validate(protocol.sections["eligibility"])
    for asked in asked_by(protocol).fields:
        spec = words.fields[asked.name]
        if isinstance(spec, QuantityField):
            assert asked.units[0].value == spec.unit
            for unit in asked.units:
                units.factor(unit.value, spec.unit, spec.by())


def test_a_unit_is_printed_as_a_laboratory_does() -> None:
    creatinine = NCT.field("creatinine")
    assert creatinine is not None
    assert ("umol/L", "µmol/L") in creatinine.units
    pressure = NCT.field("blood_pressure")
    assert pressure is not None
    assert [part.unit for part in pressure.members] == ["mm[Hg]", "mm[Hg]"]


def test_a_temperature_is_offered_on_both_scales() -> None:
    assert labels.alternatives("Cel") == ("Cel", "[degF]")
    assert labels.alternatives("[degF]") == ("[degF]", "Cel")
    assert [labels.printed(one) for one in ("Cel", "[degF]")] == ["°C", "°F"]
    assert units.line("[degF]", "Cel") is not None


def test_a_question_names_the_criteria_that_ask_for_it() -> None:
    for name, criteria in (
        ("sex", ["I10", "I11.1", "E07"]),
        ("other_cancers", ["E05"]),
        ("blood_pressure", ["E08.4"]),
        ("primary_tumour_size", []),
    ):
        asked = NCT.field(name)
        assert asked is not None
        assert [one.id for one in asked.criteria] == criteria


def test_a_label_is_in_words_and_a_note_free_of_json() -> None:
    told = {one.name: one.label for one in (*NCT.fields, *PILOT.fields)}
    assert told["soc_start_date"] == "SOC start date"
    assert told["hba1c"] == "HbA1c"
    notes = {one.name: one.note for one in NCT.fields}
    assert notes["other_cancers"] is None
    assert notes["antiarrhythmics"] == "drugs taken for an arrhythmia, by INN"
    assert notes["histology"] == "clear cell: documented, predominantly"


def test_a_map_asks_for_the_criteria_that_are_attested_and_an_exclusion_applies_or_not() -> None:
    attested = PILOT.field("attested")
    assert attested is not None
    keys = {one.id: one for one in attested.keys}
    assert "INCL05" in keys
    assert "EXCL17" in keys  # attested beside a pulse
    assert "INCL01" not in keys
    assert [one.words for one in keys["INCL05"].said(attested.choices)] == ["met", "not met"]
    assert list(keys["EXCL19"].said(attested.choices)) == [
        ("met", "applies"),
        ("not_met", "does not apply"),
    ]


_NAMED = b"""
study: {id: T1, version: "1", title: t, phase: I, model: m, masking: none, sponsor: s,
        requires_signature: false, severity_scale: sdtm}
sites: [{id: AA, time_zone: UTC}]
arms: [{id: A, title: A}]
strata: {by: site, ratio: {A: 1}}
eligibility:
  fields:
    age: {type: int, max: 120, section: The patient}
    weight: {type: quantity, unit: kg, label: Body weight}
    ecog: {type: int, section: Performance}
  criteria:
    - {id: I1, category: inclusion, text: adult, rule: {number: {field: age, at_least: 18}}}
"""


def test_sections_and_labels_are_the_protocols_own_where_it_names_them() -> None:
    form = asked_by(protocol_file.parse(_NAMED, "t.yaml"))
    assert [(group.title, [one.label for one in group.fields]) for group in form.groups] == [
        ("The patient", ["Age", "Body weight"]),
        ("Performance", ["ECOG"]),
    ]
    assert form.fields[0].span == "0 to 120"


def test_a_section_that_cannot_be_read_is_told_with_its_place() -> None:
    bad = _NAMED.replace(b"type: int, max", b"type: colour, max")
    with pytest.raises(study.ProtocolError, match=r"t.yaml:\d+: eligibility.fields.age.type"):
        asked_by(protocol_file.parse(bad, "t.yaml"))

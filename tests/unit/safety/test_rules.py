"""The safety section of a protocol: what stands in the files, and each fault with its place."""

from dataclasses import replace

import pytest

from services.safety.rules import SafetyRules
from shared.contracts.study import ProtocolError
from tests.unit.safety.forms import NCT, PILOT, REFERENCE, protocol_with


def test_nct06903312() -> None:
    assert (NCT.trial, NCT.scale) == ("NCT06903312", "ctcae")
    assert (NCT.authorities, NCT.reference) == (("EU-CTR",), ())
    of = NCT.components.of
    drugs = ("axitinib", "pembrolizumab", "cabozantinib", "nivolumab", "lenvatinib", "ipilimumab")
    assert of(None, None) == ("surgery", "radiotherapy", *drugs)
    assert of("SOC", None) == drugs
    assert of("DCN", "axitinib_pembrolizumab") == ("surgery", "axitinib", "pembrolizumab")
    assert of("RT", "cabozantinib_nivolumab") == ("radiotherapy", "cabozantinib", "nivolumab")
    assert of("SOC", "nivolumab_after_ipilimumab_nivolumab") == ("nivolumab", "ipilimumab")
    assert of("gone", "other") == of(None, None)
    regimen = NCT.components.regimen_in
    word = "lenvatinib_pembrolizumab"
    assert regimen({"soc_regimen": word}) == word
    for nothing in ({}, {"soc_regimen": None}, {"soc_regimen": "other"}, {"soc_regimen": 1}):
        assert regimen(nothing) is None


def test_cdiscpilot01() -> None:
    assert (PILOT.scale, PILOT.authorities, PILOT.reference) == ("sdtm", ("FDA-312.32",), ())
    for arm in ("Pbo", "Xan_Lo", "Xan_Hi", None):
        assert PILOT.components.of(arm, None) == ("patch",)
    assert PILOT.components.regimen_in({"soc_regimen": "cabozantinib_nivolumab"}) is None


def test_reference_safety_information_is_in_order() -> None:
    assert [one.version for one in REFERENCE.reference] == ["1", "2"]
    assert REFERENCE.reference[1].lists("surgery", "FEVER")
    assert not REFERENCE.reference[1].lists("cabozantinib", "Fever")


RSI = "  reference_safety_information: []"
ONE = 'reference_safety_information: [{version: "1", from: 2026-01-01, expected: {surgery: [Pain]}}'


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("authorities: [EU-CTR]", "authorities: [EMA]", "safety.authorities.0: EMA is not one of"),
        ("authorities: [EU-CTR]", "authorities: []", "safety.authorities: "),
        ("authorities: [EU-CTR]", "authorities: [UK, UK]", "safety.authorities.1: UK is listed"),
        ("authorities: [EU-CTR]", "authorities: UK", "safety.authorities: "),
        ("  authorities: [EU-CTR]\n", "", "safety.authorities: "),
        ("      SOC: []\n", "", "safety.components.by_arm: does not say what SOC brings"),
        ("SOC: []", "SOD: []", "safety.components.by_arm.SOD: SOD is not one of the arms"),
        ("SOC: []", "SOC: [Surgery]", "safety.components.by_arm.SOC.0: "),
        ("SOC: []", "SOC: [a, a]", "safety.components.by_arm.SOC.1: a is listed twice"),
        ("SOC: []", "SOC: true", "safety.components.by_arm.SOC: "),
        (
            "field: soc_regimen\n      words",
            "field: ecog\n      words",
            "safety.components.by_regimen.field: ecog is not in the carry",
        ),
        (
            "[nivolumab, ipilimumab]",
            "[nivolumab, nivolumab]",
            "safety.components.by_regimen.words.nivolumab_after_ipilimumab_nivolumab.1: nivolumab",
        ),
        (RSI, "", "safety.reference_safety_information: "),
        (RSI, f"{RSI}\n  more: 1", "safety.more: "),
        (RSI, f"  {ONE.replace('[Pain]', '[]')}]", "information.0.expected.surgery: "),
        (RSI, f"  {ONE.replace('surgery', 'patch')}]", "0.expected.patch: patch is not one of"),
        (RSI, f"  {ONE.replace('2026-01-01', 'soon')}]", "information.0.from: "),
        (
            RSI,
            f'  {ONE}, {{version: "2", from: 2026-01-01, expected: {{}}}}]',
            "information.1.from: each version is in force after the one before it",
        ),
        (
            RSI,
            f'  {ONE}, {{version: "1", from: 2026-01-02, expected: {{}}}}]',
            "information.1.version: 1 is listed twice",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, place: str) -> None:
    protocol = protocol_with(old, new)
    with pytest.raises(ProtocolError) as caught:
        SafetyRules.of(protocol)
    file, line, said = str(caught.value).split(":", 2)
    assert file == "NCT06903312.yaml"
    assert place in said
    section = protocol.places.line(("safety",))
    assert section <= int(line) <= section + 30


def test_a_protocol_without_the_section() -> None:
    protocol = protocol_with("x", "x")
    bare = replace(protocol, sections={"eligibility": protocol.sections["eligibility"]})
    with pytest.raises(ProtocolError, match="has no safety section"):
        SafetyRules.of(bare)

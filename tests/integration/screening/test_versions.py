"""Two versions of a protocol at work: each screening by the one in force, each revision anew."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.screening.made import GOOD, TRIAL, Screening, screening

BLOCK = """\
  approved_by: The committee
  approved_on: 2026-01-10
amendment:
  in_force_from: 2026-02-01
  sites: {T2: not_approved}
  summary: From 16 years on; a scan instead of the pregnancy test.
sites:
  - {id: T3, time_zone: Europe/Rome}
"""
SCAN = '    - {id: I3, category: inclusion, text: "A scan.", rule: {is_true: scan}}\n'


def amended(text: str) -> str:
    text = text.replace('version: "1.0"', 'version: "2.0"').replace("sites:\n", BLOCK, 1)
    text = text.replace("at_least: 18", "at_least: 16").replace("pregnant: {", "scan: {")
    lines = [line for line in text.splitlines(keepends=True) if "id: E1" not in line]
    return "".join(lines).replace("randomization:\n", f"{SCAN}randomization:\n", 1)


@pytest.fixture
async def service(postgres: str, tmp_path: Path) -> AsyncIterator[Screening]:
    async with screening(postgres, tmp_path, amended) as made:
        yield made


async def test_each_screening_says_the_version_that_decided_it(service: Screening) -> None:
    before = await service.submit("T1-0001", informed_consent_date="2026-01-31")
    elsewhere = await service.submit("T2-0001", informed_consent_date="2026-02-01")
    for one in (before, elsewhere):
        assert (one["protocol_version"], one["verdict"]) == ("1.0", "eligible")
        assert [criterion["id"] for criterion in one["criteria"]] == ["I1", "I2", "E1"]
    body = {"subject": "T1-0002", "form": {"age": 17, "consent_signed": True, "scan": True}}
    new = await service.post("screenings", body, status=201)
    assert (new["protocol_version"], new["verdict"]) == ("2.0", "eligible")
    assert [criterion["id"] for criterion in new["criteria"]] == ["I1", "I2", "I3"]
    [(_, told)] = await service.said("T1-0002")
    assert told["protocol_version"] == "2.0"
    [(_, fact)] = await service.said("T1-0002", "trialops.screening.record")
    assert fact["protocol_version"] == "2.0"


async def test_the_same_of_a_check_and_of_a_batch(service: Screening) -> None:
    form = {"age": 17, "consent_signed": True, "informed_consent_date": "2026-02-01"}
    body = {"subject": "T1-0001", "form": form}
    assert (await service.post("screenings/check", body))["protocol_version"] == "2.0"
    form["informed_consent_date"] = "2026-01-31"
    assert (await service.post("screenings/check", body))["protocol_version"] == "1.0"
    lines = [
        {"subject": f"T{site}-0009", "form": {**form, "informed_consent_date": day}}
        for site, day in ((1, "2026-02-01"), (2, "2026-02-01"))
    ]
    raw = "\n".join(json.dumps(line) for line in lines)
    answer = await service.client.post(
        f"/v1/trials/{TRIAL}/screenings/batch",
        content=raw,
        headers=service.issuer.bearer("site", sub="p") | {"content-type": "application/x-ndjson"},
    )
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["protocol_version"] for one in told] == ["2.0", "1.0"]


async def test_a_correction_of_the_day_of_consent_is_decided_by_that_days_version(
    service: Screening,
) -> None:
    kept = await service.submit("T1-0001", informed_consent_date="2026-01-31")
    answer = await service.correct(kept, informed_consent_date="2026-02-01", age=17)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["revision"], found["protocol_version"]) == (2, "2.0")
    assert (found["verdict"], found["missing"]) == ("incomplete", ["scan"])
    *_, (name, corrected) = await service.said("T1-0001", "trialops.screening.record")
    assert name == "ScreeningCorrected"
    assert corrected["protocol_version"] == "2.0"
    # What only the version before asked is left out, and the log says so.
    assert {"field": "pregnant", "old": GOOD["pregnant"], "new": None} in corrected["changes"]

    asked = await service.correct(kept, scan=True)
    assert (asked.json()["verdict"], asked.json()["protocol_version"]) == ("eligible", "2.0")
    back = await service.correct(kept, informed_consent_date="2026-01-31")
    assert (back.json()["verdict"], back.json()["protocol_version"]) == ("ineligible", "1.0")


async def test_a_value_for_what_the_version_does_not_ask_is_refused(service: Screening) -> None:
    kept = await service.submit("T1-0001", informed_consent_date="2026-01-31")
    answer = await service.correct(kept, informed_consent_date="2026-02-01", pregnant=True)
    assert answer.status_code == 422
    assert (await service.shown(kept))["revision"] == 1


async def test_a_site_that_an_amendment_brought_is_known(service: Screening) -> None:
    body = {"subject": "T3-0001", "form": {"age": 17, "informed_consent_date": "2026-01-01"}}
    # There is no version before it at this site.
    assert (await service.post("screenings", body, status=201))["protocol_version"] == "2.0"
    answer = await service.ask("POST", "screenings", {**body, "subject": "T4-0001"})
    assert answer.status_code == 404

"""A form is decided by the version in force at its site on the day of consent."""

from datetime import date, datetime
from typing import Any

import pytest

from services.screening.lines import answer
from services.screening.trial import Trial
from shared.contracts import protocol_file
from shared.contracts.jsontext import dumps
from shared.contracts.subjects import SiteId, SubjectId
from shared.contracts.versions import in_order
from tests.unit.contracts.test_versions import amendment, file

TODAY = date(2026, 5, 10)
ELIGIBILITY = """\
eligibility:
  fields:
    informed_consent_date: {{type: date}}
    x: {{type: bool}}
    age: {{type: int}}
{field}  criteria:
    - id: I1
      category: inclusion
      text: Old enough.
      rule: {{number: {{field: age, at_least: {age}}}}}
{more}"""
I2 = "    - {id: I2, category: inclusion, text: A scan., rule: {is_true: scan}}\n"
FIRST = file() + ELIGIBILITY.format(field="    diary: {type: bool}\n", age=18, more="")
SECOND = amendment("2.0", "2026-05-01", '"701": 2026-06-15')
SECOND += ELIGIBILITY.format(field="    scan: {type: bool}\n", age=16, more=I2)


REST = "  - {id: s0, title: Rest, when: {not: {is_true: x}}, ratio: {A: 1}}\n"
FIRST, SECOND = (text.replace("strata:\n", f"strata:\n{REST}") for text in (FIRST, SECOND))


@pytest.fixture(scope="module")
def trial() -> Trial:
    files = [protocol_file.parse(text.encode(), "t.yaml") for text in (FIRST, SECOND)]
    return Trial.of(in_order(files))


def decided(trial: Trial, site: str, today: date = TODAY, **form: Any) -> tuple[str, str]:
    made = trial.decide(SubjectId(f"{site}-0001"), {"x": True, **form}, today)
    return made.protocol_version, made.decision.verdict


@pytest.mark.parametrize(
    ("site", "consent", "found"),
    [
        ("IT001", "2026-04-30", ("1.0", "ineligible")),
        ("IT001", "2026-05-01", ("2.0", "incomplete")),
        ("IT001", None, ("2.0", "incomplete")),
        ("701", "2026-05-01", ("1.0", "ineligible")),
        ("701", None, ("1.0", "ineligible")),
    ],
)
def test_the_version_in_force_decides(
    trial: Trial, site: str, consent: str | None, found: tuple[str, str]
) -> None:
    assert decided(trial, site, informed_consent_date=consent, age=17) == found


def test_a_consent_still_to_come_brings_no_version_forward(trial: Trial) -> None:
    assert decided(
        trial, "IT001", date(2026, 4, 30), informed_consent_date="2026-05-01", age=17
    ) == (
        "1.0",
        "ineligible",
    )


def test_a_form_of_the_other_version_is_refused_with_its_place(trial: Trial) -> None:
    raw = dumps({"subject": "IT001-0001", "form": {"scan": True, "diary": True, "age": 17}})
    assert answer(trial, raw, lambda _: TODAY)["errors"]
    told = answer(trial, raw.replace(b',"diary":true', b""), lambda _: TODAY)
    assert told["protocol_version"] == "2.0"


def test_fields_that_only_the_version_before_asked_are_left_out(trial: Trial) -> None:
    form = {"diary": True, "age": 17, "informed_consent_date": "2026-05-02", "typo": 1}
    site = SiteId("IT001")
    assert trial.left_out(form, TODAY, site, "1.0") == {"diary"}
    assert trial.left_out(form, TODAY, site, "2.0") == frozenset()
    assert trial.left_out({**form, "informed_consent_date": None}, TODAY, site, "1.0") == {"diary"}
    before = {**form, "informed_consent_date": "2026-04-30"}
    assert trial.left_out(before, TODAY, site, "1.0") == frozenset()


def test_every_criterion_by_its_newest_words(trial: Trial) -> None:
    assert [one.id for one in trial.criteria] == ["I1", "I2"]


def test_today_is_the_day_at_the_site(trial: Trial) -> None:
    now = datetime.fromisoformat("2026-04-30T22:30:00+00:00")
    assert trial.versions.today(SiteId("IT001"), now) == date(2026, 5, 1)
    assert trial.versions.today(SiteId("701"), now) == date(2026, 4, 30)

"""Versions of a protocol: which one is in force, at which site, from which instant; what it may
change.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from shared.contracts import protocol_file
from shared.contracts.study import Protocol, ProtocolError
from shared.contracts.subjects import SiteId
from shared.contracts.versions import ByTime, Versions, begins, day_of, in_order, load_all

ROME, NEW_YORK, TOKYO = SiteId("IT001"), SiteId("701"), SiteId("JP001")
NOWHERE = SiteId("XX999")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

FILE = """\
study:
  id: T1
  version: "{version}"
  title: A trial
  phase: II
  model: parallel
  masking: none
  sponsor: Somebody
  requires_signature: true
  severity_scale: ctcae
{more}sites:
  - {{id: IT001, time_zone: Europe/Rome}}
  - {{id: "701", time_zone: America/New_York}}
{site}arms:
  - {{id: A, title: One}}
  - {{id: B, title: Other}}
strata:
  - {{id: s1, title: All, when: {{is_true: x}}, ratio: {{A: 1, B: 2}}}}
"""
BLOCK = """\
  approved_by: The committee
  approved_on: 2026-04-01
amendment:
  in_force_from: {since}
  sites: {{{sites}}}
  summary: What changed
"""


def file(version: str = "1.0", more: str = "", site: str = "") -> str:
    """A small protocol."""
    return FILE.format(version=version, more=more, site=site)


def amendment(version: str, since: str, sites: str = "", site: str = "") -> str:
    """A later version of it."""
    return file(version, BLOCK.format(since=since, sites=sites), site)


def parsed(text: str, name: str = "t.yaml") -> Protocol:
    return protocol_file.parse(text.encode(), name)


def versions(*texts: str) -> Versions:
    return in_order([parsed(text, f"{at}.yaml") for at, text in enumerate(texts)])


def two(sites: str = "", site: str = "") -> Versions:
    return versions(amendment("2.0", "2026-05-01", sites, site), file())


def version(of: Versions, site: SiteId, day: date) -> str:
    return of.in_force(site, day).version


@pytest.mark.parametrize(
    ("site", "last", "first"),
    [
        (ROME, date(2026, 4, 30), date(2026, 5, 1)),
        (NEW_YORK, date(2026, 6, 14), date(2026, 6, 15)),
        (NOWHERE, date(2026, 4, 30), date(2026, 5, 1)),
    ],
)
def test_a_version_is_in_force_from_its_day_at_the_site(
    site: SiteId, last: date, first: date
) -> None:
    found = two('"701": 2026-06-15')
    assert version(found, site, date.min) == "1.0"
    assert version(found, site, last) == "1.0"
    assert version(found, site, first) == "2.0"
    assert version(found, site, date.max) == "2.0"


def test_a_site_without_approval_goes_on_by_the_version_before() -> None:
    found = versions(
        file(),
        amendment("2.0", "2026-05-01", '"701": not_approved'),
        amendment("3.0", "2026-07-01", '"701": 2026-08-01'),
    )
    assert version(found, NEW_YORK, date(2026, 7, 31)) == "1.0"
    assert version(found, NEW_YORK, date(2026, 8, 1)) == "3.0"
    assert version(found, ROME, date(2026, 6, 30)) == "2.0"
    assert version(found, ROME, date(2026, 7, 1)) == "3.0"


def test_a_later_version_wins_where_it_came_first() -> None:
    found = versions(
        file(),
        amendment("2.0", "2026-05-01", '"701": 2026-09-01'),
        amendment("3.0", "2026-07-01"),
    )
    assert version(found, NEW_YORK, date(2026, 6, 30)) == "1.0"
    assert version(found, NEW_YORK, date(2026, 9, 1)) == "3.0"


def test_the_day_of_consent_decides_and_never_one_that_is_still_to_come() -> None:
    found, today = two(), date(2026, 5, 10)
    assert found.deciding(ROME, date(2026, 4, 30), today).version == "1.0"
    assert found.deciding(ROME, date(2026, 5, 1), today).version == "2.0"
    assert found.deciding(ROME, None, today).version == "2.0"
    assert found.deciding(ROME, None, date(2026, 4, 30)).version == "1.0"
    assert found.deciding(ROME, date(2026, 5, 1), date(2026, 4, 30)).version == "1.0"


def test_it_begins_with_the_first_midnight_at_a_site_that_has_it() -> None:
    first, later = two().every
    assert begins(later) == datetime(2026, 4, 30, 22, tzinfo=UTC)
    only_far = two("IT001: not_approved").every[1]
    assert begins(only_far) == datetime(2026, 5, 1, 4, tzinfo=UTC)
    found = two()
    before = begins(later) - timedelta(microseconds=1)
    assert (found.at(before), found.at(begins(later))) == (first, later)
    assert (found.coming(before), found.coming(begins(later))) == ((later,), ())


def test_a_site_is_known_from_the_day_of_the_version_that_brings_it() -> None:
    tokyo = "  - {id: JP001, time_zone: Asia/Tokyo}\n"
    found = two("JP001: 2026-05-20", tokyo)
    midnight = datetime(2026, 5, 19, 15, tzinfo=UTC)
    assert found.site(TOKYO, midnight - timedelta(seconds=1)) is None
    known = found.site(TOKYO, midnight)
    assert known is not None and known.id == TOKYO
    # A consent given before goes by the version that brought the site: there is none before it.
    assert version(found, TOKYO, date(2026, 1, 1)) == "2.0"
    assert found.site(ROME, NOON) is not None
    assert found.site(NOWHERE, NOON) is None
    assert found.today(TOKYO, datetime(2026, 3, 1, 23, tzinfo=UTC)) == date(2026, 3, 2)


def test_what_a_service_makes_of_each_version_by_time() -> None:
    made = ByTime.of(two(), lambda protocol: protocol.version)
    since = begins(two().every[1])
    assert (made.at(since - timedelta(seconds=1)), made.at(since)) == ("1.0", "2.0")
    assert made.until(NOON) == ["1.0"]
    assert made.until(since) == made.every == ["1.0", "2.0"]


@pytest.mark.parametrize("value", [None, 5, "", "20260501", "2026-5-1", "2026-02-30", "2026-W18-5"])
def test_what_is_no_day(value: object) -> None:
    assert day_of(value) is None
    assert day_of("2026-05-01") == date(2026, 5, 1)


SECOND = amendment("2.0", "2026-05-01")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([SECOND], "0.yaml:13: amendment: there is no first version of T1"),
        ([file(), file("1.1")], "1.yaml:2: study.id: T1 is also in 0.yaml; a later version has"),
        ([file(), amendment("1.0", "2026-05-01")], "study.version: 1.0 is also in 0.yaml"),
        ([file(), SECOND, amendment("3.0", "2026-05-01")], "in force from the same day, in 1.yaml"),
        ([file(), SECOND.replace("masking: none", "masking: double")], "masking was none"),
        ([file(), SECOND.replace("ctcae", "sdtm")], "severity_scale was ctcae"),
        (
            [file(), SECOND.replace("  phase", "  consent_field: day\n  phase")],
            "consent_field was informed_consent_date",
        ),
        (
            [file(), SECOND.replace('  - {id: "701", time_zone: America/New_York}\n', "")],
            "1.yaml:17: sites: an amendment cannot change this: 701 is gone",
        ),
        ([file(), SECOND.replace("Rome", "Paris")], "sites.0.time_zone: an amendment cannot"),
        (
            [file(), SECOND.replace("Europe/Rome", "Europe/Rome, open_at_activation: false")],
            "IT001 is opened and closed by the trial manager",
        ),
        (
            [file(), SECOND.replace("{id: B, title", "{id: C, title").replace("B: 2", "C: 2")],
            "arms: an amendment cannot change this: B is gone",
        ),
    ],
)
def test_what_cannot_be_an_amendment(texts: list[str], told: str) -> None:
    with pytest.raises(ProtocolError) as found:
        versions(*texts)
    assert told in str(found.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SECOND.replace("  approved_by: The committee\n", ""), "an amendment needs approved_by"),
        (SECOND.replace("  approved_on: 2026-04-01\n", ""), "an amendment needs approved_on"),
        (SECOND.replace("approved_on: 2026-04-01", "approved_on: 2026-05-02"), "before the appro"),
        (amendment("2.0", "2026-05-01", "IT009: 2026-06-01"), "IT009 is not one of the sites"),
        (amendment("2.0", "2026-05-01", "IT001: 2026-04-30"), "is before 2026-05-01"),
        (amendment("2.0", "2026-05-01", "IT001: never"), "amendment.sites.IT001"),
        (
            amendment("2.0", "2026-05-01", 'IT001: not_approved, "701": not_approved'),
            "no site has approved it",
        ),
        (SECOND.replace("  summary: What changed\n", ""), "amendment.summary"),
    ],
)
def test_a_faulty_amendment_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ProtocolError) as found:
        parsed(text)
    assert told in str(found.value)
    assert str(found.value).startswith("t.yaml:")


def test_an_arm_is_closed_and_stays_listed() -> None:
    closed = SECOND.replace("title: Other", "title: Other, closed: true")
    with pytest.raises(ProtocolError, match="B is closed, and in a stratum"):
        parsed(closed)
    found = versions(file(), closed.replace("{A: 1, B: 2}", "{A: 1}"))
    assert [arm.id for arm in found.last.arms] == ["A", "B"]


def test_a_folder_holds_the_versions_of_several_trials(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SECOND)
    (tmp_path / "b.yaml").write_text(file())
    (tmp_path / "c.yaml").write_text(file().replace("T1", "T2"))
    found = load_all(tmp_path)
    assert {trial: [one.version for one in of.every] for trial, of in found.items()} == {
        "T1": ["1.0", "2.0"],
        "T2": ["1.0"],
    }
    [trial, _] = found.values()
    assert trial.of("2.0") is trial.last
    assert trial.of("3.0") is None

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared.contracts import protocol_file, study, versions
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SiteId

GOOD = """\
study:
  id: T1
  version: "1.0"
  title: A trial
  phase: II
  model: parallel
  masking: none
  sponsor: Somebody
  start: 2025-06-15
  completion: 2028-04-01
  requires_signature: true
  severity_scale: ctcae
sites:
  - {id: IT001, time_zone: Europe/Rome}
  - {id: "701", time_zone: America/New_York, name: Far away}
arms:
  - {id: A, title: One}
  - {id: B, title: Other}
strata:
  - {id: s1, title: All, when: {is_true: x}, ratio: {A: 1, B: 2}}
eligibility: {fields: {}}
"""


def parse(text: str) -> study.Protocol:
    return protocol_file.parse(text.encode(), "t.yaml")


def test_a_protocol() -> None:
    protocol = parse(GOOD)
    assert protocol.id == "T1"
    assert [site.id for site in protocol.sites] == ["IT001", "701"]
    assert protocol.sites[0].open_at_activation
    assert protocol.strata[0].ratio == {"A": 1, "B": 2}
    assert protocol.sections == {"eligibility": {"fields": {}}}
    assert protocol.study.start == date(2025, 6, 15)
    assert len(protocol.sha256) == 64
    assert protocol.stratum("s1") is protocol.strata[0]
    assert protocol.stratum("s2") is None
    assert str(protocol.fault(("arms", 1), "wrong")) == "t.yaml:18: arms.1: wrong"


def test_today_is_the_day_at_the_site() -> None:
    protocol = parse(GOOD)
    now = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert protocol.today(SiteId("IT001"), now) == date(2026, 3, 2)
    assert protocol.today(SiteId("701"), now) == date(2026, 3, 1)
    assert protocol.today(SiteId("IT999"), now) == date(2026, 3, 2)
    with pytest.raises(ValueError):
        protocol.today(SiteId("IT001"), datetime(2026, 3, 1))


def test_strata_by_site() -> None:
    lines = GOOD.splitlines()
    lines[19:20] = ["  by: site", "  ratio: {A: 1, B: 1}"]
    protocol = parse("\n".join(lines))
    assert protocol.strata_by_site
    assert [(one.id, one.title, one.when) for one in protocol.strata] == [
        ("IT001", "Site IT001", None),
        ("701", "Far away", None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  id: T1", "  idd: T1", "t.yaml:1: study.id: is missing"),
        ("ctcae", "ctc", "t.yaml:12: study.severity_scale: "),
        ('version: "1.0"', "version: 1.0", "t.yaml:3: study.version: "),
        ("Europe/Rome", "Europe/Rom", "t.yaml:14: sites.0.time_zone: "),
        ("Europe/Rome", "../etc/passwd", "t.yaml:14: sites.0.time_zone: "),
        ('id: "701"', "id: IT001", "t.yaml:15: sites.1.id: IT001 is listed twice"),
        ("id: B,", "id: A,", "t.yaml:18: arms.1.id: A is listed twice"),
        ("B: 2", "B: 0", "t.yaml:20: strata.0.ratio.B: "),
        ("B: 2", "B: true", "t.yaml:20: strata.0.ratio.B: "),
        ("B: 2", "C: 2", "t.yaml:20: strata.0.ratio.C: C is not one of the arms"),
        (", B: 2", "", "t.yaml:18: arms.1: B is in no stratum's ratio"),
        ("when: {is_true: x}, ", "", "t.yaml:20: strata.0.when: a stratum needs its rule"),
        ("eligibility:", "eligible:", "t.yaml:21: eligible: unknown"),
        ("2028-04-01", "2024-04-01", "t.yaml:10: study.completion: is before the start"),
        (
            "sites:",
            "sites:\n  - {id: IT001, time_zone: Europe/Rome, id: X}",
            "t.yaml:14: sites.0: id",
        ),
        ("masking: none", "masking: none\n  extra: 1", "t.yaml:8: study.extra: "),
    ],
)
def test_errors_have_their_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ProtocolError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert any(line.startswith(message) for line in caught.value.lines)
    assert "\n" not in str(caught.value)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("no protocol")
    assert list(versions.load_all(tmp_path)) == ["T1"]
    (tmp_path / "b.yaml").write_text(GOOD)
    with pytest.raises(ProtocolError, match=r"b\.yaml:2: study\.id: T1 is also in .*a\.yaml"):
        versions.load_all(tmp_path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=":1: file: cannot be read"):
        protocol_file.load(tmp_path / "none.yaml")
    with pytest.raises(ProtocolError, match="is not UTF-8"):
        protocol_file.parse(b"\xff", "t.yaml")
    with pytest.raises(ProtocolError, match="must hold the keys"):
        protocol_file.parse(b"- 1", "t.yaml")

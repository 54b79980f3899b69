"""The adverse event form: what was typed at a site is what safety takes."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.portal import event_form, sitetime
from services.portal.changes import changes
from services.portal.components import authorities, components, regimen_field
from services.portal.event_form import dictionary
from services.safety import form as safety_form
from services.safety.rules import SafetyRules
from tests.unit.portal.made import NCT_PROTOCOL, PILOT_PROTOCOL, typed

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HAD = ("surgery", "axitinib")
ASKED = dictionary("ctcae", HAD, judges=True)
FORM: dict[str, Any] = {
    "term": "fever",
    "ctcae_term": "Fever",
    "site_aware_at": "2026-03-01T09:30:00+01:00",
    "grade": 3,
    "seriousness": ["death", "hospitalisation"],
    "onset_date": "2026-02",
    "end_date": None,
    "outcome": "fatal",
    "causality": {"surgery": "related"},
    "action_taken": {"axitinib": "dose_reduced"},
}


def test_an_event_typed_in_is_the_event_that_was_meant_and_safety_takes_it() -> None:
    found = event_form.read(ASKED, event_form.written(ASKED, FORM, ROME), ROME, {})
    assert found.form == FORM
    assert found.errors == []
    report = safety_form.read(SafetyRules.of(NCT_PROTOCOL), found.form, NOW, HAD)
    assert report.seriousness == ("death", "hospitalisation")


@pytest.mark.parametrize(("ticked", "said"), [(["[]"], []), (["death"], ["death"])])
def test_not_serious_is_said_and_not_left_out(ticked: list[str], said: list[str]) -> None:
    assert event_form.read(ASKED, typed(seriousness=ticked), ROME, {}).form == {"seriousness": said}
    assert "seriousness" not in event_form.read(ASKED, typed(term="x"), ROME, {}).form


def test_not_serious_and_a_criterion_contradict() -> None:
    found = event_form.read(ASKED, typed(seriousness=["death", "[]"]), ROME, {})
    assert [loc for loc, _ in found.errors] == [("seriousness",)]


def test_the_scale_is_the_protocols() -> None:
    names = {one.name for one in dictionary("sdtm", (), judges=True).fields}
    assert "severity" in names
    assert not {"grade", "causality", "action_taken"} & names


def test_causality_is_asked_of_who_judges_it() -> None:
    assert ASKED.field("causality") is not None
    assert dictionary("ctcae", HAD, judges=False).field("causality") is None


def test_a_follow_up_sends_what_changed_and_keeps_a_time_to_the_second() -> None:
    old = {**FORM, "site_aware_at": "2026-03-01T08:30:07.5Z"}
    typing = event_form.written(ASKED, {**old, "grade": 5}, ROME)
    found = changes(ASKED, old, event_form.read(ASKED, typing, ROME, old))
    assert found.fields == {"grade": 5}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T09:30", "2026-03-01T09:30:00+01:00"),
        ("2026-07-01 09:30:05", "2026-07-01T09:30:05+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),  # there twice: the earlier one
    ],
)
def test_a_time_at_a_site_is_an_instant(text: str, instant: str) -> None:
    assert sitetime.instant(text, ROME) == instant


@pytest.mark.parametrize(
    "text",
    ["2026-03-29T02:30", "2026-02-30T10:00", "yesterday", "", "2026-03-01", "0001-01-01T00:00"],
)
def test_a_time_that_is_none_at_the_site_is_refused(text: str) -> None:
    with pytest.raises(sitetime.NoSuchTime):
        sitetime.instant(text, ROME)


@pytest.mark.parametrize(
    ("arm", "regimen"),
    [
        ("DCN", "axitinib_pembrolizumab"),
        (None, "axitinib_pembrolizumab"),
        ("SOC", None),
        (None, "other"),
    ],
)
def test_components_are_those_that_safety_works_out(arm: str | None, regimen: str | None) -> None:
    rules = SafetyRules.of(NCT_PROTOCOL)
    assert components(NCT_PROTOCOL, arm, regimen) == rules.components.of(arm, regimen)
    assert regimen_field(NCT_PROTOCOL) == rules.components.regimen_field
    assert authorities(NCT_PROTOCOL) == rules.authorities
    assert components(PILOT_PROTOCOL, "Pbo", None) == SafetyRules.of(PILOT_PROTOCOL).components.of(
        "Pbo", None
    )

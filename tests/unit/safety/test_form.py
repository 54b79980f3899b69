"""The adverse event form: every field on both sides, and all errors with their place."""

from datetime import date
from typing import Any

import pytest

from services.safety.form import FormErrors, Report, changed, merged, read, read_follow_up, stored
from shared.contracts.jsontext import dumps, loads
from tests.unit.safety.forms import HAD, NCT, PILOT, Form, at, errors_of, good, report

NOW = at("2026-03-02 12:00")


def test_a_whole_form_is_read() -> None:
    found = report()
    assert found == Report(
        term="Bauchschmerzen, stark",
        ctcae_term="Abdominal pain",
        grade=3,
        severity=None,
        onset=(date(2026, 2, 27), date(2026, 2, 27)),  # type: ignore[arg-type]
        end=None,
        site_aware_at=at("2026-03-01 08:00"),
        sponsor_aware_at=at("2026-03-01 12:30"),
        outcome="recovering",
        seriousness=("hospitalisation",),
        causality={"surgery": "not_related", "nivolumab": "related"},
        action_taken={"nivolumab": "interrupted"},
        form=good(sponsor_aware_at=...),
    )


@pytest.mark.parametrize("absent", [..., None])
def test_only_four_fields_are_needed_offline(absent: Any) -> None:
    needed = {"term", "site_aware_at", "sponsor_aware_at", "seriousness"}
    form = good(**{name: absent for name in good() if name not in needed})
    assert errors_of(form) == []
    for name in needed:
        assert errors_of({**form, name: None}) == [[name]]
        assert errors_of({key: value for key, value in form.items() if key != name}) == [[name]]


_LINE_BREAK = "two\nlines\tof text"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("term", ["x", "x" * 200, "é" * 200, " Kopfweh ", _LINE_BREAK, "NULL", "𝒳" * 200]),
        ("ctcae_term", ["Colitis", None]),
        ("grade", [1, 2, 3, 4, 5, None]),
        (
            "onset_date",
            ["2026-05-01", "2024-02-29", "2026-05", "2026", "0001", "9999", "2030-01-01"],
        ),
        ("end_date", ["2026-02-27", "2026-02", "2026", "9999-12-31", None]),
        ("outcome", ["recovered", "recovering", "not_recovered", "recovered_with_sequelae"]),
        ("outcome", ["unknown", None]),
        ("seriousness", [[], ["life_threatening", "disability", "congenital_anomaly"]]),
        ("seriousness", [["other_medically_important"], ["death"], ["death", "death"]]),
        ("causality", [None, {}, {"surgery": None}, {"surgery": "related"}]),
        ("action_taken", [None, {}, {"surgery": "none", "nivolumab": "dose_reduced"}]),
        ("action_taken", [{"surgery": "not_applicable", "nivolumab": "withdrawn"}]),
        ("site_aware_at", ["2026-03-01T12:30:00Z", "2026-03-01t12:30:00z", "0001-01-01T00:00:00Z"]),
        ("site_aware_at", ["2026-03-01T14:30:00+02:00", "2026-03-01T12:29:59.9999999Z"]),
        ("site_aware_at", ["2026-02-28T12:30:00-00:00", "2026-02-28T12:30:00-23:59"]),
    ],
)
def test_what_is_taken(field: str, values: list[Any]) -> None:
    for value in values:
        assert errors_of(good(**{field: value})) == [], value


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("term", ["", " ", "\t\n", "\u200b", "\u00a0", "\x07", "x" * 201, 7, True, ["x"], {}]),
        ("ctcae_term", ["", " ", 7, False, [], {}]),
        ("grade", [0, 6, -1, 10**30, True, False, "3", [3], {}, 3.0, 2.5]),
        ("severity", ["mild", None]),
        ("onset_date", ["2026-02-29", "2026-13", "2026-00", "0000", "0000-01-01", "26", "2026-5"]),
        ("onset_date", ["20260501", "2026-05-01T00:00:00Z", "2026-05-01 ", "２０２６", "", 2026]),
        ("onset_date", ["2026-W09-1", "none", True, [], "+2026", "2026-", "2026-02-1"]),
        ("end_date", ["2026-02-26", "2026-01", "2025", "today", 2026, False]),
        ("outcome", ["fatal", "Recovered", "dead", "", 1, True, ["recovered"]]),
        ("causality", ["related", [], True, 1]),
        ("action_taken", ["none", [], True]),
        ("seriousness", ["death", {}, True, 0, {"death": True}]),
    ],
)
def test_what_is_refused_at_its_field(field: str, values: list[Any]) -> None:
    for value in values:
        assert errors_of(good(**{field: value})) == [[field]], value


@pytest.mark.parametrize("field", ["site_aware_at", "sponsor_aware_at"])
@pytest.mark.parametrize(
    "value",
    [
        "2026-02-28",
        "2026-02-28T12:30Z",
        "2026-02-28T12:30:00",
        "2026-02-28 12:30:00Z",
        "2026-02-28T12:30:00+0200",
        "2026-02-28T12:30:00+02",
        "2026-02-28T12:30:00+24:00",
        "2026-02-28T12:30:00+02:60",
        "2026-02-28T12:30:00 Z",
        "2026-02-28T12:30:00Z ",
        "2026-02-28T12:30:00.Z",
        "2026-02-28T12:30:00,5Z",
        "2026-02-28T12:30:60Z",
        "2016-12-31T23:59:60Z",
        "2026-02-28T12:60:00Z",
        "2026-02-28T24:00:00Z",
        "2026-02-29T12:30:00Z",
        "2026-02-28T12:30:00Europe/Rome",
        "20260228T123000Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-02-28T12:30:00Z",
        "",
        1772000000,
        True,
        ["2026-02-28T12:30:00Z"],
    ],
)
def test_instants_are_rfc_3339_with_seconds_and_an_offset(field: str, value: Any) -> None:
    assert errors_of(good(**{field: value})) == [[field]]


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"seriousness": ["death", "Death"]}, ["seriousness", 1]),
        ({"seriousness": [None]}, ["seriousness", 0]),
        ({"seriousness": [["death"]]}, ["seriousness", 0]),
        ({"causality": {"surgery": "unrelated"}}, ["causality", "surgery"]),
        ({"causality": {"surgery": True}}, ["causality", "surgery"]),
        ({"causality": {"radiotherapy": "related"}}, ["causality", "radiotherapy"]),
        ({"causality": {"radiotherapy": None}}, ["causality", "radiotherapy"]),
        ({"causality": {"": None}}, ["causality", ""]),
        ({"action_taken": {"axitinib": "none"}}, ["action_taken", "axitinib"]),
        ({"action_taken": {"axitinib": None}}, ["action_taken", "axitinib"]),
        ({"action_taken": {"nivolumab": None}}, ["action_taken", "nivolumab"]),
        ({"action_taken": {"nivolumab": "stopped"}}, ["action_taken", "nivolumab"]),
        ({"onset": None}, ["onset"]),
        ({"subject": "IT001-0001"}, ["subject"]),
    ],
)
def test_what_is_refused_deeper(changes: Form, loc: list[str | int]) -> None:
    assert errors_of(good(**changes)) == [loc]


def test_the_scale_of_the_protocol_counts_and_the_other_is_refused() -> None:
    form = {"term": "X", "site_aware_at": "2026-03-01T09:00:00Z", "seriousness": []}
    form["sponsor_aware_at"] = "2026-03-01T09:00:00Z"
    for word in ("mild", "moderate", "severe", None):
        assert errors_of({**form, "severity": word}, PILOT, ("patch",)) == []
    for bad in ("MILD", "fatal", 1, True, "", ["mild"]):
        assert errors_of({**form, "severity": bad}, PILOT, ("patch",)) == [["severity"]]
    for other in (1, None):
        assert errors_of({**form, "grade": other}, PILOT, ("patch",)) == [["grade"]]
    assert read(PILOT, {**form, "severity": "severe"}, None, ("patch",)).severity == "severe"


def test_severity_never_decides_seriousness() -> None:
    assert not report(grade=5, seriousness=[]).serious
    assert report(grade=1).serious


def test_fatal_asks_for_death_and_not_the_other_way_round() -> None:
    assert errors_of(good(outcome="fatal", seriousness=["death"])) == []
    assert errors_of(good(outcome="fatal", seriousness=[])) == [["outcome"]]
    assert errors_of(good(outcome="fatal", seriousness=["life_threatening"])) == [["outcome"]]
    assert errors_of(good(outcome="recovered", seriousness=["death"])) == []
    assert errors_of(good(outcome=None, seriousness=["death"])) == []


@pytest.mark.parametrize(
    ("onset", "end", "taken"),
    [
        ("2026-02-27", "2026-02-27", True),
        ("2026-02-27", "2026-02-26", False),
        ("2026-02-27", "2026-02", True),
        ("2026-03-01", "2026-02", False),
        ("2026-02", "2026-02-01", True),
        ("2026-02", "2026-01-31", False),
        ("2026", "2026-01", True),
        ("2026", "2025", False),
        ("2026-12-31", "2026", True),
        ("2024-02-29", "2024-02", True),
        (None, "1977", True),
        ("2026-02", None, True),
    ],
)
def test_an_end_is_not_before_its_onset(onset: str | None, end: str | None, taken: bool) -> None:
    assert errors_of(good(onset_date=onset, end_date=end)) == ([] if taken else [["end_date"]])


def test_an_onset_is_compared_with_nothing_else() -> None:
    assert errors_of(good(onset_date="2031-01-01")) == []
    assert errors_of(good(onset_date="1977")) == []


def test_the_sponsor_knew_no_earlier_than_the_site() -> None:
    same = "2026-03-01T12:30:00Z"
    assert errors_of(good(site_aware_at=same, sponsor_aware_at=same)) == []
    later = good(site_aware_at="2026-03-01T12:30:01Z", sponsor_aware_at=same)
    assert errors_of(later) == [["site_aware_at"]]
    # In another offset the same instant, and a later one.
    other = good(site_aware_at="2026-03-01T14:30:00+02:00", sponsor_aware_at=same)
    assert errors_of(other) == []
    other = good(site_aware_at="2026-03-01T12:31:00+00:00", sponsor_aware_at=same)
    assert errors_of(other) == [["site_aware_at"]]


def test_the_clock_s_now_is_when_the_sponsor_knew_but_for_paper() -> None:
    assert read(NCT, good(sponsor_aware_at=...), NOW, HAD).sponsor_aware_at == NOW
    assert read(NCT, good(sponsor_aware_at=None), NOW, HAD).sponsor_aware_at == NOW
    assert read(NCT, good(), NOW, HAD).sponsor_aware_at == at("2026-03-01 12:30")
    for field in ("site_aware_at", "sponsor_aware_at"):
        form = good(sponsor_aware_at=...) | {field: "2026-03-02T12:00:01Z"}
        with pytest.raises(FormErrors) as caught:
            read(NCT, form, NOW, HAD)
        assert caught.value.errors == [((field,), "is in the future")]
        read(NCT, {**form, field: "2026-03-02T12:00:00Z"}, NOW, HAD)


def test_every_error_is_told_at_once_and_none_repeats_what_was_said() -> None:
    form = good(term="", grade=7, causality={"RT": "secret"}, seriousness=["secret"], x="secret")
    with pytest.raises(FormErrors) as caught:
        read(NCT, form, None, HAD)
    assert {loc for loc, _ in caught.value.errors} == {
        ("term",),
        ("grade",),
        ("causality", "RT"),
        ("seriousness", 0),
        ("x",),
    }
    assert "secret" not in " ".join(msg for _, msg in caught.value.errors)


@pytest.mark.parametrize("form", [None, [], "x", 1, True])
def test_a_form_is_an_object(form: object) -> None:
    assert errors_of(form) == [[]]


def test_seriousness_is_kept_once_in_one_order() -> None:
    told = ["disability", "death", "disability", "death"]
    assert report(seriousness=told).seriousness == ("death", "disability")


def test_a_stored_form_is_read_back_as_it_was() -> None:
    for found in (
        report(),
        report(onset_date="2026", causality={"surgery": None}),
        report(grade=...),
    ):
        form = loads(dumps(found.form))
        assert isinstance(form, dict)
        assert stored(form, found.sponsor_aware_at) == found


def test_a_follow_up_changes_fields_and_keeps_the_rest() -> None:
    old = report().form
    changes = {"outcome": "recovered", "end_date": "2026-03", "grade": None}
    found = read_follow_up(NCT, old, changes, NOW, HAD)
    assert (found.outcome, found.grade, found.term) == ("recovered", None, report().term)
    assert found.sponsor_aware_at == NOW
    assert "sponsor_aware_at" not in found.form
    assert changed(old, changes)[0] == ("outcome", "recovering", "recovered")
    assert merged({"a": 1, "sponsor_aware_at": "x"}, {"b": None}) == {"a": 1, "b": None}
    assert read_follow_up(NCT, old, {}, NOW, HAD).form == old


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"term": None}, ("term",)),
        ({"seriousness": None}, ("seriousness",)),
        ({"outcome": "fatal"}, ("outcome",)),
        ({"end_date": "2026-02-26"}, ("end_date",)),
        ({"severity": "mild"}, ("severity",)),
        ({"version": 2}, ("version",)),
        ({"sponsor_aware_at": "2026-03-02T12:00:01Z"}, ("sponsor_aware_at",)),
        ({"causality": {"radiotherapy": None}}, ("causality", "radiotherapy")),
        (None, ()),
        ([], ()),
    ],
)
def test_a_follow_up_is_read_as_strictly(changes: Any, loc: tuple[str, ...]) -> None:
    with pytest.raises(FormErrors) as caught:
        read_follow_up(NCT, report().form, changes, NOW, HAD)
    assert [where for where, _ in caught.value.errors] == [loc]


def test_what_was_judged_of_a_component_that_the_arm_excluded_stays() -> None:
    old = report(
        had=("surgery", "radiotherapy"), causality={"radiotherapy": "related"}, action_taken=None
    )
    found = read_follow_up(NCT, old.form, {"grade": 4}, NOW, ("surgery",))
    assert found.causality == {"radiotherapy": "related"}
    with pytest.raises(FormErrors):
        read_follow_up(NCT, old.form, {"causality": {"radiotherapy": "related"}}, NOW, ("surgery",))


def test_a_leap_second_is_told_as_one() -> None:
    with pytest.raises(FormErrors) as caught:
        read(NCT, good(site_aware_at="2016-12-31T23:59:60Z"), None, HAD)
    assert caught.value.errors == [(("site_aware_at",), "leap seconds are not taken")]

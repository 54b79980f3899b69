"""The pilot's stream: what is sent when, and what the data say must come of it."""

from collections import Counter
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from deploy.demo import pilot, pilot_act, pilot_ends, pilot_events, pilot_filing, pilot_tables
from deploy.demo.pilot_figures import CRITERIA, broken, verdict
from deploy.demo.pilot_truth import Truth
from shared.contracts import jsontext
from shared.contracts.subjects import SubjectId
from tests.unit.demo.tables import small
from tests.unit.screening.forms import PILOT

ZONE = ZoneInfo("America/New_York")


def test_records_go_out_by_day_then_screenings_first_then_subject() -> None:
    steps = pilot_act.stream(small(), 16, ZONE, ["FDA-312.32"])
    assert [(step.day.isoformat(), step.kind, step.subject) for step in steps] == [
        ("2028-02-28", "screening", "702-1003"),
        ("2028-02-29", "screening", "701-1001"),
        ("2028-02-29", "screening", "702-1002"),
        ("2028-03-08", "correction", "702-1002"),
        ("2028-03-09", "correction", "701-1001"),
        ("2028-03-09", "report", "701-1001"),
        ("2028-03-09", "follow_up", "701-1001"),
        ("2028-03-09", "report", "702-1002"),
        ("2028-03-09", "withdrawal", "701-1001"),
        ("2028-03-14", "submission", "702-1002"),
        ("2028-04-01", "survival", "702-1002"),
    ]


def test_a_form_holds_what_is_known_on_its_day() -> None:
    _, form, *_, correction = pilot.screenings(pilot_tables.people(small()), small().ti, 16)
    assert form.body == {
        "informed_consent_date": "2028-02-28",
        "consent_signed": True,
        "age": 70,
        "sex": "female",
        "probable_ad": True,
        "mmse_total": 11,
        "hachinski_total": 4,
        "resting_pulse": {"value": Decimal(50), "unit": "/min"},
        "creatinine": {"value": Decimal("1.10"), "unit": "mg/dL"},
        "potassium": {"value": Decimal("4.0"), "unit": "meq/L"},
    }
    assert correction.body == {
        "creatinine": {"value": Decimal("1.2"), "unit": "mg/dL"},
        "postmenopausal": True,
        "attested": {"INCL05": "met", "EXCL09": "not_met", "EXCL17": "not_met"},
    }


def test_a_screen_failure_has_no_more_than_the_data_have() -> None:
    failure, *_ = pilot.screenings(pilot_tables.people(small()), small().ti, 16)
    assert set(failure.body) == {"informed_consent_date", "consent_signed", "age", "sex"}


def test_the_real_allocations_are_the_list_in_order_of_their_days() -> None:
    assert pilot.allocation_list(pilot_tables.people(small())) == (
        "stratum,arm,subject\n702,Xan_Hi,702-1002\n701,Pbo,701-1001\n"
    )


def test_an_adverse_event_is_its_first_record_then_what_has_changed() -> None:
    report, follow_up, death = pilot_events.reports(small().ae, 16, ZONE)
    assert (report.event, report.number, report.quiet) == ("E01", 1, True)
    assert report.body == {
        "term": "HEADACHE",
        "severity": "mild",
        "onset_date": "2028-02",
        "site_aware_at": "2028-03-09T09:00:00-05:00",
        "outcome": "not_recovered",  # so that its end, from the future, is not sent
        "seriousness": [],
    }
    assert (follow_up.event, follow_up.number) == ("E01", 2)
    assert follow_up.body == {
        "severity": "severe",
        "outcome": "recovered",
        "end_date": "2028-03-09",
    }
    assert death.body["seriousness"] == ["death", "hospitalisation"]
    assert death.body["causality"] == {"patch": "related"}
    assert not death.quiet


def test_a_subject_ends_alive_dead_or_withdrawn_for_a_reason() -> None:
    tables = small()
    left, dead = pilot_ends.ends(tables.ds, pilot_ends.causes(tables.relrec, tables.ae), 16)
    assert left.body == {
        "subject": "701-1001",
        "date": "2028-03-09",
        "from": "consent",
        "reason": "WITHDREW CONSENT: HEADACHE",
    }
    assert dead.body == {
        "subject": "702-1002",
        "date": "2028-04-01",
        "status": "dead",
        "cause": "MYOCARDIAL INFARCTION",
    }


def test_each_fourth_reaction_is_filed_late() -> None:
    [death] = [row for row in small().ae if row["AESDTH"] == "Y"]
    others = [
        {**death, "USUBJID": f"01-701-{number}", "AESDTH": "N", "AEREL": related}
        for number, related in enumerate(("POSSIBLE", "NONE", None, "PROBABLE"), start=1002)
    ]
    found = pilot_filing.suspected([death, *others])
    assert [(one.subject, one.kind, one.late) for one in found] == [
        ("701-1002", "expedited_15", False),
        ("701-1004", "expedited_15", False),
        ("701-1005", "expedited_15", False),
        ("702-1002", "expedited_7", True),
    ]
    assert [(one.filed - one.reported).days for one in found] == [10, 10, 10, 10]


def test_a_trial_of_some_sites_has_nothing_of_the_others() -> None:
    tables = small().of_sites(["702"])
    assert {person.site for person in pilot_tables.people(tables)} == {"702"}
    assert len(tables.ti) == len(small().ti)
    steps = pilot_act.stream(tables, 16, ZONE, ["FDA-312.32"])
    assert {step.subject for step in steps} == {"702-1002", "702-1003"}


def test_the_data_say_what_must_come_of_it() -> None:
    true = Truth(small(), {"01-701-1001": "Pbo"})
    assert true.events_by_arm() == {"Pbo": 1, "none": 1}
    assert true.reports_by_arm() == {"Pbo": 2, "none": 1}
    assert true.by_severity() == {"severe": 2}
    assert true.severity_changes() == {"higher": 1}
    assert true.by_outcome() == {"fatal": 1, "recovered": 1}
    assert true.by_seriousness() == {"death": 1, "hospitalisation": 1, "serious": 1}
    assert true.suspected_by_subject() == {"702-1002": 1}
    assert true.clocks(2) == {"expedited_7": 2, "site_to_sponsor": 1}
    assert true.on_treatment() == 0  # the other one was never randomized
    assert (true.deaths(), true.alive(), true.withdrawals()) == (1, 0, {"consent": 1})


@pytest.mark.parametrize(
    ("today", "years"), [("2026-11-22", 16), ("2028-07-05", 16), ("2028-07-06", 20)]
)
def test_dates_move_by_a_multiple_of_four_years_that_is_ahead(today: str, years: int) -> None:
    assert pilot.years_ahead(date.fromisoformat(today), date(2012, 7, 6)) == years


def test_values_that_break_a_rule_are_named_whatever_the_trial_did() -> None:
    found = {
        person.id: (verdict(person), broken(person)) for person in pilot_tables.people(small())
    }
    assert found == {
        "701-1001": ("eligible", []),
        "702-1002": ("ineligible", ["INCL03"]),
        "702-1003": ("incomplete", []),
    }


def test_the_package_holds_what_the_trial_page_counts() -> None:
    """The counts are those of the page about the trial, computed apart from this code."""
    tables = pilot_tables.load()
    people = pilot_tables.people(tables)
    steps = pilot.screenings(people, tables.ti, 16)
    assert Counter(step.kind for step in steps) == {"screening": 306, "correction": 254}
    assert len({person.site for person in people}) == 17
    outcomes = {name: Counter(holds(one) for one in people) for name, holds in CRITERIA.items()}
    assert outcomes == {
        "INCL01": {True: 270, None: 36},
        "INCL02": {True: 254, None: 52},
        "INCL03": {True: 252, False: 2, None: 52},
        "INCL04": {True: 254, None: 52},
        "INCL06": {True: 306},
        "EXCL17": {False: 254, None: 52},
    }
    assert Counter(person.arm for person in people) == {
        "Pbo": 86,
        "Xan_Lo": 84,
        "Xan_Hi": 84,
        None: 52,
    }
    forms: dict[str, pilot.Form] = {}
    for step in steps:
        forms[step.subject] = {**forms.get(step.subject, {}), **step.body}
        form = jsontext.loads(jsontext.dumps(forms[step.subject]))
        assert isinstance(form, dict)
        PILOT.decide(SubjectId(step.subject), form, step.day)  # every form is well made

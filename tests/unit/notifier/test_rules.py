"""The section is refused with its place wherever it names what does not exist."""

from datetime import datetime, time, timedelta

import pytest

from services.notifier.rules import NotificationRules, Pace
from shared.contracts.study import ProtocolError
from tests.unit.notifier.made import DAY, HOUR, MINUTE, NOON, SECTION, protocol


def test_a_section_is_read() -> None:
    rules = NotificationRules.of(protocol())
    assert rules.critical == Pace(15 * MINUTE, 4 * HOUR)
    assert rules.pace("high") == Pace(HOUR, DAY)
    assert rules.gathered_at == time(8)
    first = rules.rules[0]
    assert (first.matter, first.settled_by) == ("clock", ("ReportingClockStopped",))


def test_without_a_section_only_calls_that_fail_and_an_unblinding_call() -> None:
    rules = NotificationRules.of(protocol(""))
    assert [rule.id for rule in rules.rules] == [
        "contact_unreached",
        "nobody_on_call",
        "unblinding",
    ]


def test_an_unblinding_is_an_alert_whatever_a_file_leaves_out() -> None:
    [_, *own] = NotificationRules.of(protocol()).rules
    [rule] = [one for one in own if "SubjectUnblinded" in one.on]
    assert (rule.severity, rule.when) == ("critical", ())
    assert rule.roles == ("safety_officer", "trial_manager")


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "says"),
    [
        ("on: ReportingClockOverdue", "on: ClockOverdue", 20, "rules.0.on", "is no event"),
        ("cause: clock", "cause: clok", 23, "rules.0.cause", "clok is no member of Reporting"),
        ("by: clock", "by: letter", 24, "rules.0.settled_by.0.by", "letter is no member of"),
        ("{on: ReportingClockStopped", "{on: Stopped", 24, "rules.0.settled_by.0.on", "no event"),
        ("severity: critical", "severity: loud", 21, "rules.0.severity", "'critical'"),
        ("[safety_officer]", "[boss]", 22, "rules.0.call.0", "'safety_officer'"),
        ("[safety_officer]", "[]", 22, "rules.0.call", "must not be empty"),
        ("15m", '"15"', 15, "critical.next_after", "minutes, hours or days"),
        ("15m", "0m", 15, "critical.next_after", "minutes, hours or days"),
        ('"08:00"', '"25:00"', 17, "info.gathered_at", "must be written as"),
        ("id: rule", "id: nobody_on_call", 19, "rules.0.id", "is there already"),
        ("id: rule", "id: rule\n      tone: loud", 20, "rules.0.tone", "is unknown here"),
        ("cause: clock", "cause: clock\n      when: {kind: late}", 24, "when.kind", "never that"),
        ("cause: clock", "cause: clock\n      when: {size: 1}", 24, "when.size", "no member"),
        ("cause: clock", "cause: clock\n      when: {kind: {all: [x]}}", 24, "kind", "any: ["),
    ],
)
def test_a_fault_has_its_place(old: str, new: str, line: int, place: str, says: str) -> None:
    assert old in SECTION
    with pytest.raises(ProtocolError) as refused:
        NotificationRules.of(protocol(SECTION.replace(old, new, 1)))
    text = str(refused.value)
    assert text.startswith(f"T1.yaml:{line}: notification."), text
    assert place in text
    assert says in text


def test_words_of_a_list_are_checked() -> None:
    section = SECTION.replace("ReportingClockOverdue", "AdverseEventReported")
    section = section.replace("cause: clock", "cause: case\n      when: {seriousness: {any: [%s]}}")
    section = section[: section.index("      settled_by")]
    assert NotificationRules.of(protocol(section % "death")).rules[0].when[0].in_list
    with pytest.raises(ProtocolError, match="is never that"):
        NotificationRules.of(protocol(section % "deth"))


def test_pauses_grow_to_a_day_and_no_further() -> None:
    pace = Pace(15 * MINUTE, 4 * HOUR)
    hours = [pace.pause(rounds) / HOUR for rounds in (0, 1, 2, 3, 50)]
    assert hours == [4, 8, 16, 24, 24]
    assert Pace(HOUR, 3 * DAY).pause(9) == 3 * DAY


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (NOON, NOON + timedelta(hours=20)),
        (NOON.replace(hour=7, minute=59), NOON.replace(hour=8)),
        (NOON.replace(hour=8), NOON.replace(day=23, hour=8)),
    ],
)
def test_news_gather_until_the_next_time_of_day(now: datetime, then: datetime) -> None:
    assert NotificationRules.of(protocol()).gathering(now) == then

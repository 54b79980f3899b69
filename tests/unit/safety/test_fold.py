"""A case is the fold of its facts: rebuilt it is the same, and timers make no difference to it."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.safety import domain, form
from services.safety.domain import Case, Fact, Version
from shared.contracts.jsontext import dumps, loads
from shared.contracts.versions import ByTime
from tests.unit.safety.cases import CASE, SUBJECT, Story
from tests.unit.safety.forms import at, rules_with

RULES = rules_with("authorities: [EU-CTR]", "authorities: [EU-CTR, FDA-312.32]")
BEGIN = at("2026-03-01 12:00")
WORDS = st.sampled_from(["related", "not_related"])
SERIOUSNESS = st.sampled_from([[], ["hospitalisation"], ["death"], ["disability", "death"]])
TRUTH = st.sampled_from([True, False, None])
KINDS = st.sampled_from(["expedited_7", "expedited_15", "follow_up_8"])
TREATMENT = st.sampled_from(
    [
        ("SOC", "cabozantinib_nivolumab"),
        ("DCN", None),
        (None, None),
        ("RT", "axitinib_pembrolizumab"),
    ]
)
ACTS = st.one_of(
    st.tuples(st.just("follow_up"), st.fixed_dictionaries({"seriousness": SERIOUSNESS})),
    st.tuples(st.just("follow_up"), st.fixed_dictionaries({"grade": st.integers(1, 5)})),
    st.tuples(
        st.just("follow_up"),
        st.fixed_dictionaries({"causality": st.fixed_dictionaries({"nivolumab": WORDS})}),
    ),
    st.tuples(st.just("judge"), st.tuples(TRUTH, TRUTH)),
    st.tuples(
        st.just("send"), st.tuples(KINDS, st.sampled_from(RULES.authorities), st.integers(0, 90))
    ),
    st.tuples(st.just("learn"), TREATMENT),
    st.tuples(st.just("wait"), st.none()),
)
HISTORIES = st.lists(st.tuples(st.integers(0, 120), ACTS), max_size=7)


def _play(history: list[Any], ticks: list[int]) -> Story:
    """The history, time having been looked at in between after so many hours each."""
    told: dict[str, Any] = {"rules": RULES, "matched": False, "seriousness": ["disability"]}
    story = Story(f"{BEGIN:%Y-%m-%d %H:%M}", **told)
    hours = 0
    moments = sorted(ticks)
    for wait, (act, about) in history:
        until = hours + wait
        for moment in [one for one in moments if hours < one <= until]:
            story.wait(_when(moment))
        hours = until
        when = _when(hours)
        if act == "follow_up":
            if "causality" not in about or "nivolumab" in story.case.components:
                story.follow_up(when, **about)
        elif act == "judge":
            story.judge(when, *about)
        elif act == "send":
            kind, authority, before = about
            story.send(when, kind, authority, sent=_when(max(0, hours - before)))
        elif act == "learn":
            story.learn(when, *about)
        else:
            story.wait(when)
    story.wait(_when(hours + 24 * 40))
    return story


def _when(hours: int) -> str:
    return f"{BEGIN + timedelta(hours=hours):%Y-%m-%d %H:%M}"


def _kept(facts: tuple[Fact, ...]) -> list[Fact]:
    """The facts as they come back from where they are kept: forms as JSON."""
    return [_read_back(fact) if isinstance(fact, Version) else fact for fact in facts]


def _read_back(version: Version) -> Version:
    raw = loads(dumps(version.report.form))
    assert isinstance(raw, dict)
    report = form.stored(raw, version.report.sponsor_aware_at)
    return Version(version.number, version.at, report)


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_a_case_is_rebuilt_from_its_facts(history: list[Any]) -> None:
    case = _play(history, []).case
    rebuilt = domain.rebuild(ByTime(RULES), CASE, SUBJECT, _kept(case.facts), case.told_until)
    assert rebuilt == case


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.lists(st.integers(0, 24 * 40), max_size=6))
def test_it_makes_no_difference_when_a_timer_comes(history: list[Any], ticks: list[int]) -> None:
    one, other = _play(history, []), _play(history, ticks)
    assert one.case == other.case
    assert one.events == other.events


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_what_holds_of_every_case(history: list[Any]) -> None:
    story = _play(history, [])
    case = story.case
    ids = [clock.id for clock in case.clocks]
    assert len(set(ids)) == len(ids)
    assert case.next_at is None or case.next_at > case.told_until
    _each_once(story, ids)
    for authority in RULES.authorities:
        mine = [clock for clock in case.clocks if clock.duty.authority == authority]
        if not case.classification.authorities[authority].susar:
            assert not any(clock.open for clock in mine)
        else:
            live = [clock for clock in mine if clock.cancelled_at is None]
            assert any(clock.duty.kind != "follow_up_8" for clock in live)
    assert sum(clock.duty.authority is None for clock in case.clocks) == 1


def _each_once(story: Story, ids: list[str]) -> None:
    """A clock starts once, says each thing once and in order, and ends at most once."""
    told: dict[str, list[str]] = {name: [] for name in ids}
    for event in story.events:
        if (clock := getattr(event, "clock", None)) is not None:
            told[clock].append(type(event).__name__ + getattr(event, "left", ""))
    order = [
        "ReportingClockStarted",
        "ReportingClockWarnedhalf",
        "ReportingClockWarnedtenth",
        "ReportingClockOverdue",
    ]
    for said in told.values():
        ends = [one for one in said if one not in order]
        assert len(ends) <= 1
        assert said == [*order[: len(said) - len(ends)], *ends]


def test_a_case_begins_with_its_subject_and_report() -> None:
    case: Case = Story("2026-03-01 12:00").case
    for facts in ([], list(case.facts)[:1], list(reversed(case.facts))):
        try:
            domain.rebuild(ByTime(RULES), CASE, SUBJECT, facts, BEGIN)
        except (TypeError, ValueError):
            continue
        raise AssertionError(facts)

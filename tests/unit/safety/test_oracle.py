"""`classify` against the page read a second time, on lines of every kind."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.safety.lines import answer
from services.safety.rules import SafetyRules, known
from shared.contracts.jsontext import dumps, loads
from tests.unit.safety import oracle
from tests.unit.safety.forms import AUTHORITIES, NCT, REFERENCE

INFORMATION: oracle.Information = [
    (date(2025, 6, 15), {"nivolumab": {"colitis", "rash"}, "surgery": {"pain"}}),
    (date(2026, 3, 10), {"nivolumab": {"colitis"}, "surgery": {"pain", "fever"}}),
]
SERIOUSNESS = (
    "death",
    "life_threatening",
    "hospitalisation",
    "disability",
    "congenital_anomaly",
    "other_medically_important",
)
JUDGED = st.sampled_from(["related", "not_related", None])
TERMS = st.sampled_from(["Colitis", "COLITIS", "rash", "Pain", "Fever", "Headache"])
ONSETS = st.sampled_from(
    [None, "2025", "2025-06", "2025-06-14", "2025-06-15", "2026", "2026-03", "2026-02"]
    + ["2026-03-09", "2026-03-10", "2026-04", "2027", "2024-02-29"]
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))


def _text(instant: datetime, zone: timezone) -> str:
    return instant.replace(microsecond=0).astimezone(zone).isoformat()


@st.composite
def lines(draw: st.DrawFn) -> Any:
    """A line with nothing wrong in it."""
    arm = draw(st.sampled_from(sorted(oracle.LOCAL)))
    regimen = draw(st.sampled_from([None, *sorted(oracle.DRUGS)]))
    had = sorted(oracle.components(arm, regimen))
    named = st.dictionaries(st.sampled_from(had), JUDGED)
    expected = st.dictionaries(st.sampled_from(had), st.sampled_from([True, False, None]))
    aware = draw(INSTANTS)
    knew = aware - draw(st.timedeltas(timedelta(0), timedelta(days=40)))
    form = {
        "term": draw(TERMS),
        "ctcae_term": draw(st.none() | TERMS),
        "onset_date": draw(ONSETS),
        "site_aware_at": _text(knew, draw(ZONES)),
        "sponsor_aware_at": _text(aware, draw(ZONES)),
        "seriousness": draw(st.lists(st.sampled_from(SERIOUSNESS), max_size=3)),
        "causality": draw(st.none() | named),
    }
    assessment = {"causality": draw(st.none() | named), "expected": draw(st.none() | expected)}
    return {
        "subject": "IT001-0001",
        "arm": arm,
        "regimen": regimen,
        "form": form,
        "assessment": draw(st.none() | st.just(assessment)),
    }


def answered(line: Any, authorities: list[str], rules: SafetyRules = NCT) -> Any:
    names = [name for one in authorities if (name := known(one)) is not None]
    assert len(names) == len(authorities)
    return loads(dumps(answer(rules, names, dumps(line))))


def _comparable(said: Any) -> Any:
    del said["why"]
    for one in said["authorities"].values():
        for name in ("related", "unexpected"):
            assert len(set(one[name])) == len(one[name])
            one[name] = set(one[name])
    said["clocks"] = sorted((tuple(clock.values()) for clock in said["clocks"]), key=str)
    return said


WANTED = st.lists(st.sampled_from(AUTHORITIES), min_size=1, max_size=3, unique=True)


@settings(max_examples=120, deadline=None)
@given(lines(), WANTED)
def test_without_reference_safety_information(line: Any, wanted: list[str]) -> None:
    assert _comparable(answered(line, wanted)) == oracle.answer(line, wanted, [])


@settings(max_examples=120, deadline=None)
@given(lines(), WANTED)
def test_with_two_versions_of_it(line: Any, wanted: list[str]) -> None:
    said = _comparable(answered(line, wanted, REFERENCE))
    assert said == oracle.answer(line, wanted, INFORMATION)


@settings(max_examples=100, deadline=None)
@given(lines(), WANTED, st.randoms(use_true_random=False))
def test_the_order_of_members_means_nothing(line: Any, wanted: list[str], chance: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            chance.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        return value

    other = shuffled(line)
    assert answered(line, wanted, REFERENCE) == answered(other, wanted, REFERENCE)


@settings(max_examples=120, deadline=None)
@given(lines(), st.sampled_from(["EU-CTR", "UK"]), st.data())
def test_a_yes_never_takes_a_susar_away(line: Any, authority: str, data: st.DataObject) -> None:
    """Under EU-CTR and UK: wherever somebody has judged, one more `related` lifts, or nothing."""
    said = answered(line, [authority], REFERENCE)["susar"]
    had = sorted(oracle.components(line["arm"], line["regimen"]))
    component = data.draw(st.sampled_from(had))
    part = data.draw(st.sampled_from(["form", "assessment"]))
    line[part] = {**(line[part] or {})}
    line[part]["causality"] = {**(line[part].get("causality") or {}), component: "related"}
    assert answered(line, [authority], REFERENCE)["susar"] >= said


@settings(max_examples=120, deadline=None)
@given(lines(), WANTED)
def test_due_times_are_whole_days_of_utc_after_the_day_on_which_it_was_known(
    line: Any, wanted: list[str]
) -> None:
    aware = datetime.fromisoformat(line["form"]["sponsor_aware_at"])
    for clock in answered(line, wanted)["clocks"]:
        due = datetime.fromisoformat(clock["due"])
        if clock["kind"] != "site_to_sponsor":
            days = {"expedited_7": 7, "expedited_15": 15}[clock["kind"]]
            assert timedelta(days=days) < due - aware <= timedelta(days=days + 1)
            assert (due.hour, due.minute, due.second) == (0, 0, 0)

"""Minimisation as it draws: an oracle that counts again each time, replay, and what cannot be."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from services.randomizer.designs.design import DesignError
from services.randomizer.facts import Pause, Resume
from services.randomizer.minimisation import Factor, Minimisation
from services.randomizer.plan import Plan
from services.randomizer.replay import Replayed, opening, read, replay
from services.randomizer.rules import Rules
from services.randomizer.scheme import Scheme, StratumState
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened
from shared.contracts.protocol_file import parse
from shared.contracts.study import ProtocolError
from shared.contracts.subjects import SiteId, SubjectId
from tests.unit.randomizer.made import SEED, TRIAL, Story, screened

PILOT = Path(__file__).parents[3] / "protocols" / "NCT06903312.yaml"
Section = dict[str, object]

THREE = {"A": 1, "B": 1, "C": 2}
STRATA = {"s1": THREE, "s2": THREE, "s3": {"A": 1, "B": 1}}
FACTORS: list[Section] = [
    {"name": "site", "weight": 2},
    {"name": "stratum"},
    {"name": "ecog", "weight": Decimal("0.5")},
]


def minimised(p: str = "0.8", metric: str = "range", **more: object) -> Section:
    """A section of three factors."""
    return {
        "design": "minimisation",
        "metric": metric,
        "p": Decimal(p),
        "factors": FACTORS,
        **more,
    }


@dataclass(frozen=True)
class Who:
    """A subject as a draw sees it."""

    site: str
    stratum: str
    ecog: JsonValue

    def level(self, factor: str) -> object:
        return {"site": self.site, "stratum": self.stratum, "ecog": self.ecog}[factor]


ECOG: list[JsonValue] = [0, 1, None, True, "1"]
people = st.lists(
    st.builds(
        Who,
        st.sampled_from(["IT001", "IT002", "IT003"]),
        st.sampled_from(list(STRATA)),
        st.sampled_from(ECOG),
    ),
    max_size=40,
)


def course(scheme: Scheme, who: Sequence[Who]) -> list[str]:
    """The arms drawn, one subject after the other."""
    at: dict[str, StratumState] = {}
    arms = []
    for number, one in enumerate(who, 1):
        subject = SubjectId(f"{one.site}-{number:04d}")
        drawn = scheme.draw(at, subject, one.stratum, SEED, None, {"ecog": one.ecog})
        assert drawn is not None
        arm, at[one.stratum] = drawn
        arms.append(arm)
    return arms


def chances(who: Sequence[Who], arms: Sequence[str], metric: str, p: str) -> list[dict[str, float]]:
    """By subject, each arm's chance, all earlier subjects of the same arms counted anew."""
    found = []
    names = [str(factor["name"]) for factor in FACTORS]
    levels = [{name: json.dumps(one.level(name)) for name in names} for one in who]
    for at, one in enumerate(who):
        ratio = STRATA[one.stratum]
        alike = [n for n in range(at) if STRATA[who[n].stratum] == ratio]
        factors = []
        for factor, name in zip(FACTORS, names, strict=True):
            same = Counter(arms[n] for n in alike if levels[n][name] == levels[at][name])
            weight = Fraction(str(factor.get("weight", 1)))
            factors.append(Factor(name, weight, tuple(same[arm] for arm in ratio)))
        asked = Minimisation(metric, Fraction(p), tuple(ratio.values()), tuple(factors))
        found.append(dict(zip(ratio, map(float, asked.probabilities()), strict=True)))
    return found


@pytest.mark.parametrize("metric", ["range", "variance"])
@settings(max_examples=60, deadline=None)
@given(who=people)
def test_the_best_arm_is_certain_where_p_is_1(metric: str, who: list[Who]) -> None:
    arms = course(Scheme.of(minimised("1", metric), STRATA), who)
    for arm, chance in zip(arms, chances(who, arms, metric, "1"), strict=True):
        assert chance[arm] > 0


@pytest.mark.parametrize("metric", ["range", "variance"])
def test_the_arms_come_as_often_as_the_oracle_says(metric: str) -> None:
    """1,200 draws by their chance of the arm A: each time within 4 standard errors of it."""
    levels = list(product(["IT001", "IT002", "IT003"], STRATA, [0, 1, None]))
    who = [Who(*levels[(7 * n + n // 5) % len(levels)]) for n in range(1200)]
    arms = course(Scheme.of(minimised("0.7", metric), STRATA), who)
    drawn: dict[float, list[bool]] = {}
    for arm, chance in zip(arms, chances(who, arms, metric, "0.7"), strict=True):
        drawn.setdefault(chance["A"], []).append(arm == "A")
    assert len(drawn) > 3
    for of_a, came in drawn.items():
        error = (of_a * (1 - of_a) / len(came)) ** 0.5
        assert abs(sum(came) / len(came) - of_a) <= 4 * error, of_a


def test_it_balances_each_factor_where_blocks_cannot() -> None:
    """200 subjects over 40 sites: at p 0.9 no level is more than 6 apart."""
    scheme = Scheme.of(minimised("0.9"), {"s3": STRATA["s3"]})
    who = [Who(f"IT{n * 7 % 40:03d}", "s3", n * 11 % 3) for n in range(200)]
    arms = course(scheme, who)
    for name in ("site", "stratum", "ecog"):
        apart: Counter[object] = Counter()
        for one, arm in zip(who, arms, strict=True):
            apart[one.level(name)] += 1 if arm == "A" else -1
        assert max(map(abs, apart.values())) <= 6, name


def test_the_draws_of_a_known_seed_never_change() -> None:
    who = [Who(f"IT00{n % 3}", ["s1", "s2", "s3"][n % 3 - 1], n % 2) for n in range(18)]
    assert "".join(course(Scheme.of(minimised(), STRATA), who)) == "ACCBABBBAACCACCBBA"


@settings(max_examples=40, deadline=None)
@given(who=people)
def test_other_names_of_the_arms_draw_the_same(who: list[Who]) -> None:
    names = {"A": "Z", "B": "Y", "C": "X"}
    renamed = {
        stratum: {names[arm]: share for arm, share in ratio.items()}
        for stratum, ratio in STRATA.items()
    }
    named = course(Scheme.of(minimised(), STRATA), who)
    assert course(Scheme.of(minimised(), renamed), who) == [names[arm] for arm in named]


def test_strata_of_other_arms_do_not_count_for_each_other() -> None:
    """Whatever happens in s3, s1 and s2 draw as if it were not there."""
    scheme = Scheme.of(minimised(), STRATA)
    some = [Who("IT001", "s1", 0), Who("IT001", "s2", 0)] * 12
    others = [Who("IT001", "s3", 0)] * 12
    mixed = [one for pair in zip(some[::2], others, some[1::2], strict=True) for one in pair]
    apart = dict(zip(map(id, some), course(scheme, some), strict=False))
    arms = [arm for arm, one in zip(course(scheme, mixed), mixed, strict=True) if one in some]
    assert len(apart) == 2
    assert arms == course(scheme, some)


def test_a_design_of_its_own_for_each_stratum_may_minimise() -> None:
    section = {
        "design": "by_stratum",
        "strata": {"s1": minimised("1"), "s2": {"design": "complete"}, "s3": minimised("1")},
    }
    scheme = Scheme.of(section, STRATA)
    assert scheme.carried == {"ecog"}
    arms = course(scheme, [Who("IT001", "s3", 0)] * 20)
    assert abs(arms.count("A") - arms.count("B")) == 0


# The trial's life: what a draw went by is kept with it


def story(section: Section) -> Story:
    scheme = Scheme.of(section, STRATA)
    sites = {SiteId("IT001"): True, SiteId("IT002"): True, SiteId("IT003"): True}
    return Story(Rules(Plan(TRIAL, "1.0", "0" * 64, True, scheme, sites), SEED))


def form(number: int, one: Who, revision: int = 1) -> PatientScreened:
    told = screened(number, site=one.site, stratum=one.stratum, revision=revision)
    return told.model_copy(update={"carry": {"ecog": one.ecog, "soc_regimen": "other"}})


def replayed(told: Story, carry: Sequence[object]) -> Replayed:
    """The bundle of a story, drawn again with these values of ecog."""
    drawn = [event for event in told.told if isinstance(event, PatientRandomized)]
    items = [
        event.model_dump() | {"carry": {"ecog": value}}
        for event, value in zip(drawn, carry, strict=True)
    ]
    bundle = opening(told.rules.plan, SEED, [], None).model_dump(mode="json")
    return replay(read(json.dumps(bundle | {"allocations": items})))


@settings(max_examples=40, deadline=None)
@given(who=people)
def test_the_replay_draws_what_was_drawn(who: list[Who]) -> None:
    """Through the bundle's JSON text, and with the order in which those who waited were drawn."""
    told = story(minimised())
    half = len(who) // 2
    told.tell(*(form(n, one) for n, one in enumerate(who[:half], 1)))
    told.tell(Pause(), *(form(n, one) for n, one in enumerate(who[half:], half + 1)), Resume())
    found = replayed(told, [one.ecog for one in who])
    assert found.ok, found.problems
    assert found.checked == len(who)


def test_a_value_changed_in_the_bundle_is_named() -> None:
    told = story(minimised("1", factors=[{"name": "ecog"}]))
    who = [Who("IT001", "s3", n % 2) for n in range(12)]
    told.tell(*(form(n, one) for n, one in enumerate(who, 1)))
    values = [one.ecog for one in who]
    assert replayed(told, values).ok
    values[0] = 1
    assert replayed(told, values).first_difference is not None


def test_a_correction_after_the_draw_changes_no_later_draw() -> None:
    """The values at the draw count, whatever is known since."""
    who = [Who("IT001", "s3", n % 2) for n in range(20)]
    plain, corrected = story(minimised("1")), story(minimised("1"))
    plain.tell(*(form(n, one) for n, one in enumerate(who, 1)))
    corrected.tell(*(form(n, one) for n, one in enumerate(who[:10], 1)))
    corrected.tell(*(form(n, Who("IT001", "s3", 1), revision=2) for n in range(1, 11)))
    corrected.tell(*(form(n, one) for n, one in enumerate(who[10:], 11)))
    assert corrected.arms == plain.arms


# What cannot be


@pytest.mark.parametrize(
    ("section", "place", "word"),
    [
        ({"design": "minimisation"}, (), "missing"),
        (minimised("1.1"), ("p",), "1"),
        (minimised("0.3"), ("p",), "1 / 3"),
        (minimised("0.4"), ("p",), "1 / 2"),
        (minimised("0.1234567"), ("p",), "6"),
        (minimised(metric="sd"), ("metric",), "range"),
        (minimised(factors=[]), ("factors",), "empty"),
        (minimised(factors=[{"name": "site"}, {"name": "site"}]), ("factors",), "same name"),
        (minimised(factors=[{"name": "site", "weight": 0}]), ("factors", 0, "weight"), "0"),
        (minimised(factors=[{"name": "site", "weight": True}]), ("factors", 0, "weight"), ""),
        (minimised(factors=[{"name": ""}]), ("factors", 0, "name"), "empty"),
        (minimised(factors=[{"weight": 1}]), ("factors", 0), "missing"),
        (minimised(factors=[{"name": "site", "of": 1}]), ("factors", 0, "of"), "unknown"),
    ],
)
def test_an_impossible_design_is_refused_with_its_place(
    section: Section, place: tuple[str | int, ...], word: str
) -> None:
    with pytest.raises(DesignError) as told:
        Scheme.of(section, STRATA)
    assert told.value.path == place
    assert word in str(told.value)


def test_one_arm_cannot_be_minimised() -> None:
    with pytest.raises(DesignError, match="2 to 16 arms"):
        Scheme.of(minimised(), {"s1": {"A": 1}})


def test_a_factor_is_the_site_the_stratum_or_carried() -> None:
    text = PILOT.read_text(encoding="utf-8")
    kept, _, rest = text.partition("randomization:\n")
    section = (
        "randomization:\n  design: minimisation\n  metric: range\n  p: 0.8\n  factors:\n"
        "    - {name: site}\n    - {name: soc_regimen, weight: 2}\n"
    )
    rest = rest[rest.index("\n# ---- safety") :]
    good = parse((kept + section + rest).encode(), "trial.yaml")
    assert Plan.of(good).scheme.carried == {"soc_regimen"}
    bad = parse((kept + section + "    - {name: stage}\n" + rest).encode(), "trial.yaml")
    line = kept.count("\n") + 8
    with pytest.raises(ProtocolError) as told:
        Plan.of(bad)
    assert str(told.value) == (
        f"trial.yaml:{line}: randomization.factors.2.name: "
        "stage is neither site, stratum nor a field that eligibility.carry lists"
    )

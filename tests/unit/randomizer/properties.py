"""Properties of designs, each of a case and the strata of its subjects in order.

They raise ``AssertionError``, so that a planted fault can be seen to break them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from services.randomizer.facts import Fact
from services.randomizer.replay import opening, read, replay
from services.randomizer.scheme import Scheme, StratumState
from services.randomizer.seed import Seed
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.subjects import SubjectId
from tests.unit.randomizer.cases import Case
from tests.unit.randomizer.made import SEED, TRIAL, Story

Property = Callable[[Case, Sequence[int]], None]
SEEDS = 500


def told(case: Case, facts: Iterable[Fact], seed: Seed = SEED) -> Story:
    """The trial after these facts, all at once."""
    story = Story(case.rules(seed))
    story.tell(*facts)
    return story


def replay_equals_the_draws(case: Case, course: Sequence[int]) -> None:
    """From the bundle's text alone, as an inspector has it."""
    story = told(case, case.facts(course))
    by = story.rules
    drawn = [event for event in story.told if isinstance(event, PatientRandomized)]
    assert len(drawn) == len(course)
    bundle = opening(by.plan, by.seed, [], by.rows).model_dump(mode="json") | {
        "allocations": [{**event.model_dump(), "at": "2026-01-01T00:00:00Z"} for event in drawn]
    }
    found = replay(read(json.dumps(bundle)))
    assert found.ok, found.problems
    assert found.checked == len(course)


def other_names_permute_the_allocations(case: Case, course: Sequence[int]) -> None:
    """The arms change names among each other: every allocation goes to the new name of its arm."""
    names = {"A": "C", "B": "A", "C": "B"}
    arms = told(case, case.facts(course)).arms
    assert told(case.renamed(names), case.facts(course)).arms == [names[arm] for arm in arms]


def nothing_later_counts(case: Case, course: Sequence[int]) -> None:
    """The first half is drawn alike alone, with those who come after, and with others instead."""
    half = len(course) // 2
    facts = case.facts(course)
    alone = told(case, facts[:half]).arms
    assert told(case, facts).arms[:half] == alone
    others = case.facts([*course[:half], *(1 - at for at in course[half:])])
    assert told(case, [*others[:half], *reversed(others[half:])]).arms[:half] == alone
    one_by_one = Story(case.rules())
    for fact in facts:
        one_by_one.tell(fact)
    assert one_by_one.arms == told(case, facts).arms


def each_arm_has_its_share(case: Case, _: Sequence[int]) -> None:
    """The first draw of a stratum over 500 seeds by its odds, and with arms alike the third too;
    by chi-square at 0.001.

    1 degree of freedom for two arms: 10.828; 2 for three: 13.816 (NIST handbook, 1.3.6.7.4).
    Minimisation of an uneven ratio does not keep it at each draw: the first goes by its odds.
    """
    critical = {2: 10.828, 3: 13.816}
    scheme = Scheme.of(case.section, case.strata)
    for stratum, ratio in case.strata.items():
        who = SubjectId(case.subject(1, stratum).subject)
        odds = scheme.odds({}, who, stratum, SEED)
        first, third = Counter[str](), Counter[str]()
        for number in range(SEEDS):
            at: dict[str, StratumState] = {}
            seed = Seed(TRIAL, number.to_bytes(32, "big"))
            for counts in (first, Counter[str](), third):
                drawn = scheme.draw(at, who, stratum, seed)
                assert drawn is not None
                arm, at[stratum] = drawn
                counts[arm] += 1
        for counts in (first, third) if len(set(ratio.values())) == 1 else (first,):
            expected = {arm: SEEDS * of / sum(odds) for arm, of in zip(ratio, odds, strict=True)}
            distance = sum((counts[arm] - of) ** 2 / of for arm, of in expected.items())
            assert distance < critical[len(ratio)], (stratum, counts)


def balance_is_kept(case: Case, course: Sequence[int]) -> None:
    """Each whole block has its ratio; a big stick goes no farther than its tolerance."""
    drawn: dict[str, list[str]] = {stratum: [] for stratum in case.strata}
    facts = case.facts(course)
    for fact, arm in zip(facts, told(case, facts).arms, strict=True):
        drawn[fact.stratum or ""].append(arm)
    for stratum, arms in drawn.items():
        section = case.section.get("strata", {}).get(stratum, case.section)
        ratio, size = case.strata[stratum], 2 * sum(case.strata[stratum].values())
        for end in range(size, len(arms) + 1, size):
            if section["design"] == "permuted_block":
                block = Counter(arms[end - size : end])
                assert block == {arm: 2 * share for arm, share in ratio.items()}
        for end in range(len(arms)):
            if section["design"] == "big_stick":
                first, second = (arms[: end + 1].count(arm) for arm in ratio)
                assert abs(first - second) <= section["mti"]

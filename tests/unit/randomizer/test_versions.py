"""Two versions of a protocol in force at once: each subject is drawn by that of its screening."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from services.randomizer.commands import checked_list
from services.randomizer.designs.design import Ratio
from services.randomizer.domain import ImpossibleFactError
from services.randomizer.facts import LoadList, Pause, Resume
from services.randomizer.plan import Plan
from services.randomizer.plans import Plans
from services.randomizer.replay import EarlierScheme, read, replay
from shared.contracts import protocol_file, study
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.versions import in_order
from shared.runtime.problems import Problem
from tests.unit.contracts.test_versions import NOON, amendment, file
from tests.unit.randomizer.made import LISTED, STRATA, Story, csv, rules, screened
from tests.unit.randomizer.test_replay import bundle_of

RANDOMIZATION = "randomization: {design: permuted_block, block_sizes: [3, 6]}\n"

OTHER_ARMS = ("Other}", "Other, closed: true}\n  - {id: C, title: New}")
"""Arm B is closed, and C is new."""


def drawn(story: Story) -> list[PatientRandomized]:
    return [event for event in story.told if isinstance(event, PatientRandomized)]


def test_a_part_that_stays_goes_on_in_its_block() -> None:
    """An amendment of the other stratum's blocks changes no draw of this one."""
    plain, changed = Story(rules()), Story(rules())
    for story in (plain, changed):
        story.tell(*(screened(n) for n in range(1, 4)))
    changed.amend(rules(version="2.0", block_sizes={"le4": [9], "gt4": [2, 4, 6]}))
    plain.tell(*(screened(n) for n in range(4, 30)))
    changed.tell(*(screened(n, version="2.0" if n % 2 else "1.0") for n in range(4, 30)))
    assert plain.arms == changed.arms


def test_a_part_that_changes_is_balanced_beside_the_one_before() -> None:
    story = Story(rules(block_sizes={"le4": [3], "gt4": [2]}))
    story.tell(screened(1))
    story.amend(rules(version="2.0", block_sizes={"le4": [3], "gt4": [4]}))
    story.tell(*(screened(n, version="1.0" if n % 2 else "2.0") for n in range(2, 41)))
    by_version: dict[str, list[str | None]] = {"1.0": [], "2.0": []}
    for event in drawn(story):
        by_version[event.protocol_version].append(event.arm)
    assert len(by_version["1.0"]) == len(by_version["2.0"]) == 20
    for arms, size in ((by_version["1.0"], 2), (by_version["2.0"], 4)):
        for start in range(0, 20, size):
            assert len(set(Counter(arms[start : start + size]).values())) == 1
    assert [event.number for event in drawn(story)] == list(range(1, 41))


def test_who_waits_is_drawn_by_the_version_of_the_screening() -> None:
    story = Story(rules())
    story.tell(Pause(), screened(1))
    story.amend(rules(version="2.0", block_sizes=[12]))
    story.tell(screened(2, version="2.0"), Resume())
    assert [event.protocol_version for event in drawn(story)] == ["1.0", "2.0"]


def test_the_signature_is_the_matter_of_each_version() -> None:
    story = Story(rules())
    story.amend(rules(version="2.0", signature=False))
    assert story.tell(screened(1, signed=False)) == []
    assert story.tell(screened(2, signed=False, version="2.0")) == ["PatientRandomized 2"]


def test_target_and_caps_are_those_of_the_newest_version() -> None:
    story = Story(rules(target=2))
    story.amend(rules(version="2.0", target=3, caps={"each_site": 1}))
    told = story.tell(screened(1), screened(2), screened(3, site="IT002", version="2.0"))
    assert told == [
        "PatientRandomized 1",
        "RandomizationRefused 2 site_cap_reached",
        "PatientRandomized 3",
    ]


def test_a_stratum_of_another_version_is_no_stratum() -> None:
    new = rules(version="2.0")
    ratios = {"gt4": new.plan.scheme.ratios["gt4"]}
    story = Story(rules())
    story.amend(
        replace(new, plan=replace(new.plan, scheme=replace(new.plan.scheme, ratios=ratios)))
    )
    assert story.tell(screened(1, stratum="le4")) == ["PatientRandomized 1"]
    with pytest.raises(ImpossibleFactError):
        story.tell(screened(2, stratum="le4", version="2.0"))


def test_the_replay_goes_by_the_version_that_each_allocation_names() -> None:
    story = Story(rules())
    old = story.rules.plan
    story.tell(*(screened(n) for n in range(1, 6)))
    story.amend(rules(version="2.0", block_sizes=[12, 18]))
    story.tell(*(screened(n, version="1.0" if n % 3 else "2.0") for n in range(6, 60)))
    earlier = EarlierScheme.model_validate(
        {
            "protocol_version": old.protocol_version,
            "randomization": old.scheme.section,
            "strata": {name: {"ratio": shares} for name, shares in STRATA.items()},
            "until_number": 5,
        }
    )
    bundle = bundle_of(story, [earlier])
    assert replay(read(json.dumps(bundle))).ok
    for made in bundle["allocations"]:
        del made["protocol_version"]
    assert not replay(read(json.dumps(bundle))).ok
    bundle["allocations"][7]["protocol_version"] = "3.0"
    assert "allocation 8 is not here" in " ".join(replay(read(json.dumps(bundle))).problems)


def plans() -> Plans:
    first = file() + RANDOMIZATION
    second = amendment("2.0", "2026-05-01", sites="IT001: 2026-05-03") + RANDOMIZATION
    third = amendment("3.0", "2026-06-01") + RANDOMIZATION
    files = [protocol_file.parse(text.encode(), "t.yaml") for text in (first, third, second)]
    return Plans.of(in_order(files))


def test_plans_come_due_in_their_order() -> None:
    made = plans()
    one, two, three = made.every
    assert [plan.protocol_version for plan in made.every] == ["1.0", "2.0", "3.0"]
    before = two.since.replace(minute=59, hour=two.since.hour - 1)
    assert made.due(None, before) == [one]
    assert made.due(one, before) == []
    assert made.due(one, two.since) == [two]
    assert made.due(None, three.since) == [one, two, three]
    assert made.coming(before) is two
    assert made.coming(two.since) is three
    assert made.coming(three.since) is None
    assert made.at(NOON) is one
    assert made.until(two) == {"1.0": one, "2.0": two}
    assert (one.approved_by, two.approved_by) == (None, "The committee")


def test_a_list_is_checked_by_the_newest_version_that_draws_from_one() -> None:
    """An amendment may have other arms and other strata, and draw without a list."""
    newest = amendment("2.0", "2026-05-01").replace(*OTHER_ARMS)
    texts = (
        file() + "randomization: {design: listed}\n",
        newest.replace("{A: 1, B: 2}", "{A: 1, C: 2}") + RANDOMIZATION,
    )
    files = [protocol_file.parse(text.encode(), "t.yaml") for text in texts]
    made = Plans.of(in_order(files))
    one, two = made.every
    assert made.at(two.since) is two
    assert made.list_checked_by(two.since) is one
    assert checked_list(made.list_checked_by(two.since), b"s1,B\n").size == 1
    with pytest.raises(Problem) as refused:
        checked_list(made.list_checked_by(two.since), b"s1,C\n")
    assert refused.value.status == 422
    drawing = plans()
    assert drawing.list_checked_by(drawing.every[1].since) is drawing.every[1]


def test_a_stratum_that_draws_from_a_list_cannot_have_other_shares_later() -> None:
    """It would begin with the list's first row again, and a row is given once."""
    listed = "randomization: {design: listed}\n"
    alike = amendment("2.0", "2026-05-01") + listed
    texts = (file() + listed, alike, alike.replace("{A: 1, B: 2}", "{A: 1, B: 1}"))
    first, same, other = (protocol_file.parse(text.encode(), "t.yaml") for text in texts)
    assert len(Plans.of(in_order([first, same])).every) == 2
    with pytest.raises(study.ProtocolError, match=r"t\.yaml:\d+: strata\.0: s1 draws from a list"):
        Plans.of(in_order([first, other]))


def test_a_row_whose_arm_the_version_does_not_have_is_not_drawn() -> None:
    """It stays for the version that the list was checked against."""
    new = rules(LISTED, version="2.0")
    ratios = {**new.plan.scheme.ratios, "gt4": Ratio("gt4", {"DCN": 1, "RT": 1})}
    scheme = replace(new.plan.scheme, ratios=ratios)
    story = Story(rules(LISTED))
    story.tell(LoadList(rows := csv("gt4,SOC", "gt4,DCN", "gt4,SOC,IT001-0003")))
    story.amend(replace(new, plan=replace(new.plan, scheme=scheme)))
    story.rules = replace(story.rules, rows=rows)
    assert story.tell(
        screened(1, version="2.0"), screened(2), screened(3, version="2.0"), screened(4)
    ) == [
        "RandomizationRefused 1 list_exhausted",
        "PatientRandomized 2",
        "RandomizationRefused 3 list_exhausted",
        "PatientRandomized 4",
    ]
    assert story.arms == ["SOC", "DCN"]


def test_every_version_needs_its_section() -> None:
    files = [
        protocol_file.parse(t.encode(), "t.yaml") for t in (file(), amendment("2.0", "2026-05-01"))
    ]
    with pytest.raises(study.ProtocolError):
        Plans.of(in_order(files))
    assert Plan.of(
        protocol_file.parse((file() + RANDOMIZATION).encode(), "t.yaml")
    ).protocol_version

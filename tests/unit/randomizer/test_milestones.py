"""Milestones of enrolment, and the boundary that pauses it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.randomizer.designs.design import DesignError
from services.randomizer.facts import BoundaryCrossed, Close, Pause, Resume
from services.randomizer.milestones import reached
from services.randomizer.scheme import Scheme
from shared.contracts.events.randomization import EnrolmentMilestone
from tests.unit.randomizer.made import BLOCKS, STRATA, Story, rules, screened


def milestones(story: Story) -> list[tuple[Any, ...]]:
    """What was told: scope, site, stratum, percent, count, limit."""
    return [
        tuple(event.model_dump().values())
        for event in story.told
        if isinstance(event, EnrolmentMilestone)
    ]


def test_half_of_six_is_told_after_the_third() -> None:
    story = Story(rules(target=6, milestones=[50]))
    assert story.tell(*(screened(n) for n in range(1, 7))) == [
        "PatientRandomized 1",
        "PatientRandomized 2",
        "PatientRandomized 3",
        "EnrolmentMilestone",
        "PatientRandomized 4",
        "PatientRandomized 5",
        "PatientRandomized 6",
        "RandomizationClosed target_reached",
    ]
    assert milestones(story) == [("trial", None, None, 50, 3, 6)]


def test_every_limit_has_its_own() -> None:
    caps = {
        "strata": {"gt4": 2},
        "sites": {"IT001": 4},
        "each_site": 2,
        "site_strata": {"IT001": {"le4": 3}},
    }
    story = Story(rules(target=8, caps=caps, milestones=[100, 50]))
    for n in (1, 2):
        story.tell(screened(n, stratum="gt4"))
    assert milestones(story) == [
        ("stratum", None, "gt4", 50, 1, 2),
        ("stratum", None, "gt4", 100, 2, 2),
        ("site", "IT001", None, 50, 2, 4),
    ]
    story.told.clear()
    for n in (3, 4):
        story.tell(screened(n, stratum="le4"))
    story.tell(screened(5, stratum="le4", site="IT002"))
    assert milestones(story) == [
        ("trial", None, None, 50, 4, 8),
        ("site", "IT001", None, 100, 4, 4),
        ("site_stratum", "IT001", "le4", 50, 2, 3),
        ("site", "IT002", None, 50, 1, 2),
    ]


def after(first: dict[str, object], *, then: dict[str, object]) -> list[tuple[Any, ...]]:
    """What an amendment tells: two drawn in `le4` at IT001, one in `gt4` at IT002."""
    story = Story(rules({**BLOCKS, "milestones": [50, 100], **first}))
    story.tell(*(screened(n, stratum="le4") for n in (1, 2)), screened(3, site="IT002"))
    story.told.clear()
    story.amend(rules({**BLOCKS, "milestones": [50, 100], **then}, version="2.0"))
    return milestones(story)


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        ({"target": 10}, {"target": 6}, [("trial", None, None, 50, 3, 6)]),
        (
            {"target": 10},
            {"target": 3},
            [("trial", None, None, 50, 3, 3), ("trial", None, None, 100, 3, 3)],
        ),
        ({"target": 6}, {"target": 4}, []),  # half was told with the third draw
        ({"target": 6}, {"target": 3}, [("trial", None, None, 100, 3, 3)]),
        ({"target": 6}, {"target": 10}, []),
        ({"target": 10}, {"target": None}, []),
        ({}, {"caps": {"strata": {"le4": 4}}}, [("stratum", None, "le4", 50, 2, 4)]),
        ({}, {"caps": {"strata": {"le4": 5, "gt4": 5}}}, []),
        (
            {"caps": {"each_site": 8}},
            {"caps": {"each_site": 8, "sites": {"IT001": 4}}},
            [("site", "IT001", None, 50, 2, 4)],
        ),
        (
            {},
            {"caps": {"site_strata": {"IT002": {"gt4": 1, "le4": 1}}}},
            [
                ("site_stratum", "IT002", "gt4", 50, 1, 1),
                ("site_stratum", "IT002", "gt4", 100, 1, 1),
            ],
        ),
        ({"target": 6}, {"target": 6, "milestones": [25, 50]}, [("trial", None, None, 25, 3, 6)]),
    ],
)
def test_an_amendment_tells_what_its_limits_alone_have_reached(
    first: dict[str, object], then: dict[str, object], told: list[tuple[Any, ...]]
) -> None:
    assert after(first, then=then) == told


def test_an_amendment_of_a_closed_trial_reaches_nothing() -> None:
    story = Story(rules(target=10, milestones=[50]))
    story.tell(*(screened(n) for n in (1, 2, 3)), Close())
    assert story.amend(rules(version="2.0", target=4, milestones=[50])) == ["TrialActivated"]


def test_what_an_amendment_told_no_draw_tells_again() -> None:
    story = Story(rules(target=10, milestones=[50]))
    story.tell(*(screened(n) for n in (1, 2, 3)))
    told = story.amend(rules(version="2.0", target=6, milestones=[50, 60]))
    assert told == ["TrialActivated", "EnrolmentMilestone"]
    assert story.tell(screened(4)) == ["PatientRandomized 4", "EnrolmentMilestone"]
    assert [one[3:] for one in milestones(story)] == [(50, 3, 6), (60, 4, 6)]


def test_a_refused_subject_reaches_nothing() -> None:
    story = Story(rules(caps={"strata": {"gt4": 1}}, milestones=[100], target=10))
    story.tell(screened(1), screened(2), screened(1, revision=2))
    assert milestones(story) == [("stratum", None, "gt4", 100, 1, 1)]


@given(limit=st.integers(1, 400), percents=st.sets(st.integers(1, 100)))
def test_each_percentage_is_reached_once_by_the_first_draw_that_has_it(
    limit: int, percents: set[int]
) -> None:
    told = [(p, n) for n in range(1, limit + 1) for p in reached(n, limit, percents)]
    assert [p for p, _ in told] == sorted(percents)
    assert all(100 * n >= p * limit > 100 * (n - 1) for p, n in told)


def test_without_a_limit_there_is_none() -> None:
    story = Story(rules(milestones=[1, 100]))
    assert story.tell(screened(1)) == ["PatientRandomized 1"]


@pytest.mark.parametrize(
    ("percents", "place"),
    [
        ([0], ("milestones", 0)),
        ([101], ("milestones", 0)),
        ([50, "60"], ("milestones", 1)),
        ([50, 50], ("milestones", 1)),
        ([True], ("milestones", 0)),
        (50, ("milestones",)),
    ],
)
def test_an_impossible_milestone_is_refused_with_its_place(
    percents: object, place: tuple[str | int, ...]
) -> None:
    with pytest.raises(DesignError) as told:
        Scheme.of({**BLOCKS, "milestones": percents}, STRATA)
    assert told.value.path == place


def test_milestones_change_no_draw() -> None:
    plain, told = Story(rules(target=30)), Story(rules(target=30, milestones=[10, 50]))
    for story in (plain, told):
        story.tell(*(screened(n, stratum="le4" if n % 3 else "gt4") for n in range(1, 31)))
    assert told.arms == plain.arms
    assert told.rules.plan.scheme.parts == plain.rules.plan.scheme.parts


def test_a_boundary_pauses_and_a_manager_resumes() -> None:
    story = Story(rules())
    assert story.tell(BoundaryCrossed()) == ["RandomizationPaused"]
    assert story.tell(screened(1)) == ["RandomizationWaiting 1"]
    assert story.tell(BoundaryCrossed()) == []  # crossed again while paused
    assert story.tell(Resume()) == ["RandomizationResumed", "PatientRandomized 1"]
    assert story.tell(Pause(), BoundaryCrossed(), Resume())[0] == "RandomizationPaused"
    story.tell(Close())
    assert story.tell(BoundaryCrossed()) == []
    assert story.book.trial.state == "closed"

"""Stories of a trial: who is drawn, who waits, who is refused, and what a correction changes."""

from dataclasses import replace

import pytest

from services.randomizer.activation import activate, tell_waiting
from services.randomizer.domain import ImpossibleFactError, NotPossibleError, decide
from services.randomizer.facts import (
    Close,
    CloseSite,
    Command,
    ConsentWithdrawn,
    LoadList,
    OpenSite,
    Pause,
    Resume,
)
from services.randomizer.rules import OtherProtocolError, Rules
from shared.contracts.events.randomization import EligibilityDeviation, PatientRandomized
from shared.contracts.subjects import SiteId, SubjectId
from tests.unit.randomizer.made import BLOCKS, LISTED, Story, brief, csv, failed, rules, screened

ONE = SubjectId("IT001-0001")
IT001 = SiteId("IT001")


def test_activation_commits_the_seed_before_anything_else() -> None:
    story = Story(rules())
    assert [brief(event) for event in story.begun] == [
        "SeedCommitted",
        "TrialActivated",
        "SiteOpened",
        "SiteOpened",
    ]
    assert activate(story.rules, story.book) is None


def test_a_changed_file_needs_a_new_version() -> None:
    story = Story(rules())
    with pytest.raises(OtherProtocolError):
        decide(rules(target=5), story.book, [])
    changed = Rules(replace(story.rules.plan, protocol_sha256="1" * 64), story.rules.seed)
    with pytest.raises(OtherProtocolError):
        activate(changed, story.book)


def test_a_new_version_goes_on_counting_and_may_close_at_its_target() -> None:
    story = Story(rules())
    story.tell(*(screened(number) for number in range(1, 4)))
    assert story.amend(rules(version="2.0", target=3)) == [
        "TrialActivated",
        "RandomizationClosed target_reached",
    ]


def test_who_waits_learns_that_an_amendment_closed_the_trial() -> None:
    story = Story(rules())
    story.tell(screened(1), screened(2), Pause(), screened(4), screened(3))
    assert story.amend(rules(version="2.0", target=2)) == [
        "TrialActivated",
        "RandomizationClosed target_reached",
        "RandomizationRefused 4 cap_reached",
        "RandomizationRefused 3 cap_reached",
    ]
    assert story.who(3).standing == "refused"


def test_an_amendment_goes_by_the_version_before_it() -> None:
    story = Story(rules())
    with pytest.raises(OtherProtocolError):
        activate(rules(version="2.0", target=3), story.book)


def test_who_waits_for_the_list_of_an_earlier_version_is_served_or_told() -> None:
    story, other = Story(rules(LISTED)), Story(rules(LISTED))
    for one in (story, other):
        one.tell(screened(1), screened(2))
        one.amend(rules(version="2.0", target=1))
    rows = csv("gt4,SOC", "gt4,DCN")
    assert story.tell(LoadList(rows)) == [
        "AllocationListLoaded",
        "PatientRandomized 1",
        "RandomizationClosed target_reached",
        "RandomizationRefused 2 cap_reached",
    ]
    assert other.tell(screened(3, version="2.0"))[1:] == [
        "RandomizationClosed target_reached",
        "RandomizationRefused 1 cap_reached",
        "RandomizationRefused 2 cap_reached",
    ]


def test_who_still_waits_in_a_closed_trial_is_told_once() -> None:
    """A backup may hold the close and not the refusals."""
    story = Story(rules())
    story.tell(Pause(), screened(1), screened(2, site="IT002"), screened(3, verdict="ineligible"))
    assert tell_waiting(story.rules, story.book) is None
    closed = story.book.trial._replace(state="closed", closed_by="closed")
    decision = tell_waiting(story.rules, replace(story.book, trial=closed))
    assert decision is not None
    assert [brief(event) for _, event in decision.events] == [
        "RandomizationRefused 1 trial_closed",
        "RandomizationRefused 2 trial_closed",
    ]
    assert decision.subjects == {"IT001-0001", "IT002-0002"}
    assert tell_waiting(story.rules, decision.book) is None


def test_only_a_signed_eligible_subject_is_drawn() -> None:
    story = Story(rules())
    assert story.tell(screened(1, signed=False)) == []
    assert story.who(1).standing == "unsigned"
    assert story.tell(screened(1)) == ["PatientRandomized 1"]
    assert story.tell(screened(2, verdict="incomplete", stratum=None)) == []
    assert story.tell(screened(3, verdict="ineligible")) == []


def test_without_a_required_signature_eligible_is_enough() -> None:
    story = Story(rules(signature=False))
    assert story.tell(screened(1, signed=False)) == ["PatientRandomized 1"]


def test_a_repeat_or_an_older_screening_changes_nothing() -> None:
    story = Story(rules())
    story.tell(screened(1, verdict="incomplete", revision=3))
    assert story.tell(screened(1, revision=2), screened(1, verdict="incomplete", revision=3)) == []
    assert story.tell(screened(1, attempt=2)) == ["PatientRandomized 1"]
    assert story.tell(screened(1, attempt=2), screened(1, revision=9)) == []


def test_an_eligible_subject_of_no_known_stratum_is_a_fault() -> None:
    with pytest.raises(ImpossibleFactError):
        Story(rules()).tell(screened(1, stratum="huge"))


def test_the_target_closes_the_trial_and_numbers_have_no_gap() -> None:
    story = Story(rules(target=5))
    told = story.tell(*(screened(number) for number in range(1, 8)))
    assert told[4:] == [
        "PatientRandomized 5",
        "RandomizationClosed target_reached",
        "RandomizationRefused 6 cap_reached",
        "RandomizationRefused 7 cap_reached",
    ]
    numbers = [event.number for event in story.told if isinstance(event, PatientRandomized)]
    assert numbers == [1, 2, 3, 4, 5]


def test_a_closed_trial_and_a_closed_site_refuse() -> None:
    story = Story(rules())
    assert story.tell(CloseSite(IT001)) == ["SiteClosed"]
    assert story.tell(screened(1)) == ["RandomizationRefused 1 site_closed"]
    assert story.tell(screened(1, site="US999")) == ["RandomizationRefused 1 site_closed"]
    assert story.tell(OpenSite(IT001)) == ["SiteOpened"]
    assert story.tell(Close()) == ["RandomizationClosed closed"]
    assert story.tell(screened(2)) == ["RandomizationRefused 2 trial_closed"]


def test_a_refused_subject_is_considered_again() -> None:
    story = Story(rules())
    story.tell(CloseSite(IT001), screened(1), OpenSite(IT001))
    assert story.tell(screened(1)) == []
    assert story.tell(screened(1, revision=2, signed=False)) == []
    assert story.tell(screened(1, revision=2)) == ["PatientRandomized 1"]


def test_who_waits_is_drawn_in_order_of_arrival() -> None:
    story = Story(rules())
    assert story.tell(Pause(), screened(3), screened(1), screened(2)) == [
        "RandomizationPaused",
        "RandomizationWaiting 3",
        "RandomizationWaiting 1",
        "RandomizationWaiting 2",
    ]
    assert story.tell(Resume()) == [
        "RandomizationResumed",
        "PatientRandomized 3",
        "PatientRandomized 1",
        "PatientRandomized 2",
    ]


def test_a_corrected_subject_keeps_its_place_once_signed_again() -> None:
    story = Story(rules())
    story.tell(Pause(), screened(1), screened(2), screened(1, revision=2, signed=False))
    assert story.who(1).standing == "unsigned"
    assert story.tell(screened(1, revision=2)) == []
    assert story.tell(Resume())[1:] == ["PatientRandomized 1", "PatientRandomized 2"]


def test_a_waiting_subject_that_is_not_ready_is_not_drawn() -> None:
    story = Story(rules())
    story.tell(Pause(), *(screened(number) for number in (1, 2, 3, 4)))
    story.tell(screened(1, revision=2, signed=False))
    story.tell(screened(2, revision=2, verdict="ineligible"), failed(3))
    assert story.tell(ConsentWithdrawn(SubjectId("IT001-0004"), IT001)) == [
        "RandomizationRefused 4 consent_withdrawn"
    ]
    assert story.tell(Resume()) == ["RandomizationResumed"]
    assert story.tell(screened(1, revision=2)) == ["PatientRandomized 1"]


def test_a_new_attempt_waits_at_the_end() -> None:
    story = Story(rules())
    story.tell(Pause(), screened(1), screened(2), failed(1), screened(1, attempt=2))
    assert story.tell(Resume())[1:] == ["PatientRandomized 2", "PatientRandomized 1"]


def test_who_waits_learns_that_the_trial_closed_or_is_full() -> None:
    story = Story(rules())
    assert story.tell(Pause(), screened(1), Close())[2:] == [
        "RandomizationClosed closed",
        "RandomizationRefused 1 trial_closed",
    ]
    full = Story(rules(target=1))
    assert full.tell(Pause(), screened(1), screened(2), Resume())[3:] == [
        "RandomizationResumed",
        "PatientRandomized 1",
        "RandomizationClosed target_reached",
        "RandomizationRefused 2 cap_reached",
    ]


def test_a_consent_withdrawn_first_ends_in_one_refusal() -> None:
    story = Story(rules())
    assert story.tell(ConsentWithdrawn(ONE, IT001)) == []
    assert story.tell(screened(1, signed=False)) == ["RandomizationRefused 1 consent_withdrawn"]
    assert story.tell(screened(1)) == []


def test_a_new_attempt_after_a_withdrawal_is_refused_too_and_told_so_once() -> None:
    story = Story(rules())
    story.tell(screened(1, signed=False), ConsentWithdrawn(ONE, IT001))
    assert story.tell(screened(1, attempt=2, signed=False), screened(1, attempt=2)) == [
        "RandomizationRefused 1 consent_withdrawn"
    ]
    assert story.who(1).standing == "refused"


def test_a_withdrawal_after_the_draw_takes_nothing_back() -> None:
    story = Story(rules())
    story.tell(screened(1))
    assert story.tell(ConsentWithdrawn(ONE, IT001), failed(1)) == []
    assert story.who(1).drawn is not None


def test_a_drawn_subject_keeps_its_allocation_and_the_deviation_is_told() -> None:
    story = Story(rules())
    story.tell(screened(1))
    assert story.tell(screened(1, revision=2, signed=False)) == []
    assert story.tell(screened(1, revision=3, stratum="le4")) == ["EligibilityDeviation 1"]
    assert story.tell(screened(1, revision=4, verdict="ineligible")) == ["EligibilityDeviation 1"]
    assert story.tell(screened(1, revision=5, verdict="ineligible")) == []
    deviation = story.told[-1]
    assert isinstance(deviation, EligibilityDeviation)
    assert (deviation.number, deviation.stratum_at_draw, deviation.stratum) == (1, "gt4", "gt4")
    assert story.tell(screened(1, revision=6)) == []
    assert story.book.trial.randomized == 1


def test_a_subject_randomized_by_mistake_stays_and_gives_nothing_back() -> None:
    """Neither number nor place in the block nor room under the target; who is told why."""
    plain, mistaken = Story(rules(target=4)), Story(rules(target=4))
    for story in (plain, mistaken):
        story.tell(screened(1))
    wrong = screened(1, revision=2, verdict="ineligible").model_copy(update={"unmet": ("I03",)})
    assert mistaken.tell(wrong) == ["EligibilityDeviation 1"]
    deviation = mistaken.told[-1]
    assert isinstance(deviation, EligibilityDeviation)
    assert (deviation.verdict, deviation.unmet) == ("ineligible", ("I03",))
    assert mistaken.tell(ConsentWithdrawn(ONE, IT001), failed(1), screened(1, attempt=2)) == []
    told = [story.tell(*(screened(n) for n in range(2, 6))) for story in (plain, mistaken)]
    assert told[0] == told[1]
    assert told[1][-1] == "RandomizationRefused 5 cap_reached"
    assert mistaken.arms == plain.arms
    assert mistaken.book.cells == plain.book.cells


def test_a_listed_trial_waits_for_its_list() -> None:
    story = Story(rules(LISTED))
    assert story.tell(screened(1), screened(2)) == [
        "RandomizationWaiting 1",
        "RandomizationWaiting 2",
    ]
    rows = csv("gt4,SOC", "gt4,DCN,IT001-0001")
    assert story.tell(LoadList(rows)) == [
        "AllocationListLoaded",
        "PatientRandomized 1",
        "PatientRandomized 2",
    ]
    assert story.arms == ["DCN", "SOC"]
    story.rules = Rules(story.rules.plan, story.rules.seed, rows)
    assert story.tell(screened(3)) == ["RandomizationRefused 3 list_exhausted"]
    with pytest.raises(NotPossibleError):
        story.tell(LoadList(rows))


def test_a_list_loaded_in_a_pause_draws_nobody() -> None:
    story = Story(rules(LISTED))
    assert story.tell(screened(1), Pause(), LoadList(csv("gt4,SOC")))[1:] == [
        "RandomizationPaused",
        "AllocationListLoaded",
    ]


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ([], Resume()),
        ([Pause()], Pause()),
        ([Close()], Pause()),
        ([Close()], Close()),
        ([Close()], Resume()),
        ([], OpenSite(IT001)),
        ([CloseSite(IT001)], CloseSite(IT001)),
        ([], CloseSite(SiteId("XX999"))),
        ([], LoadList(csv("gt4,SOC"))),
    ],
)
def test_a_command_that_changes_nothing_is_refused(before: list[Command], command: Command) -> None:
    story = Story(rules())
    story.tell(*before)
    with pytest.raises(NotPossibleError):
        story.tell(command)


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"strata": {"gt4": 2}}, "stratum_closed"),
        ({"sites": {"IT001": 2}}, "site_cap_reached"),
        ({"each_site": 2}, "site_cap_reached"),
        ({"site_strata": {"IT001": {"gt4": 2}}}, "site_cap_reached"),
    ],
)
def test_a_cap_lets_so_many_in_and_no_more(caps: dict[str, object], reason: str) -> None:
    story = Story(rules(BLOCKS, caps=caps))
    told = story.tell(*(screened(number) for number in (1, 2, 3)))
    assert told[2] == f"RandomizationRefused 3 {reason}"


def test_each_event_knows_the_fact_that_made_it() -> None:
    story = Story(rules())
    made = decide(story.rules, story.book, [Pause(), screened(1), screened(2), Resume()])
    assert [index for index, _ in made.events] == [0, 1, 2, 3, 3, 3]

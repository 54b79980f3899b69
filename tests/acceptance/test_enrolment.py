"""Enrolment: pause and resume, close, sites, the target, the allocation list."""

from collections.abc import Callable

from tests.acceptance.people import kind, places
from tests.acceptance.story import Story, new_subject

Tiny = Callable[[str], Story]


def test_while_paused_subjects_wait_and_are_drawn_in_the_order_of_arrival(tiny: Tiny) -> None:
    story = tiny("TPAUSE")
    paused = story.command(story.officer, "pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert story.command(story.officer, "pause").status_code == 409
    arrived: list[str] = []
    for age in (40, 70, 41, 71, 42):
        arrived.append(story.new_subject())
        story.submit(arrived[-1], story.form(age=age))
        story.until_enrolment(waiting=len(arrived))
    waiting = story.enrolment()
    assert (waiting["state"], waiting["randomized"]) == ("paused", 0)
    assert waiting["strata"]["young"]["waiting"] == 3
    assert waiting["sites"]["T1"] == {"randomized": 0, "target": None, "waiting": 5, "refused": 0}
    [told, *_] = story.logged("RandomizationWaiting", len(arrived))
    assert told["data"]["subject"] == arrived[0]

    gone = arrived.pop(1)  # who takes the consent back while waiting is not drawn
    assert story.withdraw(gone).status_code == 200
    story.until_enrolment(waiting=len(arrived), refused=1)
    assert story.command(story.manager, "resume").status_code == 200
    assert story.command(story.manager, "resume").status_code == 409
    assert [story.drawn(subject)["number"] for subject in arrived] == [1, 2, 3, 4]
    after = story.until_enrolment(waiting=0, randomized=4)
    assert after["state"] == "open"
    assert story.allocation(gone) is None
    [refused] = story.logged("RandomizationRefused", subject=gone)
    assert refused["data"]["reason"] == "consent_withdrawn"
    reasons = [entry["data"]["reason"] for entry in story.logged("EnrolmentDecided", 2)]
    assert reasons == ["a test of pause", "a test of resume"]


def test_closing_is_for_good_and_those_who_wait_are_refused(tiny: Tiny) -> None:
    story = tiny("TCLOSE")
    drawn = story.randomize()
    story.command(story.officer, "pause")
    waits = story.new_subject()
    story.submit(waits)
    story.until_enrolment(waiting=1)
    assert story.command(story.manager, "close").json()["state"] == "closed"
    after = story.until_enrolment(state="closed", waiting=0)
    assert (after["randomized"], after["refused"]) == (1, 1)
    late = story.new_subject()
    assert story.submission(late).status_code == 201  # screened all the same
    story.until_enrolment(refused=2)
    told = {e["data"]["subject"]: e["data"] for e in story.logged("RandomizationRefused", 2)}
    assert {told[waits]["reason"], told[late]["reason"]} == {"trial_closed"}
    for person, verb in (
        (story.manager, "close"),
        (story.manager, "resume"),
        (story.officer, "pause"),
    ):
        again = story.command(person, verb)
        assert (again.status_code, kind(again)) == (409, "not-possible"), verb
    assert story.allocation(drawn) is not None


def test_a_closed_site_enrols_no_more_until_it_is_opened(tiny: Tiny) -> None:
    story = tiny("TSITE")
    answer = story.command(story.manager, "sites/T1/close")
    assert answer.status_code == 200
    assert story.command(story.manager, "sites/T1/close").status_code == 409
    refused, elsewhere = story.new_subject(), new_subject("T2")
    story.submit(refused)
    story.submit(elsewhere)
    assert story.drawn(elsewhere)["number"] == 1
    [told] = story.logged("RandomizationRefused", subject=refused)
    assert told["data"]["reason"] == "site_closed"
    assert story.command(story.manager, "sites/T1/open").status_code == 200
    assert story.command(story.manager, "sites/T1/open").status_code == 409
    assert story.command(story.manager, "sites/ZZ99/open").status_code == 404
    assert story.allocation(refused) is None  # a new attempt is the site's own
    again = story.submit(refused)
    assert again["attempt"] == 2
    assert story.drawn(refused)["number"] == 2
    facts = [story.logged(name)[0]["data"] for name in ("SiteClosed", "SiteOpened")]
    assert facts == [{"site": "T1"}, {"site": "T1"}]


def test_half_of_the_target_is_told_and_the_target_closes_the_trial_by_itself(tiny: Tiny) -> None:
    story = tiny("TTARGET")
    subjects = [story.new_subject() for _ in range(9)]
    for subject in subjects:  # all are taken: a full trial is no error of who submits
        assert story.submission(subject).status_code == 201
    full = story.until_enrolment(state="closed", randomized=6, refused=3)
    assert (full["target"], full["waiting"]) == (6, 0)
    refusals = story.logged("RandomizationRefused", 3)
    assert {entry["data"]["reason"] for entry in refusals} == {"cap_reached"}
    allocations = story.site.pages("randomizer", story.path("allocations"))
    assert [one["number"] for one in allocations] == [1, 2, 3, 4, 5, 6]
    drawn = {one["subject"] for one in allocations}
    refused = {entry["data"]["subject"] for entry in refusals}
    assert drawn | refused == set(subjects) and not drawn & refused
    [closed] = story.logged("RandomizationClosed")
    assert closed["data"] == {"cause": "target_reached", "randomized": 6}
    [half] = story.logged("EnrolmentMilestone")
    counted = {"percent": 50, "randomized": 3, "limit": 6}
    assert half["data"] == {"scope": "trial", "site": None, "stratum": None, **counted}
    draws = {entry["data"]["number"]: entry for entry in story.logged("PatientRandomized", 6)}
    assert half["causationid"] == draws[3]["causationid"]  # told with the third draw


def test_allocations_page_by_number(tiny: Tiny) -> None:
    story = tiny("TWAY")
    for _ in range(3):
        story.randomize()
    whole = story.site.pages("randomizer", story.path("allocations"))
    assert story.site.pages("randomizer", story.path("allocations"), limit=1) == whole
    assert [one["number"] for one in whole] == list(range(1, len(whole) + 1))


LIST = """\
stratum,arm,subject
young,ARM_LARCH,{named}
young,ARM_MAPLE
old,ARM_LARCH
young,ARM_MAPLE,T2-999999
"""


def test_a_list_with_bad_lines_is_refused_whole(tiny: Tiny) -> None:
    story = tiny("TBADLIST")
    rows = ("young,ARM_MAPLE", "middle,ARM_MAPLE", "young,ARM_OAK", "old", "old,ARM_LARCH,x")
    answer = story.load_list("\n".join(("stratum,arm,subject", *rows)))
    assert answer.status_code == 422
    assert places(answer) == [["line", 3], ["line", 4], ["line", 5], ["line", 6]]
    for text in ("", "stratum,arm\n", "young;ARM_MAPLE", 'young,"ARM_MAPLE', "young,ARM_MAPLE\0"):
        assert story.load_list(text).status_code == 422, text
    twice = "young,ARM_MAPLE,T1-000001\nold,ARM_MAPLE,T1-000001\n"
    assert places(story.load_list(twice)) == [["line", 2]]
    for raw in (b"young,ARM_\xff\n", "young,ARM_MAPLE".encode("utf-16")):
        answer = story.statistician.ask(
            "PUT", "randomizer", story.path("allocation-list"), content=raw
        )
        assert answer.status_code == 422
    assert story.load_list("young,ARM_MAPLE\n" * 4000).status_code == 413
    subject = story.new_subject()
    story.submit(subject)
    story.until_enrolment(waiting=1)  # no list came into force


def test_a_list_is_loaded_once_and_gives_its_rows(tiny: Tiny) -> None:
    story = tiny("TLIST")
    named, first, second = (story.new_subject() for _ in range(3))
    story.submit(first)
    story.until_enrolment(waiting=1)
    answer = story.load_list(LIST.format(named=named))
    assert answer.status_code == 200, answer.text
    assert story.drawn(first)["arm"] == "ARM_MAPLE"  # the row without a name
    again = story.load_list(LIST.format(named=named))
    assert (again.status_code, kind(again)) == (409, "not-possible")
    story.submit(second)
    [told] = story.logged("RandomizationRefused", subject=second)
    assert told["data"]["reason"] == "list_exhausted"
    story.submit(named)
    assert story.drawn(named)["arm"] == "ARM_LARCH"
    [loaded] = story.logged("AllocationListLoaded")
    assert loaded["data"] == {"list_sha256": answer.json()["list_sha256"], "rows": 4}


def test_a_design_that_draws_takes_no_list(nct: Story) -> None:
    answer = nct.load_list("le4,DCN\n")
    assert (answer.status_code, kind(answer)) == (409, "not-possible")

"""A subject's whole life against a simple model: whatever happens in whatever order."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.randomizer.facts import (
    BoundaryCrossed,
    Close,
    CloseSite,
    ConsentWithdrawn,
    OpenSite,
    Pause,
    Resume,
)
from services.randomizer.replay import read, replay
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened, ScreeningFailed
from shared.contracts.subjects import SiteId, SubjectId
from tests.unit.randomizer.life import SITES, Lived, Version, versions
from tests.unit.randomizer.made import STRATA, Story, failed, rules, screened
from tests.unit.randomizer.test_replay import bundle_of

TARGET = 4
VERSIONS = 3
LATE = 25  # records, after which a person may close the trial
numbers = st.integers(1, 12)
strata = st.sampled_from(tuple(STRATA))
rarely = st.sampled_from((False, False, False, False, True))


def site_of(number: int) -> str:
    """The first eight belong to the one site, the others to the other."""
    return SITES[number > 8]


class Life(RuleBasedStateMachine):
    """Forms, signatures, corrections, failures, withdrawals, late records; commands; amendments."""

    @initialize(first=versions())
    def begin(self, first: Version) -> None:
        self.lived = Lived.of(first)
        self.model = self.lived.model
        self.newest: dict[int, PatientScreened] = {}
        self.heard: list[PatientScreened | ScreeningFailed] = []

    def hear(self, one: PatientScreened | ScreeningFailed) -> None:
        self.heard.append(one)
        name, site = one.subject, one.site
        if isinstance(one, ScreeningFailed):
            self.lived.takes(one, lambda: self.model.failed(name, site, one.attempt))
            return
        at = (one.attempt, one.revision, one.signed)
        stratum, version = str(one.stratum), one.protocol_version
        self.lived.takes(
            one, lambda: self.model.screened(name, site, at, one.verdict, stratum, version)
        )

    def form(self, number: int, **more: Any) -> None:
        """The next form of a subject: the first, a correction, or a new attempt."""
        before, again = self.newest.get(number), more.pop("again", False)
        attempt, revision = (before.attempt, before.revision + 1) if before else (1, 1)
        if again and before:
            attempt, revision = attempt + 1, 1
        given = {"site": site_of(number), "attempt": attempt, "revision": revision, **more}
        self.newest[number] = screened(number, **given)
        self.hear(self.newest[number])

    @rule(several=st.lists(numbers, min_size=1, max_size=5), stratum=strata, again=rarely)
    def enrol(self, several: list[int], *, stratum: str, again: bool) -> None:
        """Some who are eligible and signed."""
        for number in several:
            self.form(number, stratum=stratum, again=again, version=self.model.newest)

    @rule(
        number=numbers,
        eligible=st.booleans(),
        signed=st.booleans(),
        again=st.booleans(),
        stratum=strata,
        old=rarely,
    )
    def screen(self, number: int, *, eligible: bool, old: bool, **more: Any) -> None:
        """Whoever it is; a site that has not approved an amendment goes by the first version."""
        verdict = "eligible" if eligible else "ineligible"
        version = "1.0" if old else self.model.newest
        self.form(number, verdict=verdict, version=version, **more)

    @precondition(lambda self: self.newest)
    @rule(data=st.data())
    def sign(self, data: st.DataObject) -> None:
        """The investigator signs what is eligible."""
        number = data.draw(st.sampled_from(sorted(self.newest)))
        before = self.newest[number]
        if before.verdict == "eligible":
            self.newest[number] = before.model_copy(update={"signed": True})
            self.hear(self.newest[number])

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """An old record once more."""
        self.hear(data.draw(st.sampled_from(self.heard)))

    @rule(number=numbers, withdrawn=st.booleans())
    def leave(self, number: int, *, withdrawn: bool) -> None:
        """A consent is taken back, or the site ends the attempt."""
        before, site = self.newest.get(number), site_of(number)
        if withdrawn:
            name = f"{site}-{number:04d}"
            self.lived.takes(
                ConsentWithdrawn(SubjectId(name), SiteId(site)),
                lambda: self.model.took_back(name, site),
            )
        else:
            self.hear(failed(number, site=site, attempt=before.attempt if before else 1))

    @rule(
        command=st.sampled_from(
            ("pause", "boundary", "resume", "resume", "resume", "list", "list", "nothing", "close")
        )
    )
    def command(self, command: str) -> None:
        takes, model = self.lived.takes, self.model
        match command:
            case "pause":
                takes(Pause(), model.pause)
            case "boundary":
                takes(BoundaryCrossed(), model.boundary)
            case "resume":
                takes(Resume(), model.resume)
            case "list":
                self.lived.loads()
            case "close" if len(self.heard) > LATE:
                takes(Close(), model.close)

    @rule(site=st.sampled_from(SITES))
    def switch(self, site: str) -> None:
        """A site opens or closes; and once more, which cannot be."""
        opened = not self.model.sites[site]
        command = OpenSite if opened else CloseSite
        for _ in range(2):
            self.lived.takes(command(SiteId(site)), lambda: self.model.switch(site, opened))

    @precondition(lambda self: len(self.model.versions) < VERSIONS and len(self.model.drawn) > 1)
    @rule(to=versions())
    def amend(self, to: Version) -> None:
        """The next version comes into force."""
        self.lived.amends(to)

    @invariant()
    def numbers_have_no_gap_and_nobody_is_drawn_twice(self) -> None:
        told = [one for one in self.lived.story.told if isinstance(one, PatientRandomized)]
        assert [one.number for one in told] == list(range(1, len(told) + 1))
        assert len({one.subject for one in told}) == len(told)

    @invariant()
    def who_waits_stands_in_the_order_of_arrival(self) -> None:
        waiting = [w for w in self.lived.story.book.subjects.values() if w.standing == "waiting"]
        waiting.sort(key=lambda who: who.arrival or 0)
        people = self.model.people
        expected = [name for name in self.model.queue if people[name].stands == "waiting"]
        assert [who.id for who in waiting] == expected
        assert not waiting or self.model.state == "paused" or not self.model.list_loaded

    @invariant()
    def the_counters_agree(self) -> None:
        book = self.lived.story.book
        assert (book.trial.state, dict(book.sites)) == (self.model.state, self.model.sites)
        assert sum(book.cells.values()) == book.trial.randomized == len(self.model.drawn)
        assert sum(at.drawn for at in book.strata.values()) == len(self.model.drawn)

    @invariant()
    def every_block_is_whole(self) -> None:
        self.lived.blocks_are_whole()

    def teardown(self) -> None:
        """The seed draws it all again, and so do batches."""
        story, model = self.lived.story, self.model
        if model.list_loaded or not any(of.listed for of in model.versions.values()):
            bundle = bundle_of(story, self.lived.earlier)
            assert replay(read(json.dumps(bundle))).ok
        (first, facts), *later = self.lived.periods
        batches = Story(first)
        batches.tell(*facts)
        for by, several in later:
            batches.amend(by)
            batches.tell(*several)
        assert (batches.told, batches.arms) == (story.told, story.arms)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


screenings = st.lists(
    st.builds(
        screened,
        number=st.integers(1, 6),
        stratum=strata,
        verdict=st.sampled_from(["eligible", "ineligible"]),
        signed=st.booleans(),
        revision=st.integers(1, 3),
    ),
    max_size=20,
)


@given(first=screenings, later=screenings)
def test_no_allocation_depends_on_a_later_event(
    first: list[PatientScreened], later: list[PatientScreened]
) -> None:
    """And batches make no difference: one, two, or a batch for each fact."""
    together, apart, one_by_one = (Story(rules(target=TARGET)) for _ in range(3))
    together.tell(*first, *later)
    apart.tell(*first)
    assert together.told[: len(apart.told)] == apart.told
    assert together.arms[: len(apart.arms)] == apart.arms
    apart.tell(*later)
    for fact in (*first, *later):
        one_by_one.tell(fact)
    assert together.told == apart.told == one_by_one.told
    assert together.arms == apart.arms == one_by_one.arms

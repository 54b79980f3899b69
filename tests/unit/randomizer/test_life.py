"""A subject's whole life against a simple model: whatever happens in whatever order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.randomizer.facts import ConsentWithdrawn, Pause, Resume
from shared.contracts.events.randomization import PatientRandomized
from shared.contracts.events.screening import PatientScreened
from shared.contracts.subjects import SiteId, SubjectId
from tests.unit.randomizer.made import Story, failed, rules, screened

TARGET = 4
numbers = st.integers(1, 6)


class Life(RuleBasedStateMachine):
    """The model knows each subject's newest revision and whether it may be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(rules(target=TARGET))
        self.paused = False
        self.revision: dict[int, int] = {}
        self.attempt: dict[int, int] = {}
        self.ready: dict[int, bool] = {}
        self.over: set[int] = set()  # this attempt is a screen failure
        self.withdrawn: set[int] = set()
        self.drawn: list[int] = []
        self.queue: list[int] = []

    def draw(self, number: int) -> None:
        if len(self.drawn) < TARGET and number not in self.drawn:
            self.drawn.append(number)

    @rule(
        number=numbers,
        eligible=st.booleans(),
        signed=st.booleans(),
        again=st.booleans(),
        stratum=st.sampled_from(["le4", "gt4"]),
    )
    def screen(
        self, number: int, *, eligible: bool, signed: bool, again: bool, stratum: str
    ) -> None:
        if again or number not in self.attempt:
            self.attempt[number] = self.attempt.get(number, 0) + 1
            self.over.discard(number)
            if number in self.queue:
                self.queue.remove(number)
        self.revision[number] = self.revision.get(number, 0) + 1
        self.ready[number] = eligible and signed and number not in self.over | self.withdrawn
        self.story.tell(
            screened(
                number,
                attempt=self.attempt[number],
                revision=self.revision[number],
                verdict="eligible" if eligible else "ineligible",
                signed=signed,
                stratum=stratum,
            )
        )
        if self.ready[number] and number not in self.drawn and len(self.drawn) < TARGET:
            if not self.paused:
                self.draw(number)
            elif number not in self.queue:
                self.queue.append(number)
        if self.ready[number] and not self.paused and number in self.queue:
            self.queue.remove(number)

    @rule(number=numbers)
    def fail(self, number: int) -> None:
        self.story.tell(failed(number, attempt=self.attempt.setdefault(number, 1)))
        if number not in self.drawn:
            self.over.add(number)
            self.ready[number] = False
        if number in self.queue:
            self.queue.remove(number)

    @rule(number=numbers)
    def withdraw(self, number: int) -> None:
        subject = SubjectId(f"IT001-{number:04d}")
        self.story.tell(ConsentWithdrawn(subject, SiteId("IT001")))
        self.withdrawn.add(number)
        self.ready[number] = False

    @rule(number=numbers)
    @precondition(lambda self: self.revision)
    def repeat(self, number: int) -> None:
        """An old record once more."""
        if number in self.revision:
            self.story.tell(screened(number, attempt=1, revision=1, signed=False))

    @rule()
    @precondition(lambda self: len(self.drawn) < TARGET)
    def pause_or_resume(self) -> None:
        self.story.tell(Resume() if self.paused else Pause())
        self.paused = not self.paused
        if not self.paused:
            for number in self.queue:
                if self.ready.get(number):
                    self.draw(number)
            self.queue = [number for number in self.queue if not self.ready.get(number)]

    @invariant()
    def the_draws_are_those_of_the_model(self) -> None:
        told = [event for event in self.story.told if isinstance(event, PatientRandomized)]
        assert [int(event.subject[-4:]) for event in told] == self.drawn
        assert [event.number for event in told] == list(range(1, len(told) + 1))

    @invariant()
    def nobody_waits_without_a_reason(self) -> None:
        waiting = [s for s in self.story.book.subjects.values() if s.standing == "waiting"]
        assert self.paused or not waiting
        assert all(who.arrival is not None for who in waiting)

    @invariant()
    def the_counters_agree(self) -> None:
        book = self.story.book
        assert sum(book.cells.values()) == book.trial.randomized == len(self.drawn)
        assert sum(at.drawn for at in book.strata.values()) == len(self.drawn)
        assert (book.trial.state == "closed") == (len(self.drawn) == TARGET)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


screenings = st.lists(
    st.builds(
        screened,
        number=numbers,
        stratum=st.sampled_from(["le4", "gt4"]),
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

"""Who is next: any order, repeats, gaps, conflicts and dead letters, beside a simple model."""

from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.runtime.lines import Fate, Line
from shared.runtime.record import Identity, Record
from shared.runtime.watermark import Kept, Watermark
from tests.integration.runtime.records import sent

KEY = "T1:IT001-0001"
NUMBERS = st.integers(1, 12)
IDS = [[UUID(int=100 * number + which) for which in range(2)] for number in range(13)]


def record_of(number: int, ce_id: UUID) -> tuple[Record, Identity]:
    identity = Identity(KEY, number, ce_id)
    return Record.of(sent(number, ce_id=ce_id)), identity


class Lines(RuleBasedStateMachine):
    """One key through many batches: what memory forgets between two, the model's database keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(Watermark(KEY))
        self.database: dict[int, UUID] = {}
        self.applied: list[int] = []
        self.first: dict[int, UUID] = {}  # who holds a number, by first arrival
        self.parked: int | None = None
        self.dropped: set[int] = set()

    @rule(number=NUMBERS, which=st.integers(0, 1))
    def offer(self, number: int, which: int) -> None:
        ce_id = IDS[number][which]
        record, identity = record_of(number, ce_id)
        fate = self.line.offer(record, identity)
        if number < self.line.mark.sequence:
            assert fate is Fate.REPEAT  # ids below the watermark are forgotten
        elif number not in self.first:
            assert fate is Fate.IN_LINE
            self.first[number] = ce_id
        else:
            assert fate is (Fate.REPEAT if self.first[number] == ce_id else Fate.CONFLICT)

    @rule()
    def take_what_is_next(self) -> None:
        while kept := self.line.next():
            assert kept.position.sequence == len(self.applied) + 1
            self.line.take(kept.position)
            self.applied.append(kept.position.sequence)

    @precondition(lambda self: self.line.next() is not None)
    @rule()
    def park(self) -> None:
        kept = self.line.next()
        assert kept is not None
        self.line.park(kept.position)
        self.parked = kept.position.sequence
        assert self.line.next() is None

    @precondition(lambda self: self.parked is not None)
    @rule()
    def settle(self) -> None:
        """A person replays or drops the letter: the watermark goes over it."""
        assert self.parked is not None
        self.line.mark.raise_to(self.parked, self.first[self.parked])
        self.applied.append(self.parked)
        self.parked = None

    @rule(at_once=st.integers(1, 3))
    def end_of_batch(self, at_once: int) -> None:
        """Newcomers are kept, those that left are released, and only some are recalled."""
        for newcomer in self.line.newcomers():
            assert newcomer.identity is not None
            assert newcomer.identity.sequence not in self.database
            self.database[newcomer.identity.sequence] = newcomer.identity.ce_id
        for position in self.line.left:
            del self.database[position.sequence]
        mark = self.line.mark
        self.line = Line(
            Watermark(KEY, mark.sequence, mark.ce_id, mark.parked, bool(self.database), True)
        )
        for number in sorted(self.database):
            record, identity = record_of(number, self.database[number])
            self.line.recall(Kept(identity, record))

    @invariant()
    def the_watermark_is_what_was_applied(self) -> None:
        assert self.applied == list(range(1, len(self.applied) + 1))
        assert self.line.mark.sequence == len(self.applied)

    @invariant()
    def nobody_in_line_is_lost_or_behind_the_watermark(self) -> None:
        waiting = {number for number in self.first if number > len(self.applied)} - {self.parked}
        assert set(self.line.waiting) == waiting
        assert set(self.line.kept) <= waiting


Lines.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestLines = Lines.TestCase


def test_raising_the_mark_lets_those_behind_a_letter_go_on() -> None:
    mark = Watermark(KEY, 1, IDS[1][0])
    mark.park(IDS[2][0])
    line = Line(mark)
    assert line.offer(*record_of(3, IDS[3][0])) is Fate.IN_LINE
    assert line.next() is None
    mark.raise_to(2, IDS[2][0])
    following = line.next()
    assert following is not None
    assert following.position.sequence == 3
    assert mark.changed


def test_a_letter_that_comes_again_is_a_repeat_and_another_in_its_place_a_conflict() -> None:
    mark = Watermark(KEY, 1, IDS[1][0], parked=IDS[2][0])
    assert Line(mark).offer(*record_of(2, IDS[2][0])) is Fate.REPEAT
    assert Line(mark).offer(*record_of(2, IDS[2][1])) is Fate.CONFLICT


def test_an_unchanged_mark_is_not_written() -> None:
    mark = Watermark(KEY, 1, IDS[1][0], above=True)
    mark.leave_above(True)
    assert not mark.changed
    mark.leave_above(False)
    assert mark.changed

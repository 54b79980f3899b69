"""Who is next: the records of one key in line behind its watermark. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from shared.runtime.record import Identity, Record
from shared.runtime.watermark import Kept, Watermark


class Fate(Enum):
    """What a record is to its key's watermark."""

    IN_LINE = "in line"
    REPEAT = "repeat"
    CONFLICT = "conflict"


@dataclass(slots=True)
class Line:
    """One key's watermark and the records above it, by sequence.

    `kept` are the positions among them that the database keeps from earlier batches.
    """

    mark: Watermark
    waiting: dict[int, Kept] = field(default_factory=dict)
    kept: dict[int, Identity] = field(default_factory=dict)
    left: list[Identity] = field(default_factory=list)

    def recall(self, kept: Kept) -> None:
        """Line up a record that the database keeps."""
        self.waiting[kept.position.sequence] = kept
        self.kept[kept.position.sequence] = kept.position

    def offer(self, record: Record, identity: Identity) -> Fate:
        """Line up a record that just came, unless its place is taken.

        Another id at the watermark, at the dead letter behind it or among those waiting is a
        conflict. Below the watermark ids are not remembered: everything there is a repeat.
        """
        number = identity.sequence
        if number < self.mark.sequence:
            return Fate.REPEAT
        if number == self.mark.sequence:
            holder = self.mark.ce_id
        elif number == self.mark.sequence + 1 and self.mark.parked:
            holder = self.mark.parked
        elif number in self.waiting:
            holder = self.waiting[number].position.ce_id
        else:
            self.waiting[number] = Kept(identity, record)
            return Fate.IN_LINE
        return Fate.REPEAT if holder in (identity.ce_id, None) else Fate.CONFLICT

    def next(self) -> Kept | None:
        """The record that may be taken now: one above the watermark, and no dead letter there.

        None too while the database keeps more of the key than was recalled: it goes first.
        """
        if self.mark.parked or (self.mark.above and not self.kept):
            return None
        return self.waiting.get(self.mark.sequence + 1)

    def take(self, position: Identity) -> None:
        """The record at `position` has had its effect, or none was asked of it."""
        self.mark.raise_to(position.sequence, position.ce_id)
        self._leave(position)

    def park(self, position: Identity) -> None:
        """The record at `position` became a dead letter; whoever stands behind it waits."""
        self.mark.park(position.ce_id)
        self._leave(position)

    def _leave(self, position: Identity) -> None:
        del self.waiting[position.sequence]
        if self.kept.pop(position.sequence, None):
            self.left.append(position)

    def newcomers(self) -> Iterator[Record]:
        """Records still in line that the database does not keep yet, in the order they came."""
        for number, kept in self.waiting.items():
            if number not in self.kept and kept.record:
                yield kept.record

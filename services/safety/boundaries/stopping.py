"""What a stopping region does: exact dynamic programming over (subjects, subjects with the event).

Whole numbers throughout: with p = u/v, the paths to x events among n subjects have the weight
u**x (v-u)**(n-x), over the common v**n. Chances are ``Fraction``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

Region = Mapping[int, int | None]
"""By look (its number of subjects, ascending) the least number of events that stops; None: none
can."""


@dataclass(frozen=True)
class Course:
    """What follows from a region where each subject has the event with probability p.

    ``p_stop`` counts crossing at the last look too; who never crosses has the last look's n;
    ``expected_events`` are those up to the stopping look.
    """

    p: Fraction
    p_stop: Fraction
    expected_n: Fraction
    expected_events: Fraction


def course(region: Region, p: Fraction) -> Course:
    """The operating characteristics of a region at one event rate."""
    event, whole = p.numerator, p.denominator
    alive = [1]  # by the number of events, the weight of the paths that have not stopped
    stopped = subjects = events = 0
    last = max(region)
    for n in range(1, last + 1):
        alive = longer(alive, event, whole - event)
        stopped, subjects, events = stopped * whole, subjects * whole, events * whole
        least = region.get(n)
        if least is not None and least < len(alive):
            ends = alive[least:]
            here = sum(ends)
            stopped += here
            subjects += n * here
            events += sum(x * weight for x, weight in enumerate(ends, least))
            alive = alive[:least]
    subjects += last * sum(alive)
    events += sum(x * weight for x, weight in enumerate(alive))
    paths = whole**last
    return Course(p, *(Fraction(total, paths) for total in (stopped, subjects, events)))


def longer(alive: list[int], event: int, none: int) -> list[int]:
    """The weights by number of events after one subject more."""
    if not alive:
        return []
    return [
        alive[0] * none,
        *(one * none + fewer * event for fewer, one in pairwise(alive)),
        alive[-1] * event,
    ]

"""Three-valued answers without three-valued logic: by completing what is unknown.

A statement with unknown fields is true, false or open as all completions by the values worth trying
are. A criterion is what all combinations of its statements' answers make of it. A field is missing
where one completion of the rest lets its value turn the criterion. Two statements over one unknown
field are completed each for itself, which is what Kleene's logic says of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from tests.unit.screening.byhand.statements import Statement

Form = Mapping[str, Any]
TODAY = "today"


@dataclass(frozen=True)
class Criterion:
    """One criterion: what its statements' truths make of it."""

    holds: Callable[..., bool]
    statements: tuple[Statement, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Every field that it speaks of."""
        return frozenset(name for one in self.statements for name in one.fields) - {TODAY}


@dataclass(frozen=True)
class Judged:
    """A criterion's own truth, None unknown, and the fields that can still turn it."""

    outcome: bool | None
    missing: frozenset[str]


def says(*statements: Statement) -> Criterion:
    """A criterion that is its one statement, or all of them together."""
    return Criterion(lambda *truths: all(truths), statements)


def judged(criterion: Criterion, form: Form, today: date) -> Judged:
    """What the criterion is on a form."""
    known = {**form, TODAY: today.isoformat()}
    return _combined(
        criterion.holds,
        [_answered(one, [known.get(name) for name in one.fields]) for one in criterion.statements],
    ).judged()


@dataclass(frozen=True)
class _Answers:
    """All answers that something can have on what is known, and the fields that turn it."""

    truths: frozenset[bool]
    turning: frozenset[str]

    def judged(self) -> Judged:
        """Open where there are two answers."""
        if len(self.truths) == 1:
            return Judged(next(iter(self.truths)), frozenset())
        return Judged(None, self.turning)


def _combined(holds: Callable[..., bool], parts: Sequence[_Answers]) -> _Answers:
    sets = [sorted(one.truths) for one in parts]
    turning = {
        name for at, one in enumerate(parts) if _turns(holds, sets, at) for name in one.turning
    }
    return _Answers(frozenset(holds(*some) for some in product(*sets)), frozenset(turning))


def _turns(holds: Callable[..., bool], sets: Sequence[Sequence[bool]], at: int) -> bool:
    """Whether the one part can turn the whole, with some answers of the others."""
    return any(
        holds(*before, True, *after) is not holds(*before, False, *after)
        for before in product(*sets[:at])
        for after in product(*sets[at + 1 :])
    )


def _answered(statement: Statement, known: list[Any]) -> _Answers:
    """What a statement is on all completions; of a list, on those of each entry."""
    if statement.of_list and known[0] is not None and len(known[0]) > 1:
        alone = [_answered(statement, [[one], *known[1:]]) for one in known[0]]
        return _combined(lambda *entries: any(entries), alone)
    if not any(statement.open(value) for value in known):
        return _Answers(frozenset((statement.holds(*known),)), frozenset())
    tries = statement.tries(*known)
    choices = [
        tuple(tries[at]) if statement.open(value) else (value,) for at, value in enumerate(known)
    ]
    table = {
        tuple(at for at, _ in some): statement.holds(*(value for _, value in some))
        for some in product(*(enumerate(one) for one in choices))
    }
    turning = {name for at, name in enumerate(statement.fields) if _differs(table, at)}
    return _Answers(frozenset(table.values()), frozenset(turning))


def _differs(table: Mapping[tuple[int, ...], bool], at: int) -> bool:
    """Whether two completions that differ in this place alone have two answers."""
    seen: dict[tuple[int, ...], bool] = {}
    return any(
        seen.setdefault((*where[:at], *where[at + 1 :]), truth) is not truth
        for where, truth in table.items()
    )


@dataclass(frozen=True)
class Told:
    """What a protocol says of a form."""

    criteria: Mapping[str, Judged]
    verdict: str
    stratum: Judged
    missing: frozenset[str]


def told(
    criteria: Mapping[str, Criterion], stratum: Criterion | None, form: Form, today: date
) -> Told:
    """Every criterion, and the verdict of them: an inclusion's id begins with an I, an exclusion
    that holds refuses. ``stratum`` is what parts the two strata, if more than the site does.
    """
    found = {name: judged(one, form, today) for name, one in criteria.items()}
    part = judged(stratum, form, today) if stratum else Judged(True, frozenset())
    open_ones = [one for one in (*found.values(), part) if one.outcome is None]
    if any(one.outcome is (name[0] == "E") for name, one in found.items()):
        return Told(found, "ineligible", part, frozenset())
    missing = frozenset[str]().union(*(one.missing for one in open_ones))
    return Told(found, "incomplete" if open_ones else "eligible", part, missing)


def truths(criterion: Criterion, form: Form, today: date) -> list[bool | None]:
    """What each of its statements is."""
    known = {**form, TODAY: today.isoformat()}
    return [
        _answered(one, [known.get(name) for name in one.fields]).judged().outcome
        for one in criterion.statements
    ]

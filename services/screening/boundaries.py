"""The limits of a protocol, each shown by forms just inside, on and just outside it, as they are
decided.

What else the criterion reads is chosen such that the limit decides, where that can be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.screening.compiling import compiled
from services.screening.eligibility import Eligibility
from services.screening.examples import Raw, assembled
from services.screening.form import Form, FormErrors
from services.screening.levers import example
from services.screening.nearby import around
from services.screening.points import Point
from services.screening.regions import REFERENCE, together
from services.screening.saying import said
from services.screening.searching import Exhausted, search
from services.screening.section import Section
from services.screening.statements import (
    TODAY,
    AllOf,
    AnyItem,
    AnyOf,
    Leaf,
    NotOf,
    Statement,
    leaves,
)
from shared.contracts.study import Protocol
from shared.contracts.subjects import SubjectId


@dataclass(frozen=True, slots=True)
class Row:
    """One form at a limit: the limit in words, where the ``value`` stands to it (``inside``, ``on``
    or ``outside``), and the ``outcome`` of the criterion on that form."""

    limit: str
    where: str
    value: str
    outcome: bool | None

    def answer(self) -> dict[str, object]:
        """The row as JSON."""
        return {
            "limit": self.limit,
            "where": self.where,
            "value": self.value,
            "outcome": self.outcome,
        }


class Boundaries:
    """The limits of one protocol's criteria; raises ``ProtocolError`` when it is built."""

    def __init__(self, protocol: Protocol, section: Section) -> None:
        self._eligibility = Eligibility.of(protocol)
        self._fields = section.fields
        self._form = Form(section.fields, section.attested, {})
        self._subject = SubjectId(f"{protocol.sites[0].id}-0001")
        self._criteria = {words.id: one_entry(statement) for words, statement in section.criteria}

    def of(self, criterion: str) -> list[Row]:
        """The rows of a criterion, in the order of its rule."""
        statement = self._criteria[criterion]
        groups = together(leaves(statement))
        rows: list[Row] = []
        for leaf in dict.fromkeys(leaves(statement)):
            beside = next(group for group in groups if leaf in group)
            for points in around(leaf, self._fields):
                rows += self._rows(criterion, statement, leaf, beside, list(points))
        return rows

    def _rows(
        self,
        criterion: str,
        statement: Statement,
        leaf: Leaf,
        beside: Sequence[Leaf],
        points: Sequence[Point],
    ) -> Iterator[Row]:
        truths = [self._truths(point, beside) for point in points]
        rest = self._rest(statement, leaf, [one for one in truths if one is not None])
        limit = said(leaf, self._fields).text
        for point, one in zip(points, truths, strict=True):
            if one is not None:
                where = "on" if point.on else "inside" if one[leaf] else "outside"
                outcome = self._outcome(criterion, {**rest, **point.form})
                yield Row(limit, where, point.says, outcome)

    def _truths(self, point: Point, beside: Sequence[Leaf]) -> Mapping[Leaf, bool] | None:
        """What is true at a point of the statements on its axis; None where no form can be so."""
        form, today = assembled(point.form, self._fields)
        try:
            facts = self._form.read(form).facts
        except FormErrors:
            return None
        facts[TODAY] = (today or REFERENCE).toordinal()
        for name in form:
            if name in facts and isinstance(facts[name], list) and facts[name]:
                entry = facts[name][0]
                facts |= entry if isinstance(entry, dict) else {"item": entry}
        return {leaf: compiled(leaf).test(facts) is True for leaf in beside}

    def _rest(self, statement: Statement, leaf: Leaf, truths: Sequence[Mapping[Leaf, bool]]) -> Raw:
        """Values of everything else with which the statement goes by the leaf, if there are any."""
        one = next((known for known in truths if known[leaf]), None)
        other = next((known for known in truths if not known[leaf]), None)
        if one is None or other is None:
            return {}
        for inside, outside in ((one, other), (other, one)):
            goals = [_given(statement, inside), NotOf(_given(statement, outside))]
            try:
                regions = search(goals, self._fields)
            except Exhausted:
                return {}
            if regions is not None:
                values = {operand: value for one in regions for operand, value in one.form.items()}
                for region in regions:
                    values |= example(region.truths, values, self._fields)
                return values
        return {}

    def _outcome(self, criterion: str, values: Raw) -> bool | None:
        form, today = assembled(values, self._fields)
        try:
            decision = self._eligibility.decide(self._subject, form, today or REFERENCE)
        except FormErrors:
            return None
        return next(one.outcome for one in decision.criteria if one.id == criterion)


def one_entry(statement: Statement) -> Statement:
    """The statement of a form whose lists have one entry: it is about that entry."""
    match statement:
        case AllOf(parts):
            return AllOf(tuple(one_entry(part) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(one_entry(part) for part in parts))
        case NotOf(part):
            return NotOf(one_entry(part))
        case AnyItem(_, where):
            return one_entry(where)
        case _:
            return statement


def _given(statement: Statement, known: Mapping[Leaf, bool]) -> Statement:
    """The statement where the truth of some leaves is settled."""
    match statement:
        case AllOf(parts):
            return AllOf(tuple(_given(part, known) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_given(part, known) for part in parts))
        case NotOf(part):
            return NotOf(_given(part, known))
        case _ if statement in known:
            return AllOf(()) if known[statement] else AnyOf(())
        case _:
            return statement

"""Each criterion on both sides of each of its boundaries, and on it: the tables in `boundaries`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shared.contracts import jsontext
from tests.unit.screening.byhand.completing import TODAY as TODAY_FIELD
from tests.unit.screening.byhand.completing import Criterion, truths
from tests.unit.screening.forms import TODAY, Form, of
from tests.unit.screening.near import NCT_TRIAL, PILOT_TRIAL, Trial

FOLDER = Path(__file__).parent / "boundaries"
TRIALS = {"NCT06903312": NCT_TRIAL, "CDISCPILOT01": PILOT_TRIAL}
TRUTHS = {"yes": True, "no": False, "unknown": None}
STRATUM = "le4"


class Case(NamedTuple):
    """A line of a table."""

    line: str
    trial: Trial
    criterion: str
    truth: bool | None
    changes: Form

    @property
    def form(self) -> Form:
        """The good form, changed."""
        form = {**self.trial.good(), **self.changes}
        if "attested" in self.changes:
            attested = {**self.trial.good()["attested"], **self.changes["attested"]}
            form["attested"] = {name: said for name, said in attested.items() if said is not None}
        return form

    @property
    def by_hand(self) -> Criterion:
        """The criterion that the case is about."""
        if self.criterion == STRATUM:
            assert self.trial.stratum is not None
            return self.trial.stratum
        return self.trial.criteria[self.criterion]


def cases(name: str) -> Iterator[Case]:
    """The table of a trial."""
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            criterion, truth, changes = line.split(maxsplit=2)
            yield Case(line, TRIALS[name], criterion, TRUTHS[truth], dict(_read(changes)))


def _read(text: str) -> Any:
    return jsontext.loads(text.encode())


CASES = [case for name in TRIALS for case in cases(name)]


def by_criterion(some: list[Case]) -> dict[str, list[Case]]:
    """The cases of each criterion."""
    ordered = sorted(some, key=lambda case: case.criterion)
    return {name: list(group) for name, group in groupby(ordered, lambda case: case.criterion)}


@pytest.mark.parametrize("criterion", by_criterion(CASES))
def test_cases(criterion: str) -> None:
    wrong = {case.line for case in by_criterion(CASES)[criterion] if not is_decided(case)}
    assert wrong == set()


def is_decided(case: Case) -> bool:
    """Whether the engine decides as the table says, and counts the criterion for the verdict."""
    decision = case.trial.decide(case.form)
    if case.criterion == STRATUM:
        yes, no = case.trial.strata
        stratum = {True: yes, False: no, None: None}[case.truth]
        verdict = "incomplete" if case.truth is None else "eligible"
        return (decision.stratum, decision.verdict) == (stratum, verdict)
    unmet = case.truth is (case.criterion[0] == "E")
    return (
        of(decision, case.criterion).outcome is case.truth
        and (case.criterion in decision.unmet) is unmet
        and (case.criterion in decision.unknown) is (case.truth is None)
    )


def sides_without_a_case(some: list[Case]) -> Iterator[str]:
    """The places beside the boundaries of one criterion at which no case stands that would turn if
    the statement there did.
    """
    criterion = some[0].by_hand
    for at, statement in enumerate(criterion.statements):
        for side, stands in statement.sides.items():
            if not any(_turns(case, at) and stands(*_values(case, at)) for case in some):
                yield side


def _values(case: Case, at: int) -> list[Any]:
    known = {**case.form, TODAY_FIELD: TODAY.isoformat()}
    return [known.get(name) for name in case.by_hand.statements[at].fields]


def _turns(case: Case, at: int) -> bool:
    found = truths(case.by_hand, case.form, TODAY)
    if None in found or None in _values(case, at):
        return False
    other = [*found[:at], not found[at], *found[at + 1 :]]
    return case.by_hand.holds(*found) is not case.by_hand.holds(*other)


@pytest.mark.parametrize("name", TRIALS)
def test_every_criterion_has_a_case_on_each_side_of_every_boundary(name: str) -> None:
    found = by_criterion([case for case in CASES if case.trial is TRIALS[name]])
    strata = {STRATUM} if TRIALS[name].stratum else set()
    assert found.keys() == TRIALS[name].criteria.keys() | strata
    bare = {
        criterion: [*sides_without_a_case(some)]
        + [word for word, truth in TRUTHS.items() if truth not in [one.truth for one in some]]
        for criterion, some in found.items()
    }
    assert {criterion: sides for criterion, sides in bare.items() if sides} == {}


def test_a_boundary_without_a_case_is_found() -> None:
    age = by_criterion(CASES)["I02"]
    assert list(sides_without_a_case(age)) == []
    assert list(sides_without_a_case([one for one in age if one.form["age"] != 17])) == ["age 17"]

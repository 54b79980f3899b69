"""Today, which no form holds; a list whose entries nothing refuses."""

from datetime import timedelta
from typing import Any

import pytest

from services.screening.criteria import Outcome
from services.screening.eligibility import Eligibility
from shared.contracts import protocol_file
from shared.contracts.subjects import SubjectId
from tests.unit.screening.forms import HEAD, TODAY, quantity

PROTOCOL = (
    HEAD
    + """\
eligibility:
  fields:
    day: {type: date}
    scans:
      type: list
      of:
        type: item
        members:
          size: {type: quantity, unit: mm}
  criteria:
    - {id: I01, category: inclusion, text: A rule., rule: RULE}
"""
)


def decided(rule: str, **form: Any) -> Outcome:
    protocol = protocol_file.parse(PROTOCOL.replace("RULE", rule).encode(), "t.yaml")
    return Eligibility.of(protocol).decide(SubjectId("AA-0001"), form, TODAY).criteria[0]


# rule, the days from today on which it turns: the last of the one answer, the first of the other
TURNS = [("{on_or_before: {field: day, day: today}}", (0, True), (1, False))]


@pytest.mark.parametrize(("rule", "one", "other"), TURNS)
def test_days_from_today(rule: str, one: tuple[int, bool], other: tuple[int, bool]) -> None:
    for days, truth in (one, other):
        found = decided(rule, day=(TODAY + timedelta(days=days)).isoformat())
        assert (found.outcome, [*found.evidence]) == (truth, ["day"])
    unknown = decided(rule)
    assert (unknown.outcome, unknown.missing) == (None, ("day",))


SIZE = "{any_item: {list: scans, where: {number: {field: item.size, above: 1 cm}}}}"


def test_an_entry_in_another_unit_where_no_entry_is_refused() -> None:
    """No ``refuse`` stands at this list, and the entry before it lacks the member."""
    found = decided(SIZE, scans=[{}, {"size": quantity("1.1", "cm")}])
    assert found.outcome is True
    assert found.converted == {"scans": [{}, {"size": {"value": 11, "unit": "mm"}}]}
    assert decided(SIZE, scans=[{"size": quantity(10, "mm")}]).outcome is False

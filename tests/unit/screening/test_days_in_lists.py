"""Statements about a day that is a member of a list's entries, and windows with a near end."""

from typing import Any

import pytest

from services.screening.compiling import compiled
from services.screening.fields import DateField, ListField
from services.screening.scope import Scope
from services.screening.vocabulary import statement

DAY = {"type": "date"}
MEMBERS = {"on": DAY, "until": {"type": "date", "null_means": "still_on"}}
VISITS = ListField.model_validate({"type": "list", "of": {"type": "item", "members": MEMBERS}})
SCOPE = Scope.of({"visits": VISITS, "start": DateField(type="date")})
START = 740_000


@pytest.mark.parametrize(
    ("where", "inside", "outside"),
    [
        ({"within": {"field": "item.on", "before": "start", "days": 7}}, (-7, 0), (-8, 1)),
        ({"within": {"field": "item.on", "before": "start", "days": [2, 5]}}, (-5, -2), (-6, -1)),
        ({"within": {"field": "item.on", "after": "start", "days": [2, 5]}}, (2, 5), (1, 6)),
        ({"on_or_before": {"field": "item.on", "day": "start"}}, (-1, 0), (1, 2)),
        ({"earlier_than": {"field": "item.on", "before": "start", "days": 3}}, (-5, -4), (-3, 0)),
    ],
)
def test_a_day_of_an_entry(where: Any, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    rule = compiled(statement({"any_item": {"list": "visits", "where": where}}, SCOPE))
    for days, truth in ((inside, True), (outside, False)):
        for by in days:
            facts = {"visits": [{"item.on": START + by}], "start": START}
            assert rule.test(facts) is truth
    assert rule.test({"visits": [{}], "start": START}) is None
    assert rule.asks({"visits": [{}], "start": START}) == {"visits"}
    assert rule.asks({"visits": [{"item.on": START}]}) == {"start"}


def test_a_word_of_an_entry() -> None:
    where = {"says": {"field": "item.until", "word": "still_on"}}
    rule = compiled(statement({"any_item": {"list": "visits", "where": where}}, SCOPE))
    assert rule.test({"visits": [{"item.until": "still_on"}]}) is True
    assert rule.test({"visits": [{"item.until": START}]}) is False
    assert rule.test({"visits": [{}]}) is None
